package media_test

import (
	"bytes"
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	contrib "github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// webAgent is an agent that waits to be dialled; talk has the socket of a call.
func webAgent(t *testing.T, talk func(*contrib.Conn)) trunk.Application {
	t.Helper()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", contrib.New(talk))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	t.Cleanup(func() {
		_ = app.ShutdownWithTimeout(time.Second)
		<-done
	})
	return trunk.Application{Agent: trunk.Agent{Kind: trunk.AgentWebSocket, URL: "ws://" + ln.Addr().String() + "/"}}
}

func readSignal(t *testing.T, c *contrib.Conn) (sig media.Signal) {
	t.Helper()
	kind, doc, err := c.ReadMessage()
	if err != nil || kind != websocket.TextMessage {
		t.Errorf("read %q, %v; want a signal", doc, err)
		return sig
	}
	if err := json.Unmarshal(doc, &sig); err != nil {
		t.Error(err)
	}
	return sig
}

func TestAgentByWebSocket(t *testing.T) {
	started, digit, stopped := make(chan media.Signal, 1), make(chan media.Signal, 1), make(chan media.Signal, 1)
	app := webAgent(t, func(c *contrib.Conn) {
		started <- readSignal(t, c)
		var heard []byte
		for len(heard) < 6400 {
			kind, data, err := c.ReadMessage()
			if err != nil || kind != websocket.BinaryMessage {
				t.Errorf("read %q, %v; want audio", data, err)
				return
			}
			heard = append(heard, data...)
		}
		_ = c.WriteMessage(websocket.BinaryMessage, heard)
		_ = c.WriteMessage(websocket.TextMessage, []byte(`{"mark":{"name":"end"}}`))
		digit <- readSignal(t, c)
		stopped <- readSignal(t, c)
		_, _, _ = c.ReadMessage()
	})
	s := newSite(t, app, nil)
	s.ring("c1")
	c := s.answer("c1")
	if sig := <-started; sig.Started == nil || sig.Started.Call != "c1" || sig.Started.Format != trunk.DefaultFormat {
		t.Errorf("the agent is told %+v, want started", sig)
	}
	c.speak(ulawOf(tone.Sine(1000, 8000, 200*time.Millisecond, -10)))
	wantLevel(t, "the agent at the caller", pcmOfULaw(c.hear(10))[160:], -10)
	if m := c.next(); m.Event != "mark" {
		t.Errorf("then came %s, want the mark", m.Event)
	}
	c.press("7")
	if sig := <-digit; sig.DTMF == nil || sig.DTMF.Digit != "7" {
		t.Errorf("the agent is told %+v, want digit 7", sig)
	}
	c.stop()
	c.closed(socket.Normal)
	if sig := <-stopped; sig.Stopped == nil || sig.Stopped.Reason != "stop" {
		t.Errorf("the agent is told %+v, want stopped", sig)
	}
}

// TestAgentGoesAway: the carrier's socket is closed, so that its markup goes on.
func TestAgentGoesAway(t *testing.T) {
	for name, c := range map[string]struct {
		talk   func(*contrib.Conn)
		detail bool
	}{
		"hangs up": {func(c *contrib.Conn) {
			_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Minute))
			_, _, _ = c.ReadMessage()
		}, false},
		"dies": {func(*contrib.Conn) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, webAgent(t, func(conn *contrib.Conn) {
				readSignal(t, conn)
				c.talk(conn)
			}), nil)
			s.ring("c1")
			peer := s.answer("c1")
			peer.closed(socket.Normal)
			f := s.fact("c1", event.StreamStopped{}).Data.(event.StreamStopped)
			if f.Reason != "agent" || (f.Detail != "") != c.detail {
				t.Errorf("recorded %+v, want reason agent, with a detail where it died", f)
			}
		})
	}
}

func TestAgentCannotBeReached(t *testing.T) {
	for name, agent := range map[string]trunk.Agent{
		"nobody there": {Kind: trunk.AgentWebSocket, URL: "ws://127.0.0.1:1/"},
		"unknown kind": {Kind: "pigeon"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, trunk.Application{Agent: agent}, nil)
			s.ring("c1")
			s.answer("c1").closed(socket.Normal)
			if f := s.fact("c1", event.StreamStopped{}).Data.(event.StreamStopped); f.Reason != "agent" || f.Detail == "" {
				t.Errorf("recorded %+v, want reason agent and why", f)
			}
		})
	}
}

// TestTwoCallsStayApart: what belongs to one call never reaches another.
func TestTwoCallsStayApart(t *testing.T) {
	s := newSite(t, trunk.Application{Format: media.Format{Encoding: media.ULaw, Rate: 8000}}, nil)
	type pair struct {
		a *agent
		c *carrier
	}
	pairs := map[byte]pair{}
	for _, id := range []string{"c1", "c2", "c3"} {
		s.ring(id)
		p := pair{a: s.agent(id)}
		p.c = s.answer(id)
		p.a.started()
		pairs[id[1]] = p
	}
	for b, p := range pairs {
		p.c.speak(bytes.Repeat([]byte{b}, 1600))
	}
	for b, p := range pairs {
		if diff := cmp.Diff(bytes.Repeat([]byte{b}, 1600), p.a.hear(1600)); diff != "" {
			t.Errorf("agent %c:\n%s", b, diff)
		}
		p.a.say(bytes.Repeat([]byte{b}, 1600))
	}
	for b, p := range pairs {
		if diff := cmp.Diff(bytes.Repeat([]byte{b}, 1600), p.c.hear(10)); diff != "" {
			t.Errorf("caller %c:\n%s", b, diff)
		}
	}
}
