package plivo

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/switchtest"
)

// local reads a time of a callback in the account's zone.
func local(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation(time.DateTime, text, time.FixedZone("", 5*3600+1800))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestInbound(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{AuthID: "MATRUNKLINE000000001"})
	g.On("/voice", `<Speak>hello</Speak><Hangup/>`)
	began := time.Now()
	call, err := c.Ring(t.Context(), "+"+caller, "+"+ours, carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	g.Ended(call)
	voice := g.Await("/voice", 1)[0]
	switchtest.Want(t, voice.Form, map[string]string{
		"CallUUID": call.ID(), "CallStatus": "ringing", "Direction": "inbound", "Event": "StartApp", "From": caller, "To": ours,
		"CallerName": "+" + caller, "ParentAuthID": "MATRUNKLINE000000001", "BillRate": "0.00550",
		"STIRVerification": "Verified", "STIRAttestation": "A", "RequestUUID": "",
	})
	if voice.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || voice.Header.Get("Accept") != "*/*" {
		t.Errorf("header %v", voice.Header)
	}
	start, err := time.Parse("2006-01-02 15:04:05.000000", voice.Form.Get("SessionStart"))
	if err != nil || start.Sub(began).Abs() > time.Minute { // in UTC
		t.Errorf("SessionStart %v, %v", start, err)
	}
	form := g.Await("/hangup", 1)[0].Form
	switchtest.Want(t, form, map[string]string{
		"Event": "Hangup", "CallStatus": "completed", "BillDuration": form.Get("Duration"), "TotalCost": "0.00550",
		"HangupCause": "NORMAL_CLEARING", "HangupCauseCode": "4000", "HangupCauseName": "Normal Hangup", "HangupSource": "Answer XML",
	})
	for _, name := range []string{"StartTime", "AnswerTime", "EndTime"} {
		if at := local(t, form.Get(name)); at.Sub(began).Abs() > time.Minute {
			t.Errorf("%s %s", name, form.Get(name))
		}
	}
	if !call.Answered() || !call.Billed() || call.From() != caller || call.Status() != "completed" {
		t.Errorf("status %s:\n%s", call.Status(), call)
	}
}

func TestOutbound(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect("+"+callee, carriersim.Person{Acts: []carriersim.Act{carriersim.WaitHeard{Sound: 100 * time.Millisecond}, carriersim.Hangup{}}})
	g.On("/answer", `<Speak loop="0">hello there</Speak>`)
	call := g.Ended(g.Dial(switchtest.Doc{
		"from": "+" + ours, "to": "+" + callee, "answer_method": nil, "answer_url": g.URL + "/answer?run=42",
		"ring_url": g.URL + "/all", "hangup_url": g.URL + "/all", "sip_headers": "call=01J,org=7",
	}))
	answer := g.Await("/answer", 1)[0].Form
	switchtest.Want(t, answer, map[string]string{
		"CallUUID": call.ID(), "RequestUUID": call.ID(), "ALegUUID": call.ID(), "ALegRequestUUID": call.ID(), "CallStatus": "in-progress",
		"Event": "StartApp", "Direction": "outbound", "From": ours, "To": callee, "BillRate": "0.01000", "CallerName": "",
		"STIRVerification": "Not Applicable", "X-PH-call": "01J", "X-PH-org": "7",
	})
	if diff := cmp.Diff([]string{"Ring", "Hangup"}, g.Events("/all", 2)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	all := g.Await("/all", 2)
	switchtest.Want(t, all[0].Form, map[string]string{"CallStatus": "ringing", "CallUUID": call.ID()})
	switchtest.Want(t, all[1].Form, map[string]string{"HangupSource": "Callee", "HangupCauseCode": "4000", "TotalCost": "0.01000"})
}

func TestOutboundEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		person *carriersim.Person
		rings  bool
		want   map[string]string
	}{
		"busy": {&carriersim.Person{Outcome: carriersim.Busy}, false, map[string]string{
			"CallStatus": "busy", "HangupCause": "USER_BUSY", "HangupCauseCode": "3010", "HangupCauseName": "Busy Line", "HangupSource": "Callee"}},
		"no answer": {&carriersim.Person{Outcome: carriersim.NoAnswer, Ring: 50 * time.Millisecond}, true, map[string]string{
			"CallStatus": "no-answer", "HangupCause": "NO_ANSWER", "HangupCauseCode": "3000", "HangupCauseName": "No Answer", "HangupSource": "Callee"}},
		"too slow": {&carriersim.Person{Ring: time.Hour}, true, map[string]string{
			"CallStatus": "timeout", "HangupCause": "NO_ANSWER", "HangupCauseCode": "6010", "HangupCauseName": "Ring Timeout Reached", "HangupSource": "Plivo"}},
		"rejects": {&carriersim.Person{Outcome: carriersim.Rejects}, true, map[string]string{
			"CallStatus": "failed", "HangupCause": "CALL_REJECTED", "HangupCauseCode": "3020", "HangupSource": "Callee"}},
		"unreachable": {nil, false, map[string]string{
			"CallStatus": "failed", "HangupCause": "UNALLOCATED_NUMBER", "HangupCauseCode": "3050", "HangupSource": "Carrier"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			if test.person != nil {
				c.Expect(callee, *test.person)
			}
			call := g.Ended(g.Dial(switchtest.Doc{"ring_timeout": 1}))
			if call.Status() != test.want["CallStatus"] || call.Answered() || call.Billed() {
				t.Errorf("status %s:\n%s", call.Status(), call)
			}
			form := g.Await("/hangup", 1)[0].Form
			switchtest.Want(t, form, test.want)
			switchtest.Want(t, form, map[string]string{"AnswerTime": "", "Duration": "0", "BillDuration": "0", "TotalCost": "0.00000"})
			if rang := len(g.Got("/ring")) > 0; rang != test.rings || len(g.Got("/answer")) != 0 {
				t.Errorf("rang %t, want %t; %d answers", rang, test.rings, len(g.Got("/answer")))
			}
		})
	}
}

// TestHangupGoesToTheAnswerURL where it has none of its own.
func TestHangupGoesToTheAnswerURL(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	g.On("/answer", "<Hangup/>")
	g.Ended(g.Dial(switchtest.Doc{"hangup_url": nil}))
	if diff := cmp.Diff([]string{"StartApp", "Hangup"}, g.Events("/answer", 2)); diff != "" {
		t.Errorf("dial (-want +got):\n%s", diff)
	}
	if err := c.SetInbound(ours, g.URL+"/voice", ""); err != nil {
		t.Fatal(err)
	}
	g.On("/voice", "<Hangup/>")
	g.Ended(g.RingUp(carriersim.Person{}))
	if diff := cmp.Diff([]string{"StartApp", "Hangup"}, g.Events("/voice", 2)); diff != "" {
		t.Errorf("application (-want +got):\n%s", diff)
	}
}

// TestDocumentIsTriedThreeTimes unless the URL's fragment says otherwise, which
// is not sent.
func TestDocumentIsTriedThreeTimes(t *testing.T) {
	t.Parallel()
	for fragment, want := range map[string]int{"": 3, "#rc=0": 1, "#rc=4&rp=5xx": 5, "#rp=ct": 1} {
		t.Run(fragment, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			if err := c.SetInbound(ours, g.URL+"/voice"+fragment, g.URL+"/hangup"); err != nil {
				t.Fatal(err)
			}
			g.Answer("/voice", func(gatewaytest.Form) string { return "" })
			call := g.Ended(g.RingUp(carriersim.Person{}))
			if n := strings.Count(call.String(), "webhook inbound StartApp -> 500"); n != want {
				t.Errorf("%d tries, want %d", n, want)
			}
		})
	}
}

func TestMachineDetection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		order    switchtest.Doc
		machine  bool
		told     bool   // by a callback
		answered string // Machine on the answer request
		code     string // of the end
	}{
		"beside, human":     {switchtest.Doc{"machine_detection": "true", "machine_detection_url": "%s/amd"}, false, false, "", "4000"},
		"beside, machine":   {switchtest.Doc{"machine_detection": "true", "machine_detection_url": "%s/amd"}, true, true, "", "4000"},
		"beside, dropped":   {switchtest.Doc{"machine_detection": "hangup", "machine_detection_url": "%s/amd"}, true, true, "", "9100"},
		"in front, human":   {switchtest.Doc{"machine_detection": "true", "machine_detection_time": 2000}, false, false, "", "4000"},
		"in front, machine": {switchtest.Doc{"machine_detection": "true"}, true, false, "true", "4000"},
		"in front, dropped": {switchtest.Doc{"machine_detection": "hangup"}, true, false, "", "9100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{DetectAfter: 50 * time.Millisecond})
			c.Expect(callee, carriersim.Person{Machine: test.machine})
			g.On("/answer", `<Wait length="600"/>`)
			for key, value := range test.order {
				if text, ok := value.(string); ok {
					test.order[key] = strings.Replace(text, "%s", g.URL, 1)
				}
			}
			call := g.Dial(test.order)
			if test.code == "4000" {
				g.Saw(call, "detected")
				if got := g.Await("/answer", 1)[0].Form.Get("Machine"); got != test.answered {
					t.Errorf("Machine %q on the answer request, want %q", got, test.answered)
				}
				if test.told {
					g.Await("/amd", 1)
				}
				g.REST(http.MethodDelete, "/Call/"+call.ID()+"/", nil)
			}
			g.Ended(call)
			form := g.Await("/hangup", 1)[0].Form
			switchtest.Want(t, form, map[string]string{"HangupCauseCode": test.code, "CallStatus": "completed"})
			if test.machine != (form.Get("Machine") == "true") {
				t.Errorf("hangup %v", form)
			}
			if !test.told {
				if got := g.Got("/amd"); len(got) != 0 {
					t.Errorf("callback %v", got)
				}
				return
			}
			switchtest.Want(t, g.Await("/amd", 1)[0].Form, map[string]string{"Event": "MachineDetection", "Machine": "true", "CallStatus": "in-progress", "IfMachine": ""})
		})
	}
}

// TestQueue has a call a second: the last of many waits, and can be taken back.
func TestQueue(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{CallsPerSecond: 1})
	const others = "14155550178"
	g.REST(http.MethodPost, "/Call/", g.Order(switchtest.Doc{"to": others + strings.Repeat("<"+others, 59)}))
	last := g.Dial(nil)
	path := "/Call/" + last.ID() + "/"
	if status, doc := g.REST(http.MethodGet, path+"?status=queued", nil); status != 200 || doc["call_status"] != "queued" || doc["request_uuid"] != last.ID() {
		t.Errorf("queued: %d %v", status, doc)
	}
	if status, _ := g.REST(http.MethodGet, path+"?status=live", nil); status != 404 {
		t.Errorf("live: %d", status)
	}
	if _, doc := g.REST(http.MethodGet, "/Call/?status=queued&to_number=%2B"+callee, nil); !cmp.Equal(doc["calls"], []any{last.ID()}) {
		t.Errorf("queue: %v", doc)
	}
	if status, _ := g.REST(http.MethodDelete, "/Request/"+last.ID()+"/", nil); status != 204 {
		t.Errorf("cancel: %d", status)
	}
	if g.Ended(last); last.Saw("ringing") || !last.Saw("hang-up code 1000") {
		t.Errorf("timeline:\n%s", last)
	}
}
