package media_test

import (
	"crypto/sha256"
	"encoding/base32"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	contrib "github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"

	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	_ "github.com/trunkline-io/trunkline/pkg/provider/ari"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	service "github.com/trunkline-io/trunkline/services/media"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

const (
	pbxApp  = "trunkline_test"
	channel = "1795342530.43" // the caller's leg
)

// pbx is an Asterisk whose media sockets wait to be dialled.
type pbx struct {
	url     string
	answers chan int           // HTTP statuses of the next requests; none left: a socket is opened
	sockets chan *contrib.Conn // those that were opened; each lives until over is closed
	asked   chan http.Header   // of each request
	over    chan struct{}
}

func newPBX(t *testing.T) *pbx {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pbx{
		url: "ws://" + ln.Addr().String() + "/media/", answers: make(chan int, 10), sockets: make(chan *contrib.Conn, 10),
		asked: make(chan http.Header, 100), over: make(chan struct{}),
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/media/:id", func(c *fiber.Ctx) error {
		p.asked <- http.Header{"Authorization": {strings.Clone(c.Get("Authorization"))}}
		select {
		case status := <-p.answers:
			return c.SendStatus(status)
		default:
			return c.Next()
		}
	}, contrib.New(func(c *contrib.Conn) {
		p.sockets <- c
		<-p.over
	}, contrib.Config{Subprotocols: []string{"media"}}))
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	t.Cleanup(func() {
		close(p.over)
		_ = app.ShutdownWithTimeout(time.Second)
		<-done
	})
	return p
}

// socket is the next socket that was opened, with its announcement sent.
func (p *pbx) socket(t *testing.T) *contrib.Conn {
	t.Helper()
	select {
	case c := <-p.sockets:
		send(t, c, `{"event":"MEDIA_START","connection_id":"e112c046","channel":"WebSocket/INCOMING/0x7f","channel_id":"`+mediaChannel(channel)+
			`","format":"ulaw","optimal_frame_size":160,"ptime":20,"channel_variables":{}}`)
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("no socket is opened")
		return nil
	}
}

// mediaChannel is the id that our own ari provider gives to the media leg of a
// caller.
func mediaChannel(caller string) string {
	sum := sha256.Sum256([]byte(pbxApp))
	tag := base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").EncodeToString(sum[:15])[:6]
	return "tm" + tag + "-0123456789abcdef-" + caller
}

func send(t *testing.T, c *contrib.Conn, text string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// leave closes a socket.
func leave(t *testing.T, c *contrib.Conn) {
	t.Helper()
	if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
}

// heard reads n frames of mu-law.
func heard(t *testing.T, c *contrib.Conn, n int) (ulaw []byte) {
	t.Helper()
	for len(ulaw) < n*160 {
		kind, data, err := c.ReadMessage()
		if err != nil || kind == websocket.BinaryMessage && len(data)%160 != 0 {
			t.Fatalf("read %q, %v; want whole frames", data, err)
		}
		if kind == websocket.BinaryMessage {
			ulaw = append(ulaw, data...)
		}
	}
	return ulaw
}

// closes reads up to the end of a socket.
func closes(t *testing.T, c *contrib.Conn, code int) {
	t.Helper()
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, code) {
				t.Errorf("the socket ended with %v, want close code %d", err, code)
			}
			return
		}
	}
}

// enter records a call that has come in at the Asterisk.
func (s *site) enter(callID string) {
	s.t.Helper()
	for _, f := range []event.Fact{event.CallReceived{Application: "app"}, event.AgentBound{Application: "app", StreamID: stream(callID)}} {
		e := event.New("/test", org, callID, f)
		e.Trunk, e.Provider, e.Leg = "pbx", "ari", channel
		if _, _, err := s.bus.Record(s.t.Context(), e); err != nil {
			s.t.Fatal(err)
		}
	}
}

// order tells the nodes to dial the socket of a call.
func (s *site) order(callID, url string) {
	s.t.Helper()
	err := s.bus.Send(s.t.Context(), org, callID, command.MediaConnect{
		Trunk: "pbx", Leg: channel, StreamID: stream(callID), URL: url, Protocol: "media", Headers: map[string]string{"authorization": "Basic dTpw"},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestSocketIsDialled(t *testing.T) {
	s, p := newSite(t, trunk.Application{}, nil), newPBX(t)
	s.enter("c1")
	a := s.agent("c1")
	s.order("c1", p.url+"secret-id")
	c := p.socket(t)
	if got := <-p.asked; got.Get("Authorization") != "Basic dTpw" {
		t.Errorf("the request has the header %v", got)
	}
	if got := c.Subprotocol(); got != "media" {
		t.Errorf("the protocol is %q", got)
	}
	if started := a.started(); started.Call != "c1" || started.Provider != "ari" {
		t.Errorf("the agent is told %+v", started)
	}
	if e := s.fact("c1", event.StreamStarted{}); e.Leg != channel {
		t.Errorf("the stream is that of leg %q", e.Leg)
	}
	for said := ulawOf(tone.Sine(1000, 8000, 200*time.Millisecond, -10)); len(said) > 0; said = said[160:] {
		if err := c.WriteMessage(websocket.BinaryMessage, said[:160]); err != nil {
			t.Fatal(err)
		}
	}
	a.say(a.hear(6400))
	wantLevel(t, "the agent at the caller", pcmOfULaw(heard(t, c, 10))[160:], -10)

	send(t, c, `{"event":"DTMF_END","digit":"4","channel_id":"x"}`)
	if sig := a.signal(); sig.DTMF == nil || sig.DTMF.Digit != "4" {
		t.Errorf("the agent is told %+v, want digit 4", sig)
	}
	leave(t, c)
	if f := s.fact("c1", event.StreamStopped{}).Data.(event.StreamStopped); f.Reason != "closed" || f.InMS != 200 || f.OutMS != 200 {
		t.Errorf("recorded %+v", f)
	}
	if strings.Contains(s.log.String(), "secret-id") {
		t.Error("the log gives the socket away")
	}
}

// TestPBXIsBackInTime: what may pass is tried again.
func TestPBXIsBackInTime(t *testing.T) {
	s, p := newSite(t, trunk.Application{}, nil), newPBX(t)
	s.enter("c1")
	a := s.agent("c1")
	for range 3 {
		p.answers <- http.StatusServiceUnavailable
	}
	s.order("c1", p.url+"id")
	p.socket(t)
	a.started()
	if n := len(p.asked); n != 4 {
		t.Errorf("the socket was asked for %d times, want 4", n)
	}
}

func TestOrderIsRefused(t *testing.T) {
	s, p := newSite(t, trunk.Application{}, nil), newPBX(t)
	for _, id := range []string{"unknown-id", "used-id", "bad-url", "ended", "taken", "leg"} {
		s.enter(id)
	}
	s.record("ended", event.CallEnded{Status: call.Completed, Cause: call.CauseNormal})
	taken := event.New("/test", org, "taken", event.StreamStarted{StreamID: stream("taken"), Node: "node-2", InFormat: "ulaw/8000", OutFormat: "ulaw/8000"})
	taken.Leg = "1795342530.99"
	if _, _, err := s.bus.Record(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	s.ring("twilio")
	for name, c := range map[string]struct {
		change func(*command.MediaConnect)
		status int // of the PBX, if it is asked at all
		code   string
		reason string
	}{
		"unknown-id": {status: http.StatusNotFound, code: "no_socket", reason: "status 404"},
		"used-id":    {status: http.StatusConflict, code: "no_socket", reason: "status 409"},
		"bad-url":    {change: func(c *command.MediaConnect) { c.URL = "ws://p%bx/secret-id" }, code: "no_socket", reason: "malformed"},
		"nobody":     {code: "not_found", reason: "no such call"},
		"ended":      {code: "call_ended", reason: "has ended"},
		"taken":      {code: "conflict", reason: "another leg's"},
		"leg":        {change: func(c *command.MediaConnect) { c.Leg = "1795342530.99" }, code: "conflict", reason: "has another leg"},
		"no-trunk":   {change: func(c *command.MediaConnect) { c.Trunk = "nowhere" }, code: "not_found", reason: "nowhere"},
		"incomplete": {change: func(c *command.MediaConnect) { c.URL = "" }, code: "invalid_stream", reason: "set trunk"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.with(t)
			if c.status != 0 {
				p.answers <- c.status
			}
			order := command.MediaConnect{Trunk: "pbx", Leg: channel, StreamID: stream(name), URL: p.url + "secret-id"}
			if c.change != nil {
				c.change(&order)
			}
			if err := s.bus.Send(t.Context(), org, name, order); err != nil {
				t.Fatal(err)
			}
			failed := s.fact(name, event.CommandFailed{}).Data.(event.CommandFailed)
			if failed.Command != order.Type() || failed.Code != c.code || !strings.Contains(failed.Message, c.reason) {
				t.Errorf("recorded %+v, want %s for %q", failed, c.code, c.reason)
			}
			if letter := s.dead(name); letter.Code != c.code || letter.Reason != failed.Message {
				t.Errorf("the dead letter says %+v, want the same", letter)
			}
			if n := len(p.answers); n != 0 {
				t.Error("the PBX was not asked")
			}
			s.noFact(name, event.StreamStopped{StreamID: stream(name)})
		})
	}
	if strings.Contains(s.log.String(), "secret-id") {
		t.Error("the log gives a socket away")
	}
	if len(p.sockets) != 0 {
		t.Error("a socket was opened")
	}
	if _, metrics := s.get("/metrics"); !strings.Contains(metrics, `trunkline_media_orders_total{result="no_socket"} 3`) {
		t.Error("the metrics do not tell of it")
	}
}

// dead waits for the dead letter of a call's order.
func (s *site) dead(callID string) bus.Dead {
	s.t.Helper()
	for {
		letters, err := s.bus.DeadLetters(s.t.Context(), 100)
		if err != nil {
			s.t.Fatal(err)
		}
		if at := slices.IndexFunc(letters, func(d bus.Dead) bool { return strings.Contains(d.Subject, "."+callID+".") }); at >= 0 {
			return letters[at]
		}
	}
}

// TestOrderComesAgain: its first acknowledgement was lost.
func TestOrderComesAgain(t *testing.T) {
	s, p := newSite(t, trunk.Application{}, nil), newPBX(t)
	s.enter("c1")
	a := s.agent("c1")
	s.order("c1", p.url+"id")
	c := p.socket(t)
	a.started()
	s.order("c1", p.url+"id")
	s.order("c1", p.url+"another") // the media leg was made anew
	next := p.socket(t)
	a.started()
	closes(t, c, socket.Normal)
	if n := len(p.asked); n != 2 {
		t.Errorf("the PBX was asked %d times, want twice", n)
	}
	leave(t, next)
	s.fact("c1", event.StreamStopped{})
	s.order("c1", p.url+"id") // a socket that is closed is not open any more
	p.socket(t)
}

func TestOrderWaitsForASlot(t *testing.T) {
	s, p := newSite(t, trunk.Application{}, func(c *service.Config) { c.MaxCalls = 1 }), newPBX(t)
	s.enter("c1")
	s.enter("c2")
	a, b := s.agent("c1"), s.agent("c2")
	s.order("c1", p.url+"1")
	c := p.socket(t)
	a.started()
	s.order("c2", p.url+"2")
	for metrics := ""; !strings.Contains(metrics, `trunkline_media_orders_total{result="again"}`); _, metrics = s.get("/metrics") {
	}
	leave(t, c)
	p.socket(t)
	if started := b.started(); started.Call != "c2" {
		t.Errorf("the agent is told of %s", started.Call)
	}
}

func TestDrainingNodeTakesNoOrders(t *testing.T) {
	s, p := newSite(t, trunk.Application{}, nil), newPBX(t)
	s.enter("c1")
	s.enter("c2")
	a, b := s.agent("c1"), s.agent("c2")
	s.order("c1", p.url+"1")
	c := p.socket(t)
	a.started()
	s.drain()
	for status := 0; status != http.StatusServiceUnavailable; status, _ = s.get("/readyz") {
	}
	s.another("node-2")
	s.order("c2", p.url+"2")
	leave(t, p.socket(t))
	b.started()
	if f := s.fact("c2", event.StreamStarted{}).Data.(event.StreamStarted); f.Node != "node-2" {
		t.Errorf("the stream is at %s, want node-2", f.Node)
	}
	if err := c.WriteMessage(websocket.BinaryMessage, make([]byte, 160)); err != nil {
		t.Fatal(err)
	}
	a.hear(640) // the call there goes on
	select {
	case err := <-s.ended:
		t.Fatalf("the node ended with a call in progress: %v", err)
	default:
	}
	leave(t, c)
	if err := <-s.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
	s.ended <- nil
}
