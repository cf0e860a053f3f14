package ari

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

var ctx = context.Background()

func TestDial(t *testing.T) {
	p := newPBX(t)
	req := provider.DialRequest{CallID: "01JABC", To: "+14155550177", From: "+14155550101", RingSeconds: 20, LimitSeconds: 600, SendDigits: "1w2"}
	res, err := p.driver().Dial(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	line, body, _ := strings.Cut(p.requests()[0], " {")
	address, err := url.Parse(strings.TrimPrefix(line, "POST "))
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"endpoint": {"PJSIP/+14155550177@loop"}, "app": {"trunkline"}, "appArgs": {"outbound,01JABC,600,1w2"},
		"callerId": {"+14155550101"}, "timeout": {"20"}, "channelId": {res.LegID}}
	if diff := cmp.Diff(want, address.Query()); diff != "" || address.Path != "/channels" {
		t.Errorf("%s (-want +got):\n%s", address.Path, diff)
	}
	if want := `"variables":{"TRUNKLINE_CALL":"01JABC"}}`; body != want {
		t.Errorf("body %s, want %s", body, want)
	}
	again, err := p.driver().Dial(ctx, req)
	if err != nil || again.LegID == res.LegID {
		t.Errorf("two dials of a call have the id %s, %v", again.LegID, err)
	}
	if callID, ours := newIDs("trunkline").callOf(res.LegID); !ours || callID != "01JABC" {
		t.Errorf("%s does not tell its call", res.LegID)
	}
}

func TestDialStrings(t *testing.T) {
	for template, want := range map[string]string{
		"": "PJSIP/+14155550177", "PJSIP/{number}@carrier": "PJSIP/+14155550177@carrier", "PJSIP/{digits}@carrier": "PJSIP/14155550177@carrier", "Local/9{digits}@out/n": "Local/914155550177@out/n",
		"Local/{number}@out": "Local/+14155550177@out/n",
	} {
		if got, ok := newPBX(t).driver(fieldDial, template).endpoint("+14155550177"); !ok || got != want {
			t.Errorf("%s: %s, want %s", template, got, want)
		}
	}
	for to, want := range map[string]string{
		"PJSIP/alice": "PJSIP/alice", "PJSIP/100@trunk": "PJSIP/100@trunk", "IAX2/desk.1": "IAX2/desk.1", "Local/600@from-internal": "Local/600@from-internal/n", "100": "PJSIP/100@loop",
	} {
		if got, ok := newPBX(t).driver().endpoint(to); !ok || got != want {
			t.Errorf("%s: %s, want %s", to, got, want)
		}
	}
}

// What reaches a dial string could reach any channel of the PBX.
func TestDialRefuses(t *testing.T) {
	p := newPBX(t)
	good := provider.DialRequest{CallID: "01JABC", To: "+14155550177", RingSeconds: 20}
	for name, test := range map[string]struct {
		change func(*provider.DialRequest)
		more   []any
		kind   provider.Kind
	}{
		"slash":           {func(r *provider.DialRequest) { r.To = "1/2" }, nil, provider.KindInvalid},
		"second endpoint": {func(r *provider.DialRequest) { r.To = "1&Local/x@y" }, nil, provider.KindInvalid},
		"at":              {func(r *provider.DialRequest) { r.To = "1@evil" }, nil, provider.KindInvalid},
		"line":            {func(r *provider.DialRequest) { r.To = "1\n" }, nil, provider.KindInvalid},
		"sip":             {func(r *provider.DialRequest) { r.To = "sip:a@b" }, nil, provider.KindInvalid},
		"nobody":          {func(r *provider.DialRequest) { r.To = "" }, nil, provider.KindInvalid},
		"caller id":       {func(r *provider.DialRequest) { r.From = `"x" <1>` }, nil, provider.KindInvalid},
		"call id":         {func(r *provider.DialRequest) { r.CallID = "a,b" }, nil, provider.KindInvalid},
		"machines":        {func(r *provider.DialRequest) { r.AMD = "detect" }, nil, provider.KindUnsupported},
		"local, function": {func(r *provider.DialRequest) { r.To = "Local/${X}@a" }, nil, provider.KindInvalid},
		"endpoint twice":  {func(r *provider.DialRequest) { r.To = "PJSIP/100&PJSIP/200" }, nil, provider.KindInvalid},
		"endpoint, line":  {func(r *provider.DialRequest) { r.To = "PJSIP/100,1" }, nil, provider.KindInvalid},
		"endpoint, uri":   {func(r *provider.DialRequest) { r.To = "PJSIP/a/sip:b@c" }, nil, provider.KindInvalid},
		"function":        {func(r *provider.DialRequest) { r.To = "PJSIP/${SHELL(id)}" }, nil, provider.KindInvalid},
	} {
		req := good
		test.change(&req)
		if _, err := p.driver(test.more...).Dial(ctx, req); err == nil || provider.KindOf(err) != test.kind {
			t.Errorf("%s: %v, want %s", name, err, test.kind)
		}
	}
	if got := p.requests(); got != nil {
		t.Errorf("requests were made: %v", got)
	}
}

// An endpoint that cannot be made was not rung; any other 500 may have.
func TestDialFails(t *testing.T) {
	p := newPBX(t)
	req := provider.DialRequest{CallID: "01JABC", To: "+14155550177", RingSeconds: 20}
	p.on("POST /channels", 500, `{"error":"Allocation failed"}`)
	if _, err := p.driver().Dial(ctx, req); err == nil || !strings.Contains(err.Error(), "dial_string") {
		t.Errorf("%v, want what to do about it", err)
	}
	for body, want := range map[string]provider.Kind{`{"error":"Allocation failed"}`: provider.KindRejected, `{"message":"oops"}`: provider.KindUncertain} {
		p.on("POST /channels", 500, body)
		if _, err := p.driver().Dial(ctx, req); provider.KindOf(err) != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func TestFindDial(t *testing.T) {
	p := newPBX(t)
	d := p.driver()
	mine, others := d.ids.newLeg("01JABC"), d.ids.newLeg("01JABCD")
	p.on("GET /channels", 200, `[{"id":"`+others+`"},{"id":"pbx-1.2"},{"id":"`+mine+`"},{"id":"`+mine+`;2"}]`)
	for callID, want := range map[string]string{"01JABC": mine, "01JABCD": others, "01JAB": "", "01JABCDE": ""} {
		res, found, err := d.FindDial(ctx, provider.DialRequest{CallID: callID}, time.Now())
		if err != nil || found != (want != "") || res.LegID != want {
			t.Errorf("%s: %q %t %v, want %q", callID, res.LegID, found, err, want)
		}
	}
	p.on("GET /channels", 503, `{}`)
	if _, found, err := d.FindDial(ctx, provider.DialRequest{CallID: "01JABC"}, time.Now()); err == nil || found {
		t.Errorf("the PBX does not tell: %t %v", found, err)
	}
}

func TestStatus(t *testing.T) {
	p := newPBX(t)
	for state, want := range map[string]call.Status{"Down": call.Initiated, "Dialing": call.Initiated, "Ring": call.Ringing, "Ringing": call.Ringing, "Up": call.Answered, "Busy": call.Initiated} {
		p.on("GET /channels/pbx-1.2", 200, `{"id":"pbx-1.2","state":"`+state+`"}`)
		got, err := p.driver().Status(ctx, provider.Leg{ID: "pbx-1.2"})
		if diff := cmp.Diff(provider.LegStatus{Status: want, Raw: state}, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", state, err, diff)
		}
	}
	p.on("GET /channels/pbx-1.2", 404, `{"message":"Channel not found"}`)
	if _, err := p.driver().Status(ctx, provider.Leg{ID: "pbx-1.2"}); provider.KindOf(err) != provider.KindNotFound {
		t.Errorf("over: %v", err)
	}
}

func TestSendDTMF(t *testing.T) {
	p := newPBX(t)
	if err := p.driver().SendDTMF(ctx, provider.Leg{ID: "pbx-1.2"}, "12#w"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"POST /channels/pbx-1.2/dtmf?dtmf=12%23w"}, p.requests()); diff != "" {
		t.Error(diff)
	}
	p.on("POST /channels/pbx-1.2/dtmf", 412, `{"message":"Channel in invalid state"}`)
	if err := p.driver().SendDTMF(ctx, provider.Leg{ID: "pbx-1.2"}, "1"); provider.KindOf(err) != provider.KindConflict {
		t.Errorf("before the answer: %v", err)
	}
	for _, leg := range []string{"", "pbx-1.2"} {
		if err := p.driver().SendDTMF(ctx, provider.Leg{ID: leg}, strings.Repeat("x", len(leg))); provider.KindOf(err) != provider.KindInvalid {
			t.Errorf("leg %q: %v", leg, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	info := func(version string) string { return `{"system":{"version":"` + version + `"}}` }
	for name, test := range map[string]struct {
		set  map[string]reply
		more []any
		kind provider.Kind
		says string
	}{
		"good":       {nil, nil, "", ""},
		"no ARI":     {map[string]reply{"GET /asterisk/info": {404, `not found`}}, nil, provider.KindNotFound, "no ARI at the address"},
		"idle":       {map[string]reply{"GET /asterisk/modules/chan_websocket.so": {200, `{"status":"Not Running"}`}}, nil, provider.KindConflict, "does not run"},
		"password":   {nil, []any{fieldPassword, "wrong"}, provider.KindUnauthenticated, ""},
		"old":        {map[string]reply{"GET /asterisk/info": {200, info("20.7.0")}}, nil, provider.KindUnsupported, "20.7.0"},
		"one way":    {map[string]reply{"GET /asterisk/info": {200, info("22.8.0")}}, []any{fieldDirection, onlyIn}, provider.KindUnsupported, "one-way"},
		"read only":  {map[string]reply{"DELETE": {403, `{"message":"Write access denied"}`}}, nil, provider.KindForbidden, "read_only"},
		"not loaded": {map[string]reply{"GET /asterisk/modules/chan_websocket.so": {404, `{"message":"Module not found"}`}}, nil, provider.KindConflict, "chan_websocket"},
	} {
		p := newPBX(t)
		p.on("GET /asterisk/info", 200, info("22.10.1"))
		p.on("GET /asterisk/modules/chan_websocket.so", 200, `{"name":"chan_websocket.so"}`)
		for line, r := range test.set {
			if line == "DELETE" {
				p.srv.Config.Handler = refuseDelete{p, r}
				continue
			}
			p.on(line, r.status, r.body)
		}
		err := p.driver(test.more...).TestCredentials(ctx)
		switch {
		case test.kind == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.kind != "" && (provider.KindOf(err) != test.kind || err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v, want %s with %q", name, err, test.kind, test.says)
		}
	}
}

func TestDefaultCallerID(t *testing.T) {
	p := newPBX(t)
	req := provider.DialRequest{CallID: "01JABC", To: "100", RingSeconds: 20}
	if _, err := p.driver(fieldFromNumbers, []any{"+14155550101", "+14155550102"}).Dial(ctx, req); err != nil {
		t.Fatal(err)
	}
	if got := p.requests()[0]; !strings.Contains(got, "callerId=%2B14155550101&") {
		t.Errorf("%s shows not the first of the trunk's caller ids", got)
	}
}

// Provisioning a PBX finds out what it is; one that is not fit is no error.
func TestProvision(t *testing.T) {
	p := newPBX(t)
	p.on("GET /asterisk/info", 200, `{"system":{"version":"20.7.0"}}`)
	p.on("GET /asterisk/modules/chan_websocket.so", 404, `{"message":"Module not found"}`)
	got, err := p.driver().Provision(ctx, "pbx", provider.Inbound{})
	if diff := cmp.Diff(map[string]string{fieldVersion: "20.7.0", fieldModule: moduleAbsent}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	p.srv.Config.Handler = refuseDelete{p, reply{403, `{"message":"Write access denied"}`}}
	if _, err := p.driver().Provision(ctx, "pbx", provider.Inbound{}); provider.KindOf(err) != provider.KindForbidden {
		t.Errorf("%v, want that the user may only read", err)
	}
}

func TestHangupTellsWhy(t *testing.T) {
	p := newPBX(t)
	for cause, reason := range map[call.Cause]string{"": "normal", call.CauseBusy: "busy", call.CauseRejected: "rejected",
		call.CauseNotConfigured: "unallocated", call.CauseNoAgent: "congestion", call.CauseMachine: "normal"} {
		if err := p.driver().Hangup(ctx, provider.Leg{ID: testCaller, Cause: cause}); err != nil {
			t.Fatal(err)
		}
		got := p.requests()
		if want := "DELETE /channels/" + testCaller + "?reason=" + reason; got[len(got)-1] != want {
			t.Errorf("%q: %s, want %s", cause, got[len(got)-1], want)
		}
	}
}
