package ari

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

var inboundStart = eventOf("StasisStart", testCaller, "Ring", `,"args":["inbound","8000"]`)

func mediaOf(d *driver) string {
	id, _ := d.ids.newMedia(testCaller)
	return id
}

func TestListenOpens(t *testing.T) {
	p := newPBX(t)
	listen(t, p.driver(), newLog())
	p.socket()
	if diff := cmp.Diff("GET /events?app=trunkline&subscribeAll=false", p.await("GET /events")); diff != "" {
		t.Error(diff)
	}
	p.await(`PUT /applications/trunkline/eventFilter {"disallowed":[{"type":"ChannelVarset"},{"type":"ChannelDialplan"}]}`)
}

// Without the subscription the end of a caller would not be told.
func TestInboundIsSubscribed(t *testing.T) {
	p, sink := newPBX(t), newLog()
	listen(t, p.driver(), sink)
	say(t, p.socket(), inboundStart)
	n := sink.next(t)
	if n.Kind != provider.InboundCall || n.LegID != testCaller || n.To != "8000" || n.From != "+15551234567" {
		t.Errorf("%+v", n)
	}
	want := []string{"POST /applications/trunkline/subscription?eventSource=channel%3A" + testCaller, "POST /channels/" + testCaller + "/ring"}
	if diff := cmp.Diff(want, p.requests()); diff != "" {
		t.Error(diff)
	}
}

// A dialplan that answers by itself tells so with the caller, and never again.
func TestInboundThatIsAnswered(t *testing.T) {
	p, sink := newPBX(t), newLog()
	listen(t, p.driver(), sink)
	say(t, p.socket(), eventOf("StasisStart", testCaller, "Up", `,"args":["inbound","8000"]`))
	first, second := sink.next(t), sink.next(t)
	if first.Kind != provider.InboundCall || second.Kind != provider.CallStatus || second.Status != call.Answered || second.LegID != testCaller {
		t.Errorf("%+v, and then %+v", first, second)
	}
	if got := p.requests(); len(got) != 1 {
		t.Errorf("requests %v, want the subscription alone", got)
	}
}

func TestInboundElsewhere(t *testing.T) {
	p, sink := newPBX(t), newLog()
	listen(t, p.driver(fieldExtensions, []string{"9000"}), sink)
	conn := p.socket()
	say(t, conn, inboundStart)
	p.await("DELETE /channels/" + testCaller + "?reason=unallocated")
	say(t, conn, eventOf("StasisStart", "pbx-2.2", "Ring", `,"args":["inbound","9000"]`))
	if n := sink.next(t); n.LegID != "pbx-2.2" {
		t.Errorf("%+v", n)
	}
}

// A called number is told in the form in which numbers are kept, however the
// dialplan writes it, and compared in either.
func TestInboundNumber(t *testing.T) {
	p, sink := newPBX(t), newLog()
	d := p.driver(fieldExtensions, []string{"+14155550101", "s", "4155550102"})
	d.country = "US"
	listen(t, d, sink)
	conn := p.socket()
	for exten, want := range map[string]string{"14155550101": "+14155550101", "4155550101": "+14155550101", "s": "s", "4155550102": "+14155550102"} {
		say(t, conn, eventOf("StasisStart", testCaller, "Ring", `,"args":["inbound","`+exten+`"]`))
		if n := sink.next(t); n.To != want {
			t.Errorf("%s is told as %s, want %s", exten, n.To, want)
		}
	}
}

func TestInboundThatIsGone(t *testing.T) {
	p, sink := newPBX(t), newLog()
	p.on("POST /applications/trunkline/subscription", 422, `{"message":"Event source does not exist"}`)
	listen(t, p.driver(), sink)
	conn := p.socket()
	say(t, conn, inboundStart)
	say(t, conn, eventOf("ChannelDestroyed", testCaller, "Ring", `,"cause":16,"tech_cause":487`))
	if n := sink.next(t); n.Kind != provider.CallStatus || n.Status != call.Canceled {
		t.Errorf("%+v", n)
	}
}

func TestInboundThatIsNotRecorded(t *testing.T) {
	p, sink := newPBX(t), newLog()
	tries := make(chan struct{}, 16)
	sink.fail = func(provider.Notice) bool { tries <- struct{}{}; return true }
	listen(t, p.driver(), sink)
	say(t, p.socket(), inboundStart)
	p.await("DELETE /channels/" + testCaller + "?reason=congestion")
	if len(tries) != quick.attempts {
		t.Errorf("%d attempts at recording, want %d", len(tries), quick.attempts)
	}
}

func TestMediaLegIsJoined(t *testing.T) {
	p, sink := newPBX(t), newLog()
	d := p.driver()
	listen(t, d, sink)
	id := mediaOf(d)
	say(t, p.socket(), eventOf("StasisStart", id, "Up", `,"args":["media"]`))
	n := sink.next(t)
	if n.Kind != provider.StreamStatus || n.StreamEvent != "started" || n.LegID != testCaller || n.ChildLeg != id || n.StreamID != id {
		t.Errorf("%+v", n)
	}
	want := []string{"POST /channels/" + testCaller + "/answer",
		"POST /bridges/" + d.ids.bridgeOf(testCaller) + "/addChannel?channel=" + testCaller + "%2C" + id}
	if diff := cmp.Diff(want, p.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestMediaLegThatCannotBeJoined(t *testing.T) {
	for _, line := range []string{"POST /channels/" + testCaller + "/answer", "POST /bridges/" + newIDs("trunkline").bridgeOf(testCaller) + "/addChannel"} {
		p, sink := newPBX(t), newLog()
		d := p.driver()
		p.on(line, 404, `{"message":"Channel not found"}`)
		listen(t, d, sink)
		id := mediaOf(d)
		say(t, p.socket(), eventOf("StasisStart", id, "Up", `,"args":["media"]`))
		if n := sink.next(t); n.StreamEvent != "error" || n.Error == "" {
			t.Errorf("%+v", n)
		}
		p.await("DELETE /channels/" + testCaller + "?reason=congestion")
		p.await("DELETE /channels/" + id)
		p.await("DELETE /bridges/" + d.ids.bridgeOf(testCaller))
	}
}

// A media leg whose socket nobody dials would leave the caller ringing.
func TestMediaLegThatNobodyDials(t *testing.T) {
	for name, last := range map[string]string{"time": "", "refused": "ChannelDestroyed"} {
		p, sink := newPBX(t), newLog()
		d := p.driver()
		if last == "" {
			d.times.connect = time.Millisecond
		}
		listen(t, d, sink)
		id := mediaOf(d)
		conn := p.socket()
		say(t, conn, strings.Replace(eventOf("Dial", id, "Down", `,"dialstatus":""`), `"channel":`, `"peer":`, 1))
		if last != "" {
			say(t, conn, eventOf(last, id, "Down", `,"cause":3,"cause_txt":"No route"`))
			if n := sink.next(t); n.Kind != provider.StreamStatus || n.StreamEvent != "error" || n.LegID != testCaller {
				t.Errorf("%s: %+v", name, n)
			}
		}
		p.await("DELETE /channels/" + testCaller + "?reason=congestion")
	}
}

// Asterisk tears nothing down by itself, from neither side.
func TestTeardown(t *testing.T) {
	p, sink := newPBX(t), newLog()
	d := p.driver()
	id, bridge := mediaOf(d), d.ids.bridgeOf(testCaller)
	p.on("GET /bridges/"+bridge, 200, `{"id":"`+bridge+`","channels":["`+id+`","somebody-else"]}`)
	listen(t, d, sink)
	say(t, p.socket(), eventOf("StasisEnd", testCaller, "Up", ""))
	p.await("DELETE /channels/" + id)
	want := []string{"DELETE /bridges/" + bridge, "DELETE /channels/" + id + "?reason=normal"}
	if diff := cmp.Diff(want, p.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestEndOfTheStream(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		want   int
	}{"caller is there": {204, 2}, "caller left first": {404, 1}} {
		p, sink := newPBX(t), newLog()
		d := p.driver()
		p.on("DELETE /bridges/"+d.ids.bridgeOf(testCaller), test.status, `{}`)
		listen(t, d, sink)
		say(t, p.socket(), eventOf("StasisEnd", mediaOf(d), "Up", ""))
		if n := sink.next(t); n.StreamEvent != "stopped" || n.LegID != testCaller {
			t.Errorf("%s: %+v", name, n)
		}
		if got := p.requests(); len(got) != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Dialplan-born channels can end without a ChannelDestroyed.
func TestEndThatIsNotTold(t *testing.T) {
	for state, want := range map[string]call.Status{"Up": call.Completed, "Ring": call.Canceled} {
		p, sink := newPBX(t), newLog()
		d := p.driver()
		d.times.end = time.Millisecond
		p.on("GET /channels/"+testCaller, 404, `{"message":"Channel not found"}`)
		listen(t, d, sink)
		say(t, p.socket(), eventOf("StasisEnd", testCaller, state, ""))
		if n := sink.next(t); !n.Terminal() || n.Status != want || n.Cause != call.CauseUnknown || n.LegID != testCaller {
			t.Errorf("%s: %+v", state, n)
		}
	}
}

func TestEndThatIsTold(t *testing.T) {
	p, sink := newPBX(t), newLog()
	d := p.driver()
	listen(t, d, sink)
	conn := p.socket()
	say(t, conn, eventOf("StasisEnd", testCaller, "Up", ""))
	say(t, conn, eventOf("ChannelDestroyed", testCaller, "Up", `,"cause":16`))
	if n := sink.next(t); !n.Terminal() || n.Code != "16" || n.Status != call.Completed {
		t.Errorf("%+v", n)
	}
}

func TestCalleeAnswers(t *testing.T) {
	p, sink := newPBX(t), newLog()
	d := p.driver()
	leg := d.ids.newLeg("01JABC")
	listen(t, d, sink)
	say(t, p.socket(), eventOf("StasisStart", leg, "Up", `,"args":["outbound","01JABC","600","1w2"]`))
	if n := sink.next(t); n.Kind != provider.Answer || n.CallID != "01JABC" || n.LegID != leg || n.Direction != call.Outbound {
		t.Errorf("%+v", n)
	}
	want := []string{"POST /channels/" + leg + "/variable?value=600&variable=TIMEOUT%28absolute%29", "POST /channels/" + leg + "/dtmf?dtmf=1w2"}
	if diff := cmp.Diff(want, p.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestReconnects(t *testing.T) {
	p, sink := newPBX(t), newLog()
	listen(t, p.driver(), sink)
	p.socket().Close()
	say(t, p.socket(), inboundStart)
	if n := sink.next(t); n.Kind != provider.InboundCall {
		t.Errorf("%+v", n)
	}
}

// Both sides reconnecting would fight for ever.
func TestReplaced(t *testing.T) {
	p := newPBX(t)
	stopped := listen(t, p.driver(), newLog())
	conn := p.socket()
	say(t, conn, `{"type":"ApplicationReplaced","application":"other"}`)
	say(t, conn, `{"type":"ApplicationReplaced","application":"trunkline"}`)
	if err := <-stopped; provider.KindOf(err) != provider.KindConflict {
		t.Errorf("%v, want conflict", err)
	}
	if len(p.sockets) > 0 {
		t.Error("it connects again")
	}
}

func TestRefusedForGood(t *testing.T) {
	p := newPBX(t)
	stopped := listen(t, p.driver(fieldPassword, "wrong"), newLog())
	err := <-stopped
	if provider.KindOf(err) != provider.KindUnauthenticated || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v, want unauthenticated and no password", err)
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	if len(p.asked) != refusals {
		t.Errorf("%d attempts, want %d", len(p.asked), refusals)
	}
}

func TestListenEnds(t *testing.T) {
	p := newPBX(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.driver().Listen(ctx, newLog()) }()
	p.socket()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// After a reconnect nothing is repeated: what the log and the PBX do not have
// in common is put right.
func TestReconcile(t *testing.T) {
	p, sink := newPBX(t), newLog()
	d := p.driver()
	i := d.ids
	lost, known, waiting := i.newLeg("lost"), i.newLeg("known"), i.newLeg("waiting")
	orphan, _ := i.newMedia("gone-1.1")
	late, _ := i.newMedia(known)
	in := func(id, app, data string) string {
		return `{"id":"` + id + `","name":"PJSIP/x","state":"Up","dialplan":{"app_name":"` + app + `","app_data":"` + data + `"}}`
	}
	p.on("GET /channels", 200, "["+strings.Join([]string{
		in(lost, "AppDial2", ""), in(known, "Stasis", "trunkline,outbound,known"), in(waiting, "Stasis", "trunkline,outbound,waiting"),
		in(known+";2", "AppDial2", ""), in(orphan, "AppDial2", ""), in(late, "Stasis", "trunkline,media"),
		in("in-1.1", "Stasis", "trunkline,inbound,8000"), in("in-2.2", "Stasis", "trunkline,inbound,8000"),
		in("in-3.3", "Stasis", "other,inbound,8000"), in("in-4.4", "Stasis", "trunkline,inbound,8000"), in("pbx-9.9", "Dial", "PJSIP/y"), in(newIDs("other").newLeg("theirs"), "AppDial2", ""),
	}, ",")+"]")
	p.on("GET /bridges", 200, `[{"id":"`+i.bridgeOf("gone-1.1")+`","channels":[]},{"id":"`+i.bridgeOf(known)+`","channels":["`+known+`"]},
		{"id":"`+i.bridgeOf("in-4.4")+`","channels":["in-4.4"]},{"id":"pbx-bridge","channels":[]}]`)
	p.on("GET /bridges/"+i.bridgeOf(known), 200, `{"id":"`+i.bridgeOf(known)+`","channels":["`+known+`"]}`)
	sink.live = []provider.Leg{{ID: known, CallID: "known"}, {ID: waiting, CallID: "waiting"}, {ID: "in-2.2", CallID: "in"}, {ID: "ghost-1.1", CallID: "ghost", Ref: "r"}}
	d.times.janitor = 50 * time.Millisecond
	listen(t, d, sink)
	p.socket()
	told := map[string]provider.Notice{}
	for len(told) < 4 {
		if n := sink.next(t); n.Status != call.Answered || n.Kind != provider.CallStatus {
			told[n.LegID] = n
		}
	}
	if n := told["ghost-1.1"]; !n.Terminal() || n.CallID != "ghost" || n.Ref != "r" || n.Status != call.Uncertain || n.EventID == "" {
		t.Errorf("ghost: %+v", n)
	}
	for _, leg := range []string{"in-1.1", "in-2.2"} { // they came while nobody listened
		if n := told[leg]; n.Kind != provider.InboundCall || n.To != "8000" {
			t.Errorf("caller: %+v", n)
		}
	}
	if n := told[waiting]; n.Kind != provider.Answer || n.CallID != "waiting" {
		t.Errorf("callee: %+v", n)
	}
	const gone = "?reason=congestion"
	want := map[string]bool{
		"DELETE /bridges/" + i.bridgeOf("gone-1.1"): true, "DELETE /channels/" + orphan + "?reason=normal": true,
		"POST /applications/trunkline/subscription?eventSource=channel%3Ain-1.1": true, "POST /applications/trunkline/subscription?eventSource=channel%3Ain-2.2": true,
		"POST /channels/" + known + "/answer": true, "POST /bridges/" + i.bridgeOf(known) + "/addChannel?channel=" + known + "%2C" + late: true,
		"DELETE /bridges/" + i.bridgeOf("in-4.4"): true, "DELETE /channels/in-4.4?reason=normal": true, // its media leg went
		// At the second sight, as nothing has changed:
		"DELETE /channels/" + lost + gone: true, "DELETE /channels/" + waiting + gone: true,
		"DELETE /channels/in-1.1" + gone: true, "DELETE /channels/in-2.2" + gone: true,
	}
	for r := range want {
		p.await(r)
	}
	for _, r := range p.requests() {
		if !want[r] {
			t.Errorf("%s is too much", r)
		}
	}
}

// What is wrong only for a moment is not put right.
func TestReconcileLooksTwice(t *testing.T) {
	p, sink := newPBX(t), newLog()
	d := p.driver()
	lost := d.ids.newLeg("lost")
	p.on("GET /channels", 200, `[{"id":"`+lost+`","dialplan":{"app_name":"AppDial2"}}]`)
	l := newListener(d, sink)
	suspects, _ := l.reconcile(ctx, map[string]bool{})
	if !suspects[lost] || len(p.requests()) > 0 {
		t.Errorf("at first sight: suspects %v, requests %q", suspects, p.requests())
	}
	p.on("GET /channels", 200, `[]`)
	sink.live = []provider.Leg{{ID: lost}}
	if suspects, _ = l.reconcile(ctx, suspects); len(l.lane(lost).queue) > 0 {
		t.Error("a leg is ended at first sight: its end may be on its way")
	}
	sink.live = nil
	if suspects, _ = l.reconcile(ctx, suspects); len(suspects) > 0 {
		t.Errorf("suspects %v though all is well", suspects)
	}
}

// A log that is not there yet is asked again soon.
func TestReconcileTriesAgain(t *testing.T) {
	p, sink := newPBX(t), newLog()
	sink.deaf, sink.live = 2, []provider.Leg{{ID: "a-1.1", CallID: "a"}}
	d := p.driver()
	d.times.janitor, d.times.connect = time.Hour, 10*time.Millisecond
	listen(t, d, sink)
	p.socket()
	if n := sink.next(t); n.LegID != "a-1.1" || !n.Terminal() {
		t.Errorf("%+v", n)
	}
}

// A log that cannot be read is no proof that nobody talks.
func TestReconcileNeedsBoth(t *testing.T) {
	p := newPBX(t)
	d := p.driver()
	p.on("GET /channels", 503, "{}")
	sink := newLog()
	sink.live = []provider.Leg{{ID: "a-1.1"}}
	l := newListener(d, sink)
	if _, err := l.reconcile(ctx, nil); err == nil || len(l.lane("a-1.1").queue) > 0 || p.requests() != nil {
		t.Error("legs are ended though the PBX does not tell which channels it has")
	}
}

// The order of a leg's events is that in which they are recorded, also while
// the log is slow.
func TestOrder(t *testing.T) {
	p, sink := newPBX(t), newLog()
	slow := true
	sink.fail = func(provider.Notice) bool { slow = !slow; return !slow }
	listen(t, p.driver(), sink)
	conn := p.socket()
	for _, digit := range "0123456789" {
		say(t, conn, eventOf("ChannelDtmfReceived", testCaller, "Up", `,"digit":"`+string(digit)+`","duration_ms":100`))
	}
	var got strings.Builder
	ids := map[string]bool{}
	for range 10 {
		n := sink.next(t)
		got.WriteString(n.Digit)
		ids[n.EventID] = true
	}
	if got.String() != "0123456789" || len(ids) != 10 {
		t.Errorf("digits %s with %d ids", got.String(), len(ids))
	}
}

func TestOddEvents(t *testing.T) {
	p, sink := newPBX(t), newLog()
	d := p.driver()
	listen(t, d, sink)
	conn := p.socket()
	for _, odd := range []string{`{`, `{}`, `{"type":"StasisEnd"}`, `{"type":"StasisEnd","peer":{"id":"pbx-7.7"}}`, `{"type":"StasisStart","channel":null}`,
		`{"type":"Dial","dialstatus":""}`, `{"type":"ChannelDestroyed","peer":{"id":"` + mediaOf(d) + `"}}`, `{"type":"StasisStart","args":["media"]}`} {
		say(t, conn, odd)
	}
	say(t, conn, inboundStart)
	if n := sink.next(t); n.Kind != provider.InboundCall {
		t.Errorf("%+v", n)
	}
}
