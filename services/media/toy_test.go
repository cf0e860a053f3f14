package media_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	service "github.com/trunkline-io/trunkline/services/media"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// The toy is a carrier that can what Twilio cannot: wide audio in binary
// messages, flow control, keys both ways, an answer and an end on the socket.
// It has no marks, does not name the leg, and signs nothing.
var toy = provider.Spec{
	Name: "toy", DisplayName: "Toy", Connectivity: provider.API, Can: []provider.Ability{provider.CanStream, provider.CanSendDTMF},
	Format: trunk.DefaultFormat, DigitsFrom: provider.DigitsFromWebhook,
	Open:     func(provider.Config) (provider.Driver, error) { return toyDriver{}, nil },
	NewCodec: func(provider.CodecConfig) provider.Codec { return toyCodec{} },
}

func init() { provider.Register(&toy) }

type toyDriver struct{}

func (toyDriver) Dial(context.Context, provider.DialRequest) (provider.DialResult, error) {
	return provider.DialResult{}, errors.New("a toy")
}

func (toyDriver) Hangup(context.Context, provider.Leg) error { return nil }

func (toyDriver) SendDTMF(context.Context, provider.Leg, string) error { return nil }

type toyCodec struct{}

func (toyCodec) Decode(m media.Message, out []media.Event) ([]media.Event, error) {
	word, rest, _ := strings.Cut(string(m.Data), " ")
	switch {
	case m.Binary:
		out = append(out, media.Event{Kind: media.EventAudio, Audio: m.Data})
	case word == "start": // and the first audio with it
		out = append(out, media.Event{Kind: media.EventStarted, Start: &media.Start{StreamID: "T1", In: trunk.DefaultFormat, Out: trunk.DefaultFormat}},
			media.Event{Kind: media.EventAudio, Audio: []byte(rest)})
	case word == "echo":
		out = append(out, media.Event{Kind: media.EventAudio, Audio: []byte(rest), Track: "outbound"})
	case word == "key":
		out = append(out, media.Event{Kind: media.EventDTMF, Digit: rest})
	case word == "xoff", word == "xon":
		out = append(out, media.Event{Kind: media.EventFlow, Paused: word == "xoff"})
	case word == "cleared":
		out = append(out, media.Event{Kind: media.EventCleared})
	}
	return out, nil
}

func (toyCodec) Encode(c media.Command, out []media.Message) ([]media.Message, error) {
	switch c.Kind {
	case media.CommandAudio:
		return append(out, media.Message{Binary: true, Data: c.Audio}), nil
	case media.CommandClear:
		return append(out, media.Message{Data: []byte("clear")}), nil
	case media.CommandDTMF:
		switch c.Digits {
		case "impossible":
			return out, errors.New("no such keys")
		case "A":
			return out, nil // not on the socket
		}
		return append(out, media.Message{Data: []byte("keys " + c.Digits)}), nil
	case media.CommandAnswer:
		return append(out, media.Message{Data: []byte("answer")}), nil
	case media.CommandStop:
		return append(out, media.Message{Data: []byte("bye")}), nil
	}
	return out, nil
}

// toyCall records a call on the toy's trunk and opens its socket.
func (s *site) toyCall(callID string) *toyPeer {
	s.t.Helper()
	for _, f := range []event.Fact{event.CallReceived{Application: "app"}, event.AgentBound{Application: "app", StreamID: stream(callID)}} {
		e := event.New("/test", org, callID, f)
		e.Trunk, e.Provider = "toy", "toy"
		if _, _, err := s.bus.Record(s.t.Context(), e); err != nil {
			s.t.Fatal(err)
		}
	}
	p := path(callID)
	p.Trunk = "toy"
	conn, _, err := websocket.DefaultDialer.Dial(s.links.Stream(p, time.Now().Add(time.Minute)), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &toyPeer{s.t, conn}
}

type toyPeer struct {
	t    *testing.T
	conn *websocket.Conn
}

func (p *toyPeer) send(text string) {
	p.t.Helper()
	if err := p.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

// next is the next message: a word, or "audio".
func (p *toyPeer) next() string {
	p.t.Helper()
	kind, data, err := p.conn.ReadMessage()
	if err != nil {
		p.t.Fatal(err)
	}
	if kind == websocket.TextMessage {
		return string(data)
	}
	if len(data) != trunk.DefaultFormat.FrameBytes() {
		p.t.Fatalf("a frame has %d bytes, want %d", len(data), trunk.DefaultFormat.FrameBytes())
	}
	return "audio"
}

func (p *toyPeer) want(words ...string) {
	p.t.Helper()
	for _, want := range words {
		if got := p.next(); got != want {
			p.t.Fatalf("the node sent %s, want %s", got, want)
		}
	}
}

func TestCarrierOfAnotherKind(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	a := s.agent("c1")
	p := s.toyCall("c1")
	p.send("start ab")
	p.want("answer")
	a.started()
	p.send("echo what the caller hears is not the agent's to hear")
	if err := p.conn.WriteMessage(websocket.BinaryMessage, []byte("cdef")); err != nil {
		t.Fatal(err)
	}
	if got := string(a.hear(6)); got != "abcdef" {
		t.Errorf("the agent hears %q, want abcdef untouched", got)
	}
	p.send("key 5") // recorded by the webhook
	if sig := a.signal(); sig.DTMF == nil || sig.DTMF.Digit != "5" {
		t.Errorf("the agent is told %+v, want digit 5", sig)
	}

	p.send("xoff")
	p.send("key 6")
	a.signal() // so the carrier's wish is known
	a.say(make([]byte, 3*640))
	a.order(media.Control{DTMF: &media.DTMFControl{Digits: "12#"}})
	a.order(media.Control{DTMF: &media.DTMFControl{Digits: "impossible"}})
	a.order(media.Control{DTMF: &media.DTMFControl{Digits: "A"}})
	p.want("keys 12#")
	if o := s.given(command.DTMFSend{}.Type()); o.Call != "c1" || string(o.Data) != `{"digits":"A"}` {
		t.Errorf("callctl is told %s of %s, want the key that the socket takes not", o.Data, o.Call)
	}
	p.send("xon")
	p.want("audio", "audio", "audio")
	a.order(media.Control{Mark: &media.MarkControl{Name: "heard"}})
	if sig := a.signal(); sig.Mark == nil || *sig.Mark != (media.Mark{Name: "heard"}) {
		t.Errorf("the agent is told %+v, want the mark, by the clock", sig)
	}
	a.order(media.Control{Clear: &media.Clear{}})
	p.want("clear")
	p.send("cleared")
	if diff := cmp.Diff(&media.Cleared{HeardMS: 60}, a.signal().Cleared); diff != "" {
		t.Errorf("cleared (-want +got):\n%s", diff)
	}
	_ = p.conn.Close()
	s.fact("c1", event.StreamStopped{})
	if facts, err := s.bus.Facts(t.Context(), org, "c1", event.DTMFReceived{}.Type()); err != nil || len(facts) != 0 {
		t.Errorf("%d digits are recorded, %v; want none where the webhook counts", len(facts), err)
	}
}

func TestCarrierIsToldOfTheEnd(t *testing.T) {
	s := newSite(t, trunk.Application{}, func(c *service.Config) { c.DrainLimit = time.Millisecond })
	a := s.agent("c1")
	p := s.toyCall("c1")
	p.send("start")
	p.want("answer")
	a.started()
	s.drain()
	p.want("bye")
	if _, _, err := p.conn.ReadMessage(); !websocket.IsCloseError(err, socket.GoingAway) {
		t.Errorf("then %v, want close code %d", err, socket.GoingAway)
	}
}

func TestSpeechBeyondAMinuteIsDropped(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	a := s.agent("c1")
	p := s.toyCall("c1")
	p.send("start")
	p.want("answer")
	a.started()
	p.send("xoff")
	p.send("key 1")
	a.signal()
	second := make([]byte, 32000)
	for range 61 {
		a.say(second)
	}
	a.order(media.Control{Clear: &media.Clear{}})
	p.want("clear")
	if diff := cmp.Diff(&media.Cleared{DroppedMS: 60_000}, a.signal().Cleared); diff != "" {
		t.Errorf("cleared (-want +got):\n%s", diff)
	}
	if n := strings.Count(s.log.String(), "kind=overflow"); n != 1 {
		t.Errorf("%d lines tell of it, want one", n)
	}
}

// TestLegKnownOnlyAfterTheUpgrade: the reply to a dial races with the stream.
func TestLegKnownOnlyAfterTheUpgrade(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	for callID, announced := range map[string]string{"right": leg, "wrong": otherLeg} {
		e := event.New("/test", org, callID, event.CallRequested{To: "+14155550177", Application: "app", RingSeconds: 30})
		e.Trunk, e.Provider = "main", "twilio"
		if _, _, err := s.bus.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		a := s.agent(callID)
		c := s.open(callID)
		s.record(callID, event.CallInitiated{})
		c.start(announced)
		if callID == "wrong" {
			c.closed(socket.Policy)
			continue
		}
		a.started()
		c.stop()
		c.closed(socket.Normal)
	}
}

func TestWithoutTheLogNoSocketIsOpened(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.ring("c1")
	s.ring("c2")
	a := s.agent("c1")
	running, waiting := s.answer("c1"), s.open("c2")
	a.started()
	s.nats.Stop()
	for status := 200; status != http.StatusServiceUnavailable; status, _ = s.get("/readyz") {
	}
	url := s.url("c2")
	if _, resp, err := websocket.DefaultDialer.Dial(url, handshake(url)); err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a socket without a log: %v, response %+v; want status 503", err, resp)
	}
	waiting.start(leg)
	waiting.closed(socket.InternalError)
	running.speak(make([]byte, 1600)) // a call in progress goes on, deaf and dumb
	running.stop()
	running.closed(socket.Normal)
}
