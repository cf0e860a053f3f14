package plivohook

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

func TestKind(t *testing.T) {
	for said, want := range map[string]provider.NoticeKind{
		"DialAction=hangup&DialStatus=busy&Event=Hangup":   provider.DialEvent,
		"DialStatus=busy&Event=Redirect":                   provider.DialAction,
		"ConferenceAction=enter&Event=Hangup":              provider.Conference,
		"Event=Hangup&RecordUrl=x&StreamID=s&Machine=true": provider.CallStatus,
		"RecordUrl=x&StreamID=s":                           provider.Recording,
		"RecordingID=x&Event=MachineDetection":             provider.Recording,
		"StreamID=s&Event=MachineDetection":                provider.StreamStatus,
		"Event=MachineDetection":                           provider.AMD,
		"Machine=false":                                    provider.AMD,
		"Event=Ring&Machine=false":                         provider.CallStatus,
		"Event=CallInitiated":                              provider.CallStatus,
		"Event=StartApp&Direction=inbound":                 provider.InboundCall,
		"Event=StartApp&Direction=Outbound":                provider.Answer,
		"Event=StartApp":                                   provider.UnknownKind,
		"Event=Redirect&Direction=inbound":                 provider.RedirectDone,
		"Event=Hangup&Event=Ring":                          provider.CallStatus,
		"Event=Other&Event=Ring":                           provider.UnknownKind,
		"DialAction=&DialStatus=&Event=Ring":               provider.CallStatus,
		"Event=SomethingNew&CallStatus=completed":          provider.UnknownKind,
	} {
		n, err := Parse(form.Append(nil, "CallUUID=c&"+said), E164)
		if err != nil || n.Kind != want {
			t.Errorf("%s: %q, %v, want %q", said, n.Kind, err, want)
		}
		if n.Kind == provider.UnknownKind && (n.Status != "" || n.Reply) {
			t.Errorf("%s: an unknown event moves the call to %q", said, n.Status)
		}
	}
	if _, err := Parse(form.Append(nil, "Event=Hangup"), E164); provider.KindOf(err) != provider.KindInvalid {
		t.Errorf("without CallUUID: %v", err)
	}
}

func TestOutcome(t *testing.T) {
	type result struct {
		status call.Status
		by     string
		cause  call.Cause
	}
	for name, c := range map[string]struct {
		said string
		want result
	}{
		"a word":                 {"CallStatus=Timeout&AnswerTime=now", result{call.NoAnswer, "word", call.CauseNoAnswer}},
		"cancelled":              {"CallStatus=cancelled", result{call.Canceled, "word", call.CauseCanceled}},
		"failed by number":       {"CallStatus=failed&HangupCauseCode=2010", result{call.Failed, "word", call.CauseUnreachable}},
		"failed without a code":  {"CallStatus=failed", result{call.Failed, "word", call.CauseUnknown}},
		"answered":               {"CallStatus=completed&AnswerTime=2026-03-03+09%3A15%3A27&HangupCauseCode=3010", result{call.Completed, "answered", call.CauseNormal}},
		"billed":                 {"CallStatus=completed&BillDuration=6&HangupCauseCode=9100", result{call.Completed, "answered", call.CauseMachine}},
		"a word that is no end":  {"CallStatus=in-progress&HangupCauseCode=3000", result{call.NoAnswer, "code", call.CauseNoAnswer}},
		"an unknown word":        {"CallStatus=gone&HangupCauseCode=3100", result{call.Busy, "code", call.CauseBusy}},
		"never answered, null":   {"AnswerTime=null&Duration=31&HangupCauseCode=6010", result{call.NoAnswer, "code", call.CauseNoAnswer}},
		"never answered, None":   {"AnswerTime=None&HangupCauseCode=1000", result{call.Canceled, "code", call.CauseCanceled}},
		"lost race":              {"AnswerTime=0&HangupCauseCode=9000", result{call.Canceled, "code", call.CauseCanceled}},
		"end of markup":          {"HangupCauseCode=4010", result{call.Completed, "code", call.CauseNormal}},
		"rejected by us":         {"HangupCauseCode=3020&HangupSource=Answer+XML", result{call.Canceled, "code", call.CauseCanceled}},
		"rejected":               {"HangupCauseCode=3020&HangupSource=Callee", result{call.Failed, "code", call.CauseRejected}},
		"beyond a room":          {"HangupCauseCode=4031", result{call.Failed, "code", call.CauseCarrier}},
		"our answer was broken":  {"HangupCauseCode=7012", result{call.Failed, "code", call.CauseNoAgent}},
		"time limit":             {"AnswerTime=x&HangupCauseCode=6000", result{call.Completed, "answered", call.CauseLimit}},
		"out of credit":          {"HangupCauseCode=1010&HangupCause=NORMAL_CLEARING", result{call.Failed, "code", call.CauseCarrier}},
		"cause busy":             {"HangupCauseCode=0&HangupCause=user_busy", result{call.Busy, "cause", call.CauseBusy}},
		"cause no answer":        {"HangupCause=NO_USER_RESPONSE", result{call.NoAnswer, "cause", call.CauseNoAnswer}},
		"cause canceled":         {"HangupCauseCode=-1&HangupCause=ORIGINATOR_CANCEL", result{call.Canceled, "cause", call.CauseCanceled}},
		"nothing":                {"", result{call.Completed, "cause", call.CauseNormal}},
		"duration proves little": {"Duration=31&BillDuration=x&HangupCauseCode=3000", result{call.NoAnswer, "code", call.CauseNoAnswer}},
	} {
		n, err := Parse(form.Append(nil, "CallUUID=c&Event=Hangup&"+c.said), E164)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := (result{n.Status, n.Detail["status_by"], n.Cause}); got != c.want || !n.Terminal() {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestOnlyAHangupEnds(t *testing.T) {
	for said, want := range map[string]call.Status{
		"Event=Ring&CallStatus=ringing":            call.Ringing,
		"Event=Ring&CallStatus=early":              call.Ringing,
		"Event=Ring":                               call.Ringing,
		"Event=Ring&CallStatus=busy":               "",
		"Event=Ring&CallStatus=strange":            "",
		"Event=CallInitiated":                      call.Initiated,
		"Event=StartApp&Direction=outbound":        call.Answered,
		"StreamID=s&Event=StopStream":              "",
		"DialStatus=cancel&CallStatus=in-progress": call.Canceled,
	} {
		n, err := Parse(form.Append(nil, "CallUUID=c&"+said), E164)
		if err != nil || n.Status != want || n.Terminal() {
			t.Errorf("%s: %q, ends: %t, %v, want %q", said, n.Status, n.Terminal(), err, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for raw, want := range map[string][2]string{ // everywhere, and in India
		"":                               {"", ""},
		"14155550101":                    {"+14155550101", "+14155550101"},
		"+1 (415) 555-01.01":             {"+14155550101", "+14155550101"},
		"+12345":                         {"+12345", "+12345"},
		"12345":                          {"12345", "12345"},
		"1234567890123456":               {"1234567890123456", "1234567890123456"},
		"anonymous":                      {"anonymous", "anonymous"},
		"sip:desk-7@pbx.example.net":     {"sip:desk-7@pbx.example.net", "sip:desk-7@pbx.example.net"},
		"912200000101":                   {"+912200000101", "+912200000101"},
		"02200000199":                    {"+02200000199", "+912200000199"},
		"2200000199":                     {"+2200000199", "+912200000199"},
		"022-0000 0199":                  {"+02200000199", "+912200000199"},
		"00442071838750":                 {"+00442071838750", "+442071838750"},
		"1800123":                        {"+1800123", "+1800123"},
		"+2200000199":                    {"+2200000199", "+2200000199"},
		"sip:20468599130939380@app.host": {"sip:20468599130939380@app.host", "sip:20468599130939380@app.host"},
	} {
		if got := [2]string{E164(raw), India(raw)}; got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

func TestWithheld(t *testing.T) {
	for from, want := range map[string]bool{
		"anonymous": true, "Restricted": true, "sip:anonymous@anonymous.invalid": true, "266696687": true,
		"14155550101": false, "": false, "sip:ann@example.net": false,
	} {
		n, err := Parse(form.Fields{{Name: "CallUUID", Value: "c"}, {Name: "From", Value: from}}, E164)
		if err != nil || n.Anonymous != want || want && n.From != "" {
			t.Errorf("%q: withheld %t, from %q, %v", from, n.Anonymous, n.From, err)
		}
	}
}

func TestRecognise(t *testing.T) {
	const plivo, vobiz = "MATRUNKLINE000000001", "MA_TRNK0001"
	for name, c := range map[string]struct {
		header  provider.Header
		body    string
		carrier Carrier
		account string
	}{
		"signed by vobiz":      {provider.Header{{Name: "x-vobiz-signature-v2", Value: "x"}, {Name: "X-Plivo-Signature-V3", Value: "x"}}, "ParentAuthID=" + plivo, Vobiz, plivo},
		"signed by plivo":      {provider.Header{{Name: "X-Plivo-Signature-V3", Value: "x"}, {Name: "User-Agent", Value: "Vobiz"}}, "", Plivo, ""},
		"agent":                {provider.Header{{Name: "User-Agent", Value: "VOBIZ-Webhook/1.0"}}, "ParentAuthID=" + plivo, Vobiz, plivo},
		"vobiz account":        {nil, "auth_id=" + vobiz, Vobiz, vobiz},
		"plivo account":        {nil, "ParentAuthID=" + plivo + "&auth_id=", Plivo, plivo},
		"too short an account": {nil, "ParentAuthID=MATRUNKLINE1", "", "MATRUNKLINE1"},
		"fields alone":         {nil, "CallUUID=c&Event=StartApp", "", ""},
	} {
		req := &provider.Request{Method: http.MethodPost, Header: c.header, Body: []byte(c.body)}
		carrier, account := Recognise(req)
		if carrier != c.carrier || account != c.account {
			t.Errorf("%s: %q of %q, want %q of %q", name, account, carrier, c.account, c.carrier)
		}
	}
}

func TestFields(t *testing.T) {
	jsonHeader := provider.Header{{Name: "Content-Type", Value: "application/json; charset=utf-8"}}
	for name, c := range map[string]struct {
		req  provider.Request
		want form.Fields // nil: none can be read
	}{
		"query":       {provider.Request{Method: http.MethodGet, URL: "https://h/a?A=1", Body: []byte("A=2")}, form.Fields{{Name: "A", Value: "1"}}},
		"form":        {provider.Request{Method: http.MethodPost, URL: "https://h/a?A=1", Body: []byte("A=2")}, form.Fields{{Name: "A", Value: "2"}}},
		"empty body":  {provider.Request{Method: http.MethodPost, URL: "https://h/a?A=1", Header: provider.Header{{Name: "Content-Type", Value: "text/html"}}}, form.Fields{}},
		"other type":  {provider.Request{Method: http.MethodPost, Header: provider.Header{{Name: "Content-Type", Value: "text/html"}}, Body: []byte("A=2")}, nil},
		"json":        {provider.Request{Method: http.MethodPost, Header: jsonHeader, Body: []byte(`{"A":true}`)}, form.Fields{{Name: "A", Value: "true"}}},
		"json number": {provider.Request{Method: http.MethodPost, Header: jsonHeader, Body: []byte(`{"A":3000,"B":{},"C":null}`)}, form.Fields{{Name: "A", Value: "3000"}}},
		"broken json": {provider.Request{Method: http.MethodPost, Header: jsonHeader, Body: []byte(`{"A":`)}, nil},
		"too many":    {provider.Request{Method: http.MethodPost, Body: []byte(strings.Repeat("a&", mostFields+1))}, nil},
	} {
		got, ok := FieldsOrJSON(form.Fields{}, &c.req)
		if ok != (c.want != nil) || ok && !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v, %t, want %v", name, got, ok, c.want)
		}
	}
	if _, ok := Fields(nil, &provider.Request{Method: http.MethodPost, Header: jsonHeader, Body: []byte(`{}`)}); ok {
		t.Error("a carrier that sends no JSON is read as JSON")
	}
}
