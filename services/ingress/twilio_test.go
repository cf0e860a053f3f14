package ingress_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	_ "github.com/trunkline-io/trunkline/pkg/provider/twilio"
)

const (
	twilioAccount = "AC0123456789abcdef0123456789abcdef"
	twilioToken   = "0123456789abcdef0123456789abcde0"
	twilioLeg     = "CA0123456789abcdef0123456789abcdef"
)

// twilioSignature signs as Twilio's page "Security" says: the URL, then names
// and values of the form in the order of the names.
func twilioSignature(url string, form url.Values) string {
	h := hmac.New(sha1.New, []byte(twilioToken))
	h.Write([]byte(url))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			h.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func twilioHeader(path string, form url.Values) http.Header {
	return http.Header{"X-Twilio-Signature": {twilioSignature(publicURL+path, form)}, "User-Agent": {"TwilioProxy/1.1"},
		"Content-Type": {"application/x-www-form-urlencoded; charset=UTF-8"}}
}

// twilio sends a form as Twilio does.
func (n *node) twilio(path string, form url.Values) answer {
	return n.send(http.MethodPost, path, twilioHeader(path, form), form.Encode())
}

// twilioCall is a call as Twilio tells of it, in the size of a real one.
func twilioCall(status, direction string) url.Values {
	return url.Values{"CallSid": {twilioLeg}, "AccountSid": {twilioAccount}, "ApiVersion": {"2010-04-01"}, "CallStatus": {status},
		"Direction": {direction}, "From": {"+14155550199"}, "Caller": {"+14155550199"}, "To": {number}, "Called": {number},
		"FromCity": {"OAKLAND"}, "FromState": {"CA"}, "FromZip": {"94601"}, "FromCountry": {"US"}, "ToCity": {"SAN FRANCISCO"},
		"ToState": {"CA"}, "ToZip": {"94103"}, "ToCountry": {"US"}, "CallerCity": {"OAKLAND"}, "CallerState": {"CA"},
		"CallerZip": {"94601"}, "CallerCountry": {"US"}, "CalledCity": {"SAN FRANCISCO"}, "CalledState": {"CA"}, "CalledZip": {"94103"},
		"CalledCountry": {"US"}, "CallerName": {"ZOË MÜLLER & SONS"}, "StirVerstat": {"TN-Validation-Passed-A"}}
}

func (s *site) addTwilio() {
	s.t.Helper()
	s.addTrunk("phone", "twilio", map[string]any{"account_sid": twilioAccount, "auth_token": twilioToken})
	s.addNumber("phone", number)
}

func TestTwilioCallFromRingToEnd(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.addTwilio()
	s.agents(yes)
	n := s.start(s.bus)
	callID := call.InboundID(org, "phone", twilioLeg)

	path := s.hook("phone", "twilio", provider.HookInbound, "")
	a := n.twilio(path, twilioCall("ringing", "inbound"))
	bound := s.facts(callID)["agent.bound"]
	if bound == nil {
		t.Fatalf("no agent is bound; answer is %+v", a)
	}
	stream := bound.Data.(event.AgentBound).StreamID
	for _, want := range []string{
		`<Stream url="` + mediaURL + `/v1/media/default/phone/` + callID + `/` + stream + `/`,
		`statusCallback="` + publicURL + s.hook("phone", "twilio", provider.HookStream, callID) + `"`,
		`<Parameter name="call" value="` + callID + `"/>`, "<Hangup/></Response>",
	} {
		if a.Status != 200 || !strings.HasPrefix(a.ContentType, "text/xml") || !strings.Contains(a.Body, want) {
			t.Errorf("answer is %+v, want it with %s", a, want)
		}
	}
	if again := n.twilio(path, twilioCall("ringing", "inbound")); again != a {
		t.Errorf("the repeat is answered %+v", again)
	}
	if shared := n.twilio("/v1/inbound", twilioCall("ringing", "inbound")); shared != a {
		t.Errorf("the shared URL answers %+v", shared)
	}

	started := url.Values{"CallSid": {twilioLeg}, "AccountSid": {twilioAccount}, "StreamSid": {"MZ1"}, "StreamName": {stream},
		"StreamEvent": {"stream-started"}, "Timestamp": {"2026-11-22T10:15:30.5Z"}}
	if a := n.twilio(s.hook("phone", "twilio", provider.HookStream, callID), started); a.Status/100 != 2 {
		t.Errorf("the stream's start is answered %+v", a)
	}
	if answered := s.facts(callID)["call.answered"]; answered == nil || answered.Time.Format(time.TimeOnly) != "10:15:30" {
		t.Errorf("answered is %+v, want it from the stream's start", answered)
	}

	over := twilioCall("completed", "inbound")
	over.Set("CallDuration", "42")
	over.Set("Duration", "1")
	if end := n.twilio(s.hook("phone", "twilio", provider.HookStatus, ""), over); end.Status/100 != 2 {
		t.Errorf("the end is answered %+v", end)
	}
	ended, _ := s.facts(callID)["call.ended"].Data.(event.CallEnded)
	if ended.Status != call.Completed || ended.Seconds == nil || *ended.Seconds != 42 {
		t.Errorf("ended is %+v", ended)
	}
	if a := n.twilio(path, twilioCall("ringing", "inbound")); strings.Contains(a.Body, "<Stream") || !strings.Contains(a.Body, "<Hangup/>") {
		t.Errorf("after the end the answer is %+v, want a hang-up", a)
	}
}

func TestTwilioByGET(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.addTwilio()
	s.agents(yes)
	n := s.start(s.bus)
	path := s.hook("phone", "twilio", provider.HookInbound, "") + "?" + twilioCall("ringing", "inbound").Encode()
	a := n.send("GET", path, http.Header{"X-Twilio-Signature": {twilioSignature(publicURL+path, nil)}}, "")
	if !strings.Contains(a.Body, "<Stream") {
		t.Errorf("answer is %+v, want a stream", a)
	}
	if received := s.facts(call.InboundID(org, "phone", twilioLeg))["call.received"]; received == nil || !strings.Contains(received.Raw, "CallSid="+twilioLeg) {
		t.Errorf("received is %+v, want the query kept", received)
	}
}

func TestTwilioRefusals(t *testing.T) {
	s := newSite(t, bustest.New(t))
	s.addTwilio()
	n := s.start(s.bus)
	path := s.hook("phone", "twilio", provider.HookInbound, "")
	legless, other := twilioCall("ringing", "inbound"), twilioCall("ringing", "inbound")
	legless.Del("CallSid")
	other.Set("AccountSid", "AC"+strings.Repeat("f", 32))
	unsigned := twilioHeader(path, twilioCall("ringing", "inbound"))
	unsigned.Del("X-Twilio-Signature")
	for name, c := range map[string]struct {
		form   url.Values
		header http.Header
		status int
	}{
		"no CallSid":      {legless, twilioHeader(path, legless), 400},
		"other account":   {other, twilioHeader(path, other), 403},
		"unsigned":        {twilioCall("ringing", "inbound"), unsigned, 403},
		"a field changed": {twilioCall("ringing", "outbound"), twilioHeader(path, twilioCall("ringing", "inbound")), 403},
	} {
		if got := n.send("POST", path, c.header, c.form.Encode()); got.Status != c.status {
			t.Errorf("%s: answer is %+v, want %d", name, got, c.status)
		}
	}
}
