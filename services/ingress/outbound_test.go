package ingress_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// orders takes orders of a type until there are n and no more are waiting.
func (s *site) orders(typ string, n int) []*bus.Order {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var list []*bus.Order
	err := s.bus.Work(ctx, bus.Queue{Name: "test-" + strings.ReplaceAll(typ, ".", "-"), Types: []string{typ}, Parallel: 1, AckWait: time.Minute},
		func(_ context.Context, o *bus.Order) error {
			if o.Call == "last" {
				cancel()
				return nil
			}
			if list = append(list, o); len(list) == n { // what is behind it shows before the last one
				return s.bus.SendRaw(ctx, org, "last", typ, []byte("{}"))
			}
			return nil
		})
	if err != nil || len(list) != n {
		s.t.Fatalf("%d orders %s, %v; want %d", len(list), typ, err, n)
	}
	return list
}

// requested records what callctl knows of an outbound call.
func (s *site) requested(callID string, more ...event.Fact) {
	s.t.Helper()
	facts := append([]event.Fact{event.CallRequested{To: "+14155550177", From: number, Application: application, RingSeconds: 45}}, more...)
	for _, f := range facts {
		e := event.New("/callctl", org, callID, f)
		e.Trunk, e.Provider, e.Leg = "main", "toy", "L9"
		if _, _, err := s.bus.Record(context.Background(), e); err != nil {
			s.t.Fatal(err)
		}
	}
}

func picked(leg string) provider.Notice {
	return provider.Notice{Kind: provider.Answer, LegID: leg, To: "+14155550177", From: number, Reply: true, AnsweredBy: call.Human, Verdict: "human"}
}

func TestAnsweredCallReachesOneAgent(t *testing.T) {
	b1, b2 := twoBuses(t)
	s := newSite(t, b1)
	s.requested("c1")
	offers := s.agents(yesSoon)
	nodes := []*node{s.start(b1), s.start(b2)}
	// The status callback overtakes the question what to do.
	status := provider.Notice{Kind: provider.CallStatus, LegID: "L9", Status: call.Answered}
	if a := nodes[0].toy(s.hook("main", "toy", provider.HookStatus, "c1"), toyBody(status)); a.Status != http.StatusNoContent {
		t.Fatalf("status is answered %+v", a)
	}
	path := s.hook("main", "toy", provider.HookAnswer, "c1")
	answers := fiveTimes(func(i int) answer { return nodes[i%2].toy(path, toyBody(picked("L9"))) })
	for _, a := range answers {
		if in := told(t, a); in.Steps[0].Stream == nil || a != answers[0] {
			t.Errorf("answers are %+v and %+v, want the same stream", a, answers[0])
		}
	}
	if got := offers(); len(got) != 1 {
		t.Errorf("%d offers, want 1", len(got))
	}
	facts := s.facts("c1")
	if amd, _ := facts["amd.detected"]; amd == nil || amd.Data.(event.AMDDetected).AnsweredBy != call.Human {
		t.Errorf("amd is %+v, want the verdict kept although the answer was recorded before", amd)
	}
	if facts["call.answered"] == nil || facts["agent.bound"] == nil {
		t.Errorf("facts are %v", facts)
	}
}

func TestAnswerAfterTheEndIsHungUp(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.requested("c1", event.CallEnded{Status: call.Uncertain, Cause: call.CauseUncertain})
	offers := s.agents(yes)
	n := s.start(s.bus)
	for range 2 {
		a := n.toy(s.hook("main", "toy", provider.HookAnswer, "c1"), toyBody(picked("L9")))
		if diff := cmp.Diff(hangup, told(t, a)); diff != "" {
			t.Error(diff)
		}
	}
	if len(offers()) != 0 {
		t.Error("an agent was offered a call that had ended")
	}
	if got := s.orders("call.hangup", 1)[0]; got.Call != "c1" || string(got.Data) != `{"cause":"uncertain","trunk":"main","leg":"L9"}` {
		t.Errorf("order is %s %s", got.Call, got.Data)
	}
}

func TestStatusOnlyMovesForward(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.requested("c1")
	n := s.start(s.bus)
	path := s.hook("main", "toy", provider.HookStatus, "c1")
	for _, status := range []call.Status{call.Queued, call.Answered, call.Initiated, call.Ringing} {
		n.toy(path, toyBody(provider.Notice{Kind: provider.CallStatus, LegID: "L9", Status: status}))
	}
	state, err := s.bus.State(t.Context(), org, "c1")
	if err != nil || state.Status != call.Answered {
		t.Errorf("status is %s, %v; want answered although ringing came late", state.Status, err)
	}
	seconds := 12
	end := provider.Notice{Kind: provider.CallStatus, LegID: "L9", Status: call.Busy, Cause: call.CauseBusy, Code: "486 busy", SIPCode: 486,
		Seconds: &seconds, Cost: &call.Cost{Amount: "0.02", Currency: "USD"}, Time: time.Unix(1_800_000_000, 0).UTC()}
	for range 3 {
		if a := n.toy(path, toyBody(end)); a.Status != http.StatusNoContent {
			t.Errorf("end is answered %+v", a)
		}
	}
	late := end
	late.Status = call.Completed
	n.toy(path, toyBody(late))
	facts := s.facts("c1")
	if diff := cmp.Diff(event.CallEnded{Status: call.Busy, Cause: call.CauseBusy, CarrierCode: "486 busy", SIPCode: 486, Seconds: &seconds},
		facts["call.ended"].Data); diff != "" {
		t.Error(diff)
	}
	if !facts["call.ended"].Time.Equal(end.Time) {
		t.Errorf("ended at %s, want the carrier's time", facts["call.ended"].Time)
	}
	if diff := cmp.Diff(event.CallPriced{ID: "L9", Cost: call.Cost{Amount: "0.02", Currency: "USD"}}, facts["call.priced"].Data); diff != "" {
		t.Error(diff)
	}
}

func TestCallbacksBecomeFacts(t *testing.T) {
	s := newSite(t, bustest.New(t))
	n := s.start(s.bus)
	three := 3
	for callID, c := range map[string]struct {
		notice provider.Notice
		want   event.Fact
	}{
		"amd": {provider.Notice{Kind: provider.AMD, EventID: "e1", AnsweredBy: call.Machine, Verdict: "machine_end_beep", DetectionMS: 3400},
			event.AMDDetected{ID: "e1", AnsweredBy: call.Machine, Verdict: "machine_end_beep", DetectionMS: 3400}},
		"stream": {provider.Notice{Kind: provider.StreamStatus, EventID: "e.1", StreamEvent: "error", Error: "31920"},
			event.StreamReported{ID: subject.Token("e.1"), Status: "error", Detail: "31920"}},
		"dtmf": {provider.Notice{Kind: provider.DTMF, EventID: "e1", Digit: "#"}, event.DTMFReceived{ID: "e1", Digit: "#"}},
		"no digit": {provider.Notice{Kind: provider.DTMF, EventID: "e1", Digit: "x"},
			event.CarrierReported{ID: "e1", Kind: "dtmf"}},
		"cost": {provider.Notice{Kind: provider.CostReport, Cost: &call.Cost{Amount: "1"}},
			event.CallPriced{ID: "L9", Cost: call.Cost{Amount: "1"}}},
		"recording": {provider.Notice{Kind: provider.Recording, RecordingID: "R1", RawStatus: "completed", RecordingURL: "https://x/r", Seconds: &three},
			event.RecordingReported{ID: "R1-completed", Status: "completed", URL: "https://x/r", Seconds: 3}},
		"conference": {provider.Notice{Kind: provider.Conference, EventID: "e1", RawStatus: "end", Detail: map[string]string{"room": "r"}},
			event.CarrierReported{ID: "e1", Kind: "conference", Status: "end", Detail: map[string]string{"room": "r"}}},
		"dial": {provider.Notice{Kind: provider.DialEvent, EventID: "e1", RawStatus: "ringing", ChildLeg: "L2"},
			event.CarrierReported{ID: "e1", Kind: "dial_event", Status: "ringing", Detail: map[string]string{"child_leg": "L2"}}},
		"unknown word": {provider.Notice{Kind: provider.CallStatus, EventID: "e1", RawStatus: "levitating"},
			event.CarrierReported{ID: "e1", Kind: "call_status", Status: "levitating"}},
	} {
		id := subject.Token(callID)
		c.notice.LegID = "L9"
		for range 2 {
			if a := n.toy(s.hook("main", "toy", provider.HookEvents, id), toyBody(c.notice)); a.Status != http.StatusNoContent {
				t.Errorf("%s is answered %+v", callID, a)
			}
		}
		facts := s.facts(id)
		got := facts[c.want.Type()]
		if got == nil || len(facts) != 1 {
			t.Errorf("%s: facts are %v", callID, facts)
			continue
		}
		if diff := cmp.Diff(c.want, got.Data); diff != "" {
			t.Errorf("%s: %s", callID, diff)
		}
	}
}

func TestDigitsCountOnceWhereMediaTellsThemToo(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.addTrunk("desk", "deskphone", map[string]any{"account": "D1", "secret": toySecret})
	n := s.start(s.bus)
	key := provider.Notice{Kind: provider.DTMF, LegID: "L9", EventID: "e1", Digit: "5"}
	if a := n.toy(s.hook("desk", "deskphone", provider.HookEvents, "c1"), toyBody(key)); a.Status != http.StatusNoContent {
		t.Errorf("answer is %+v", a)
	}
	if facts := s.facts("c1"); len(facts) != 0 {
		t.Errorf("facts are %v, want none", facts)
	}
}

func TestDialActionIsToldToHangUp(t *testing.T) {
	s := newSite(t, bustest.New(t))
	n := s.start(s.bus)
	done := provider.Notice{Kind: provider.DialAction, LegID: "L9", EventID: "e1", RawStatus: "completed", Reply: true}
	a := n.toy(s.hook("main", "toy", provider.HookDialAction, "c1"), toyBody(done))
	if diff := cmp.Diff(hangup, told(t, a)); diff != "" {
		t.Error(diff)
	}
	if s.facts("c1")["carrier.reported"] == nil {
		t.Error("the dial's outcome is not recorded")
	}
}

func TestLegGoesOnWithTheNextInstruction(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.addTrunk("desk", "deskphone", map[string]any{"account": "D1", "secret": toySecret})
	n := s.start(s.bus)
	next := call.Spoken("One moment.")
	step := provider.Notice{Kind: provider.RedirectDone, LegID: "L9", EventID: "e1", Next: &next}
	fetched, emptied := step, step
	fetched.Reply, emptied.Next = true, new(call.Instruction)
	if diff := cmp.Diff(next, told(t, n.toy(s.hook("main", "toy", provider.HookAnswer, "c1"), toyBody(fetched)))); diff != "" {
		t.Error(diff)
	}
	over := step
	over.Next = &hangup
	for callID, notice := range map[string]provider.Notice{"c2": step, "c3": over, "c4": emptied} {
		for range 2 {
			if a := n.toy(s.hook("desk", "deskphone", provider.HookEvents, callID), toyBody(notice)); a.Status != http.StatusNoContent {
				t.Errorf("%s is answered %+v", callID, a)
			}
		}
	}
	if got := s.orders("call.redirect", 1)[0]; got.Call != "c2" || !strings.Contains(string(got.Data), "One moment.") {
		t.Errorf("order is %s %s", got.Call, got.Data)
	}
	if got := s.orders("call.hangup", 1)[0]; got.Call != "c3" {
		t.Errorf("order is for %s, want c3", got.Call)
	}
}

func TestProviderIsToldWhatTheLogKnows(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.addTrunk("desk", "deskphone", map[string]any{"account": "D1", "secret": toySecret})
	s.requested("c1", event.CallAnswered{})
	s.requested("c2")
	n := s.start(s.bus)
	over := provider.Notice{Kind: provider.CallStatus, LegID: "L9", RawStatus: "hangup"}
	for callID, want := range map[string]call.Status{"c1": call.Completed, "c2": call.Failed} {
		n.toy(s.hook("desk", "deskphone", provider.HookEvents, callID), toyBody(over))
		if got := s.facts(callID)["call.ended"]; got == nil || got.Data.(event.CallEnded).Status != want {
			t.Errorf("%s: ended is %+v, want %s", callID, got, want)
		}
	}
}

func TestLegIsFoundByWhatTheCarrierNames(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.put(subject.BucketLegs, subject.LegKey(org, "main", "L9"), map[string]string{"org": org, "call_id": "c1"})
	n := s.start(s.bus)
	path := s.hook("main", "toy", provider.HookEvents, "")
	n.toy(path, toyBody(provider.Notice{Kind: provider.CallStatus, LegID: "L9", Status: call.Ringing}))
	n.toy(path, toyBody(provider.Notice{Kind: provider.CallStatus, LegID: "L8", RequestID: "L9", Status: call.Initiated}))
	n.toy(path, toyBody(provider.Notice{Kind: provider.CallStatus, LegID: "L7", CallID: "c1", Status: call.Answered}))
	facts := s.facts("c1")
	for _, want := range []string{"call.ringing", "call.initiated", "call.answered"} {
		if facts[want] == nil {
			t.Errorf("%s is not recorded for the call", want)
		}
	}
}

func TestForeignLegsAreKeptInDead(t *testing.T) {
	s := newSite(t, bustest.New(t))
	n := s.start(s.bus)
	stranger := provider.Notice{Kind: provider.CallStatus, LegID: "L5", Status: call.Completed}
	transfer := provider.Notice{Kind: provider.CallStatus, LegID: "L6", Status: call.Completed, Foreign: true}
	for path, notice := range map[string]provider.Notice{
		s.hook("main", "toy", provider.HookStatus, ""):   stranger,
		s.hook("main", "toy", provider.HookStatus, "c1"): transfer,
	} {
		if a := n.toy(path, toyBody(notice)); a.Status != http.StatusNoContent {
			t.Errorf("%s is answered %+v, want it acknowledged", notice.LegID, a)
		}
	}
	if facts := s.facts("c1"); len(facts) != 0 {
		t.Errorf("the transfer leg made facts: %v", facts)
	}
	dead, err := s.bus.DeadLetters(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]bool{toyBody(stranger): true, toyBody(transfer): true}
	for _, d := range dead {
		if d.Subject != subject.DeadWebhook(org, "main") || d.Code != "foreign_leg" || !bodies[string(d.Data)] {
			t.Errorf("kept %+v", d)
		}
	}
	if len(dead) != 2 {
		t.Errorf("%d webhooks are kept, want 2", len(dead))
	}
}
