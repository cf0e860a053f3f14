package ingress_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

func yes() bool { return true }
func no() bool  { return false }

// yesSoon is an agent that thinks about it.
func yesSoon() bool {
	time.Sleep(100 * time.Millisecond)
	return true
}

// toyBody writes a notice as the toy carrier sends it.
func toyBody(n provider.Notice) string {
	doc, err := json.Marshal(n)
	if err != nil {
		panic(err)
	}
	return string(doc)
}

// toy sends a signed webhook of the toy carrier.
func (n *node) toy(path, body string) answer {
	return n.send(http.MethodPost, path, toyHeader(path, body), body)
}

func toyHeader(path, body string) http.Header {
	return http.Header{"X-Toy": {toySignature(toySecret, publicURL+path, body)}, "Content-Type": {"application/json"}}
}

func ringing(leg string) provider.Notice {
	return provider.Notice{Kind: provider.InboundCall, AccountID: "A1", LegID: leg, From: "+14155550199", To: number,
		Direction: call.Inbound, Reply: true, Variables: map[string]string{"x-account": "4711"}}
}

// told reads the toy's markup.
func told(t testing.TB, a answer) call.Instruction {
	t.Helper()
	var in call.Instruction
	if err := json.Unmarshal([]byte(a.Body), &in); err != nil || a.Status != http.StatusOK {
		t.Fatalf("answer is %+v, want an instruction", a)
	}
	return in
}

var hangup = call.Instruction{Steps: []call.Step{{Hangup: &call.Hangup{}}}}

func TestInboundCallReachesAnAgent(t *testing.T) {
	s := newSite(t, bustest.New(t))
	offers := s.agents(yes)
	n := s.start(s.bus)
	path := s.hook("main", "toy", provider.HookInbound, "")
	first := n.toy(path, toyBody(ringing("L1")))
	in := told(t, first)

	callID := call.InboundID(org, "main", "L1")
	facts := s.facts(callID)
	received, bound := facts["call.received"], facts["agent.bound"]
	if received == nil || bound == nil || len(facts) != 2 {
		t.Fatalf("facts are %v", facts)
	}
	if diff := cmp.Diff(event.CallReceived{From: "+14155550199", To: number, Application: application,
		Variables: map[string]string{"x-account": "4711"}}, received.Data); diff != "" {
		t.Error(diff)
	}
	if got := []string{received.Source, received.Trunk, received.Provider, received.Leg, received.Raw}; !cmp.Equal(got,
		[]string{"/ingress", "main", "toy", "L1", toyBody(ringing("L1"))}) {
		t.Errorf("envelope is %q", got)
	}
	if diff := cmp.Diff([]media.Offer{{Org: org, Call: callID, Application: application, Direction: call.Inbound, From: "+14155550199",
		To: number, Variables: map[string]string{"x-account": "4711"}, Format: trunk.DefaultFormat}}, offers()); diff != "" {
		t.Errorf("offer: %s", diff)
	}

	stream := bound.Data.(event.AgentBound).StreamID
	got := in.Steps[0].Stream
	token, ok := strings.CutPrefix(got.URL, mediaURL+"/v1/media/default/main/"+callID+"/"+stream+"/")
	if !ok || !s.links.VerifyStream(trunk.StreamPath{Org: org, Trunk: "main", Call: callID, Stream: stream}, token, bound.Time.Add(90e9)) {
		t.Errorf("the token of %s does not verify while it rings", got.URL)
	}
	if s.links.VerifyStream(trunk.StreamPath{Org: org, Trunk: "main", Call: callID, Stream: stream}, token, bound.Time.Add(92e9)) {
		t.Error("the token verifies a minute after the ring limit")
	}
	want := call.Instruction{Steps: []call.Step{{Stream: &call.Stream{URL: got.URL, StreamID: stream,
		StatusURL: publicURL + s.hook("main", "toy", provider.HookStream, callID),
		Params:    map[string]string{"call": callID, "stream": stream}}}, {Hangup: &call.Hangup{}}}}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Error(diff)
	}

	if again := n.toy(path, toyBody(ringing("L1"))); again != first {
		t.Errorf("the repeat is answered %+v, want %+v", again, first)
	}
	if got := offers(); len(got) != 1 {
		t.Errorf("%d offers, want 1", len(got))
	}
	s.logged("call received", callID, "+1415*****99")
}

func TestRepeatedWebhookOnTwoNodesWakesOneAgent(t *testing.T) {
	b1, b2 := twoBuses(t)
	s := newSite(t, b1)
	offers := s.agents(yesSoon)
	nodes := []*node{s.start(b1), s.start(b2)}
	path := s.hook("main", "toy", provider.HookInbound, "")
	answers := fiveTimes(func(i int) answer { return nodes[i%2].toy(path, toyBody(ringing("L1"))) })
	told(t, answers[0])
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("answers differ: %+v and %+v", a, answers[0])
		}
	}
	if got := offers(); len(got) != 1 {
		t.Errorf("%d agents were offered the call, want 1", len(got))
	}
	if facts := s.facts(call.InboundID(org, "main", "L1")); len(facts) != 2 {
		t.Errorf("facts are %v, want call.received and agent.bound", facts)
	}
}

func fiveTimes(do func(i int) answer) []answer {
	answers := make([]answer, 5)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = do(i) })
	}
	wg.Wait()
	return answers
}

func TestCallNobodyTakesGetsItsFallback(t *testing.T) {
	for name, agents := range map[string]func() bool{"no agent": nil, "declined": no} {
		t.Run(name, func(t *testing.T) {
			b1, b2 := twoBuses(t)
			s := newSite(t, b1)
			var offers func() []media.Offer
			if agents != nil {
				offers = s.agents(agents)
			}
			nodes := []*node{s.start(b1), s.start(b2)}
			path := s.hook("main", "toy", provider.HookInbound, "")
			for _, a := range fiveTimes(func(i int) answer { return nodes[i%2].toy(path, toyBody(ringing("L1"))) }) {
				if diff := cmp.Diff(unable, told(t, a)); diff != "" {
					t.Error(diff)
				}
			}
			if facts := s.facts(call.InboundID(org, "main", "L1")); len(facts) != 1 || facts["call.received"] == nil {
				t.Errorf("facts are %v, want call.received alone", facts)
			}
			if agents != nil && len(offers()) != 1 {
				t.Errorf("%d offers, want 1", len(offers()))
			}
			s.logged("fallback given", "undecided")
		})
	}
}

func TestSilentAgentIsNotWaitedFor(t *testing.T) {
	s := newSite(t, bustest.New(t))
	release := make(chan struct{})
	s.agents(func() bool { <-release; return true })
	n := s.start(s.bus)
	defer close(release)
	a := n.toy(s.hook("main", "toy", provider.HookInbound, ""), toyBody(ringing("L1")))
	if diff := cmp.Diff(unable, told(t, a)); diff != "" {
		t.Error(diff)
	}
	s.logged("fallback given", "timeout")
}

func TestWebSocketAgentIsBoundWithoutAnOffer(t *testing.T) {
	b1, b2 := twoBuses(t)
	s := newSite(t, b1)
	s.addApplication(trunk.Agent{Kind: trunk.AgentWebSocket, URL: "ws://agent.example.com"})
	nodes := []*node{s.start(b1), s.start(b2)}
	path := s.hook("main", "toy", provider.HookInbound, "")
	answers := fiveTimes(func(i int) answer { return nodes[i%2].toy(path, toyBody(ringing("L1"))) })
	for _, a := range answers {
		if in := told(t, a); in.Steps[0].Stream == nil || a != answers[0] {
			t.Errorf("answers are %+v and %+v, want the same stream", a, answers[0])
		}
	}
}

func TestInboundCallThatHasEndedIsHungUp(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.agents(yes)
	n := s.start(s.bus)
	path := s.hook("main", "toy", provider.HookInbound, "")
	told(t, n.toy(path, toyBody(ringing("L1"))))
	// The number's own status URL names no call: the log knows the leg.
	over := provider.Notice{Kind: provider.CallStatus, LegID: "L1", Status: call.Completed, RawStatus: "completed"}
	if a := n.toy(s.hook("main", "toy", provider.HookStatus, ""), toyBody(over)); a.Status != http.StatusNoContent {
		t.Fatalf("status is answered %+v", a)
	}
	ended := s.facts(call.InboundID(org, "main", "L1"))["call.ended"]
	if ended == nil || ended.Data.(event.CallEnded).Status != call.Completed || ended.Data.(event.CallEnded).Cause != call.CauseUnknown {
		t.Fatalf("ended is %+v", ended)
	}
	if diff := cmp.Diff(hangup, told(t, n.toy(path, toyBody(ringing("L1"))))); diff != "" {
		t.Error(diff)
	}
}

func TestLateRepeatIsAnsweredAtOnce(t *testing.T) {
	s := newSite(t, bustest.New(t))
	for leg, facts := range map[string][]event.Fact{
		"L1": {event.CallReceived{To: number, Application: application}, event.AgentBound{Application: application, StreamID: "s1"}},
		"L2": {event.CallReceived{To: number, Application: application}},
	} {
		for _, f := range facts {
			e := event.New("/ingress", org, call.InboundID(org, "main", leg), f)
			e.Time = e.Time.Add(-time.Minute)
			if _, _, err := s.bus.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	offers := s.agents(yes)
	n := s.start(s.bus)
	path := s.hook("main", "toy", provider.HookInbound, "")
	if in := told(t, n.toy(path, toyBody(ringing("L1")))); in.Steps[0].Stream == nil || in.Steps[0].Stream.StreamID != "s1" {
		t.Errorf("told %+v, want the stream that was minted", in)
	}
	if diff := cmp.Diff(unable, told(t, n.toy(path, toyBody(ringing("L2"))))); diff != "" {
		t.Error(diff)
	}
	if len(offers()) != 0 {
		t.Error("a repeat was offered to an agent")
	}
}

func TestNumberWithoutApplicationIsRejected(t *testing.T) {
	s := newSite(t, bustest.New(t))
	n := s.start(s.bus)
	stranger := ringing("L1")
	stranger.To = "+14155550999"
	a := n.toy(s.hook("main", "toy", provider.HookInbound, ""), toyBody(stranger))
	if diff := cmp.Diff(call.Instruction{Steps: []call.Step{{Reject: &call.Reject{}}}}, told(t, a)); diff != "" {
		t.Error(diff)
	}
	if facts := s.facts(call.InboundID(org, "main", "L1")); len(facts) != 0 {
		t.Errorf("facts are %v, want none", facts)
	}
	s.logged("call rejected", "+1415*****99")
}

func TestApplicationWithoutFallbackGetsTheDefault(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.put(subject.BucketApplications, subject.ApplicationKey(org, application), trunk.Application{Org: org, Name: application})
	n := s.start(s.bus)
	a := n.toy(s.hook("main", "toy", provider.HookInbound, ""), toyBody(ringing("L1")))
	if diff := cmp.Diff(trunk.DefaultFallback, told(t, a)); diff != "" {
		t.Error(diff)
	}
}

func TestRESTAnsweredCarrierIsAnsweredByOrder(t *testing.T) {
	b1, b2 := twoBuses(t)
	s := newSite(t, b1)
	s.addTrunk("desk", "deskphone", map[string]any{"account": "D1", "secret": toySecret})
	s.addNumber("desk", number)
	s.agents(yes)
	nodes := []*node{s.start(b1), s.start(b2)}
	notice := ringing("L1")
	notice.Reply = false
	path := s.hook("desk", "deskphone", provider.HookInbound, "")
	for _, a := range fiveTimes(func(i int) answer { return nodes[i%2].toy(path, toyBody(notice)) }) {
		if a.Status != http.StatusNoContent {
			t.Errorf("answer is %+v, want the webhook acknowledged", a)
		}
	}
	callID := call.InboundID(org, "desk", "L1")
	stream := s.facts(callID)["agent.bound"].Data.(event.AgentBound).StreamID
	orders := s.orders("call.answer", 1)
	if got := orders[0]; got.Call != callID || !strings.Contains(string(got.Data), `"leg":"L1"`) || !strings.Contains(string(got.Data), stream) {
		t.Errorf("order is %s %s", got.Call, got.Data)
	}
}

func TestPanicAsksTheCarrierToTryAgain(t *testing.T) {
	s := newSite(t, bustest.New(t))
	n := s.start(s.bus)
	path := s.hook("main", "toy", provider.HookInbound, "")
	if a := n.toy(path, `{"Kind":"panic"}`); a.Status != http.StatusServiceUnavailable {
		t.Errorf("answer is %+v, want 503", a)
	}
	s.logged("panicked", "toy falls apart")
}

func TestDrainFinishesWhatIsInHand(t *testing.T) {
	s := newSite(t, bustest.New(t))
	asked, release := make(chan struct{}), make(chan struct{})
	s.agents(func() bool { close(asked); <-release; return true })
	n := s.start(s.bus)
	got := make(chan answer, 1)
	go func() { got <- n.toy(s.hook("main", "toy", provider.HookInbound, ""), toyBody(ringing("L1"))) }()
	<-asked
	n.stop()
	for { // the listener closes first
		if _, err := n.try(http.MethodGet, "/healthz", nil, ""); err != nil {
			break
		}
	}
	select {
	case err := <-n.stopped:
		t.Errorf("ended with %v while a call was in hand", err)
		n.stopped = nil
	case <-time.After(200 * time.Millisecond): // it stays
	}
	close(release)
	if in := told(t, <-got); in.Steps[0].Stream == nil {
		t.Errorf("the call in hand is told %+v", in)
	}
	n.end()
}
