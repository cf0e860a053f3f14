package ingress_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// switchboard is a carrier that calls nobody back: it tells what happens to
// whoever listens, and is answered over REST.
type switchboard struct {
	toy
	account string
}

// ear is one run of Listen.
type ear struct {
	account string
	sink    provider.EventSink
	ctx     context.Context
	result  chan error // what Listen returns
}

// ears are handed over as they open.
var ears = make(chan *ear, 16)

func init() {
	provider.Register(&provider.Spec{Name: "switchboard", DisplayName: "Switchboard", AccountField: "account",
		Fields: []provider.FieldSpec{{Name: "account", Label: "Account", Type: provider.Text, Required: true}},
		Can:    []provider.Ability{provider.CanListen, provider.CanAnswer},
		Steps:  []string{"stream", "reject", "hangup"},
		Open: func(c provider.Config) (provider.Driver, error) {
			return switchboard{account: c.String("account")}, nil
		}})
}

func (d switchboard) Answer(context.Context, provider.Leg, call.Instruction) error { return nil }

func (d switchboard) Listen(ctx context.Context, sink provider.EventSink) error {
	e := &ear{d.account, sink, ctx, make(chan error, 1)}
	sink.Socket(nil)
	ears <- e
	select {
	case err := <-e.result:
		return err
	case <-ctx.Done():
		return nil
	}
}

func nextEar(t *testing.T) *ear {
	t.Helper()
	select {
	case e := <-ears:
		return e
	case <-time.After(patience):
		t.Fatal("nobody listens")
		return nil
	}
}

func (e *ear) tell(t *testing.T, n provider.Notice) {
	t.Helper()
	if err := e.sink.Notice(e.ctx, n); err != nil {
		t.Errorf("notice is not recorded: %v", err)
	}
}

func newExchange(t *testing.T) *site {
	s := newSite(t, bustest.New(t))
	s.addTrunk("pbx", "switchboard", map[string]any{"account": "S1"})
	s.addNumber("pbx", number)
	return s
}

func TestEventsAreRecordedLikeWebhooks(t *testing.T) {
	s := newExchange(t)
	offers := s.agents(yes)
	s.start(s.bus)
	e := nextEar(t)
	came := provider.Notice{Kind: provider.InboundCall, LegID: "C1", From: "+14155550199", To: number, Direction: call.Inbound, EventID: "e1"}
	e.tell(t, came)
	e.tell(t, came) // told again after a reconnect
	id := call.InboundID(org, "pbx", "C1")
	stream := s.facts(id)["agent.bound"].Data.(event.AgentBound).StreamID
	if o := s.orders("call.answer", 1)[0]; o.Call != id || !strings.Contains(string(o.Data), `"leg":"C1"`) || !strings.Contains(string(o.Data), stream) {
		t.Errorf("order is %s %s", o.Call, o.Data)
	}
	if n := len(offers()); n != 1 {
		t.Errorf("%d offers, want one", n)
	}
	e.tell(t, provider.Notice{Kind: provider.DTMF, LegID: "C1", Digit: "4", EventID: "e2"})
	e.tell(t, provider.Notice{Kind: provider.CallStatus, LegID: "C1", Status: call.Completed, Cause: call.CauseNormal, EventID: "e3"})
	e.tell(t, provider.Notice{Kind: provider.CallStatus, LegID: "C1", Status: call.Failed, EventID: "e4"})
	facts := s.facts(id)
	if f, _ := facts["dtmf.received"].Data.(event.DTMFReceived); f.Digit != "4" {
		t.Errorf("digit is %+v", f)
	}
	if f, _ := facts["call.ended"].Data.(event.CallEnded); f.Status != call.Completed {
		t.Errorf("end is %+v, want the first one", f)
	}
}

func TestEventsOfNobodysCall(t *testing.T) {
	s := newExchange(t)
	s.agents(yes)
	s.start(s.bus)
	e := nextEar(t)
	e.tell(t, provider.Notice{Kind: provider.CallStatus, LegID: "C8", Status: call.Completed})
	e.tell(t, provider.Notice{Kind: provider.DialEvent, LegID: "C9", Foreign: true})
	e.tell(t, provider.Notice{Kind: provider.InboundCall, LegID: "C2", To: "+14155550100"})
	if o := s.orders("call.answer", 1)[0]; !strings.Contains(string(o.Data), `"reject"`) {
		t.Errorf("order is %s, want the caller of an unknown number rejected", o.Data)
	}
	for _, leg := range []string{"C2", "C8", "C9"} {
		if facts := s.facts(call.InboundID(org, "pbx", leg)); len(facts) > 0 {
			t.Errorf("leg %s has facts %v", leg, facts)
		}
	}
}

// A carrier that speaks to nobody cannot give a spoken fallback.
func TestFallbackThatCannotBeGiven(t *testing.T) {
	s := newExchange(t)
	s.start(s.bus)
	nextEar(t).tell(t, provider.Notice{Kind: provider.InboundCall, LegID: "C1", To: number, Direction: call.Inbound})
	if o := s.orders("call.answer", 1)[0]; !strings.Contains(string(o.Data), `"steps":[{"reject":{}}]`) {
		t.Errorf("order is %s, want the caller turned away", o.Data)
	}
}

// An end that nobody heard is known by the channel's absence alone. Whether the
// call was answered, the log knows.
func TestUnheardEnd(t *testing.T) {
	s := newExchange(t)
	s.agents(yes)
	s.start(s.bus)
	e := nextEar(t)
	for leg, want := range map[string]call.Status{"rang": call.Uncertain, "talked": call.Completed} {
		e.tell(t, provider.Notice{Kind: provider.InboundCall, LegID: leg, To: number, Direction: call.Inbound})
		if leg == "talked" {
			e.tell(t, provider.Notice{Kind: provider.CallStatus, LegID: leg, Status: call.Answered})
		}
		e.tell(t, provider.Notice{Kind: provider.CallStatus, LegID: leg, Status: call.Uncertain})
		f, _ := s.facts(call.InboundID(org, "pbx", leg))["call.ended"].Data.(event.CallEnded)
		if f.Status != want {
			t.Errorf("a call that %s ends as %q, want %q", leg, f.Status, want)
		}
	}
}

func TestOneNodeListensAndAnotherFollows(t *testing.T) {
	s := newExchange(t)
	first := s.start(s.bus)
	e := nextEar(t)
	s.start(s.bus)
	s.addTrunk("second", "switchboard", map[string]any{"account": "S2"})
	if other := nextEar(t); other.account != "S2" { // the second node would have been at S1 by now
		t.Fatalf("two listen to %s", other.account)
	}
	first.end()
	if e.ctx.Err() == nil {
		t.Error("the first node still listens")
	}
	for range 2 { // the first may have had both
		if e = nextEar(t); e.account == "S1" {
			return
		}
	}
	t.Error("nobody follows")
}

func TestChangedTrunkIsListenedToAnew(t *testing.T) {
	s := newExchange(t)
	s.start(s.bus)
	e := nextEar(t)
	s.addTrunk("pbx", "switchboard", map[string]any{"account": "S3"})
	if next := nextEar(t); next.account != "S3" || e.ctx.Err() == nil {
		t.Errorf("it listens to %s, and the old listener is %v", next.account, e.ctx.Err())
	}
}

func TestListenerThatGaveUpIsShown(t *testing.T) {
	s := newExchange(t)
	n := s.start(s.bus)
	e := nextEar(t)
	e.result <- provider.Errorf(provider.KindConflict, "somebody else listens")
	for !strings.Contains(s.lines.String(), "somebody else listens") {
		if a := n.send("GET", "/metrics", nil, ""); a.Status != 200 { // it also yields
			t.Fatalf("metrics: %+v", a)
		}
	}
	s.logged("trunk is not heard", "somebody else listens", `"trunk":"pbx"`)
}
