package ari

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

func notice(t testing.TB, doc string) provider.Notice {
	t.Helper()
	n, err := ReadEvent("trunkline", []byte(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return n
}

func TestInboundCall(t *testing.T) {
	got := notice(t, `{"type":"StasisStart","timestamp":"2026-11-22T17:04:26.825+0000","args":["inbound","+15550008000"],"application":"trunkline",
		"channel":{"id":"pbx-1.4","name":"PJSIP/loop-3","state":"Ring","protocol_id":"e85301c2","caller":{"name":"Ann","number":"+15551234567"},
		"caller_rdnis":"+15557654321","dialplan":{"exten":"s","app_name":"Stasis","app_data":"trunkline,inbound,+15550008000"},"channelvars":{"X":"1"}}}`)
	want := provider.Notice{
		Kind: provider.InboundCall, LegID: "pbx-1.4", Direction: call.Inbound, Status: call.Ringing, RawStatus: "StasisStart",
		From: "+15551234567", To: "+15550008000", CallerName: "Ann", ForwardedFrom: "+15557654321",
		Variables: map[string]string{"X": "1"}, Detail: map[string]string{"sip_call_id": "e85301c2"},
		Time: time.Date(2026, 11, 22, 17, 4, 26, 825e6, time.UTC),
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(provider.Notice{}, "EventID"), cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestInboundVariants(t *testing.T) {
	start := func(state, args, number string) provider.Notice {
		return notice(t, `{"type":"StasisStart","args":`+args+`,"application":"trunkline","channel":{"id":"pbx-1.4","name":"PJSIP/x","state":"`+state+`","caller":{"number":"`+number+`"},"dialplan":{"exten":"8000"}}}`)
	}
	if n := start("Ring", `[]`, "Anonymous"); !n.Anonymous || n.From != "" {
		t.Errorf("a caller who withholds the number: %+v", n)
	}
	if n := start("Up", `[]`, ""); n.Kind != provider.InboundCall || n.Status != call.Answered || n.To != "8000" || !n.Anonymous || n.From != "" {
		t.Errorf("answered by the dialplan, without arguments, withheld: %+v", n)
	}
	if n := start("Down", `["x","y"]`, "1"); n.Kind != provider.InboundCall || n.Status != call.Ringing || n.To != "8000" {
		t.Errorf("arguments of others: %+v", n)
	}
}

// Section 7 of the outcome of calls: causes, and what overrules them.
func TestOutcomes(t *testing.T) {
	for _, test := range []struct {
		answered, outbound bool
		cause, sip         int
		status             call.Status
		why                call.Cause
	}{
		{true, true, 16, 0, call.Completed, call.CauseNormal},
		{true, true, 0, 0, call.Completed, call.CauseNormal},
		{true, false, 31, 0, call.Completed, call.CauseNormal},
		{false, false, 16, 487, call.Canceled, call.CauseCanceled},
		{false, false, 127, 487, call.Canceled, call.CauseCanceled},
		{false, false, 17, 0, call.Busy, call.CauseBusy},
		{false, false, 21, 0, call.Failed, call.CauseRejected},
		{false, true, 17, 486, call.Busy, call.CauseBusy},
		{false, true, 18, 408, call.NoAnswer, call.CauseNoAnswer},
		{false, true, 19, 480, call.NoAnswer, call.CauseNoAnswer},
		{false, true, 20, 480, call.NoAnswer, call.CauseNoAnswer},
		{false, true, 16, 0, call.Canceled, call.CauseCanceled},
		{false, true, 26, 0, call.Canceled, call.CauseCanceled},
		{false, true, 1, 404, call.Failed, call.CauseUnreachable},
		{false, true, 3, 0, call.Failed, call.CauseUnreachable},
		{false, true, 22, 410, call.Failed, call.CauseUnreachable},
		{false, true, 27, 502, call.Failed, call.CauseUnreachable},
		{false, true, 21, 403, call.Failed, call.CauseRejected},
		{false, true, 21, 603, call.Failed, call.CauseRejected},
		{false, true, 34, 503, call.Failed, call.CauseCarrier},
		{false, true, 38, 500, call.Failed, call.CauseCarrier},
		{false, true, 0, 0, call.Failed, call.CauseUnknown},
		{false, true, 127, 487, call.Failed, call.CauseCarrier},
	} {
		if s, c := outcome(test.answered, test.outbound, test.cause, test.sip); s != test.status || c != test.why {
			t.Errorf("%+v: %s, %s", test, s, c)
		}
	}
}

// 32 after a hang-up of ours is a flag and no cause, and may come twice.
func TestHangupRequestEndsNothing(t *testing.T) {
	n := notice(t, eventOf("ChannelHangupRequest", testCaller, "Up", `,"cause":32,"soft":true`))
	if n.Kind != provider.NoKind || n.Status != "" || n.Code != "" {
		t.Errorf("%+v", n)
	}
}

// The outcome is not what Dial says: a rejection is NOANSWER there.
func TestDialEndsNothing(t *testing.T) {
	leg := newIDs("trunkline").newLeg("01JABC")
	for status, want := range map[string]call.Status{"": call.Initiated, "RINGING": call.Ringing, "PROGRESS": call.Ringing, "ANSWER": call.Answered,
		"BUSY": "", "NOANSWER": "", "CONGESTION": "", "CHANUNAVAIL": "", "CANCEL": ""} {
		n := notice(t, `{"type":"Dial","application":"trunkline","dialstatus":"`+status+`","peer":{"id":"`+leg+`","name":"PJSIP/x","state":"Down"}}`)
		if n.Status != want || (want == "") != (n.Kind == provider.NoKind) || n.CallID != "01JABC" {
			t.Errorf("%s: %+v", status, n)
		}
	}
	n := notice(t, `{"type":"Dial","application":"trunkline","dialstatus":"ANSWER","caller":{"id":"pbx-1.4"},"peer":{"id":"pbx-1.5","name":"PJSIP/x","state":"Up","dialplan":{"app_name":"AppDial"}}}`)
	if n.Kind != provider.DialEvent || n.LegID != "pbx-1.4" || n.ChildLeg != "pbx-1.5" || n.Status != "" {
		t.Errorf("the dialplan dials: %+v", n)
	}
}

func TestDestroyed(t *testing.T) {
	i := newIDs("trunkline")
	n := notice(t, eventOf("ChannelDestroyed", i.newLeg("01JABC"), "Ringing", `,"cause":19,"cause_txt":"User alerting, no answer","tech_cause":480`))
	if !n.Terminal() || n.Status != call.NoAnswer || n.Code != "19" || n.SIPCode != 480 || n.CallID != "01JABC" || n.Seconds != nil {
		t.Errorf("%+v", n)
	}
	id, _ := i.newMedia(testCaller)
	n = notice(t, eventOf("ChannelDestroyed", id, "Up", `,"cause":16,"tech_cause":1001`))
	if n.Terminal() || n.SIPCode != 0 || n.LegID != testCaller || n.StreamEvent != "stopped" {
		t.Errorf("the end of a media leg: %+v", n)
	}
	n = notice(t, eventOf("ChannelDestroyed", i.newLeg("01JABC")+";2", "Up", `,"cause":16`))
	if n.Terminal() || !n.Foreign {
		t.Errorf("the other half of a Local channel: %+v", n)
	}
}

func TestDigits(t *testing.T) {
	n := notice(t, eventOf("ChannelDtmfReceived", testCaller, "Up", `,"digit":"d","duration_ms":150`))
	if n.Kind != provider.DTMF || n.Digit != "D" || n.Detail["duration_ms"] != "150" {
		t.Errorf("%+v", n)
	}
	id, _ := newIDs("trunkline").newMedia(testCaller)
	if n := notice(t, eventOf("ChannelDtmfReceived", id, "Up", `,"digit":"1"`)); n.Kind != provider.NoKind {
		t.Errorf("a digit of the media leg counts twice: %+v", n)
	}
}

func TestOtherEvents(t *testing.T) {
	for doc, want := range map[string]provider.NoticeKind{
		`{"type":"ChannelTransfer","state":"channel_progress","refer_to":{"requested_destination":{"destination":"9014"}},"referred_by":{"source_channel":{"id":"pbx-1.4"}}}`: provider.Transfer,
		`{"type":"RecordingFinished","recording":{"name":"r","state":"done","target_uri":"channel:pbx-1.4","duration":3}}`:                                                    provider.Recording,
		`{"type":"CallBroadcast","caller":"+1555","called":"8700","channel":{"id":"pbx-1.4"}}`:                                                                                provider.NoKind,
		`{"type":"ApplicationReplaced","application":"trunkline"}`:                                                                                                            provider.CarrierError,
		`{"type":"SomethingNew"}`:     provider.UnknownKind,
		`{"type":"StasisStart"}`:      provider.NoKind,
		`{"type":"ChannelDestroyed"}`: provider.NoKind,
		`{"type":"RecordingStarted"}`: provider.NoKind,
	} {
		if n := notice(t, doc); n.Kind != want {
			t.Errorf("%s: %s, want %s", doc, n.Kind, want)
		}
	}
	for _, doc := range []string{"", "{", "[]", `{}`, `{"type":1}`, `{"type":"StasisStart","channel":3}`} {
		if _, err := ReadEvent("trunkline", []byte(doc)); provider.KindOf(err) != provider.KindInvalid || err == nil {
			t.Errorf("%s: %v, want invalid", doc, err)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	i, doc := newIDs("trunkline"), []byte(inboundStart)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := i.parse(doc); err != nil {
			b.Fatal(err)
		}
	}
}

// Whoever is held hears music: an agent may want to wait. It is no end.
func TestHold(t *testing.T) {
	for _, typ := range []string{"ChannelHold", "ChannelUnhold"} {
		n, err := ReadEvent("trunkline", []byte(eventOf(typ, testCaller, "Up", "")))
		if err != nil || n.Kind != provider.Hold || n.RawStatus != typ || n.LegID != testCaller {
			t.Errorf("%s: %+v, %v", typ, n, err)
		}
	}
}
