package vobiz

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/switchtest"
)

// TestInbound shows who calls as they were written, and all times as they are
// in India.
func TestInbound(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{AuthID: "MA_TRNK0001"})
	g.On("/voice", `<Speak>hello</Speak><Hangup/>`)
	began := time.Now()
	call, err := c.Ring(t.Context(), "02200000199", ours, carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	g.Ended(call)
	voice := g.Await("/voice", 1)[0]
	switchtest.Want(t, voice.Form, map[string]string{
		"CallUUID": call.ID(), "CallStatus": "ringing", "Direction": "inbound", "Event": "StartApp", "From": "02200000199", "To": ours,
		"ParentAuthID": "MA_TRNK0001", "auth_id": "MA_TRNK0001", "BillRate": "0.0065", "stir_verification": "Not Applicable", "STIRVerification": "",
	})
	if voice.Header.Get("User-Agent") != "Vobiz-Webhook/1.0" || voice.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("header %v", voice.Header)
	}
	india := time.FixedZone("", 5*3600+1800)
	start, err := time.ParseInLocation("2006-01-02 15:04:05.000000", voice.Form.Get("SessionStart"), india)
	if err != nil || start.Sub(began).Abs() > time.Minute {
		t.Errorf("SessionStart %v, %v", start, err)
	}
	if at, err := time.ParseInLocation(time.DateTime, voice.Form.Get("timestamp"), india); err != nil || at.Sub(began).Abs() > time.Minute {
		t.Errorf("timestamp %v, %v", at, err)
	}
}

// TestHangupAlwaysSaysCompleted and lets the code tell the truth. Ringing counts
// as duration.
func TestHangupAlwaysSaysCompleted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		person *carriersim.Person
		order  switchtest.Doc
		want   map[string]string
	}{
		"busy": {&carriersim.Person{Outcome: carriersim.Busy}, nil, map[string]string{
			"HangupCause": "USER_BUSY", "HangupCauseCode": "3010", "HangupCauseName": "Busy Line", "HangupSource": "Callee", "AnswerTime": "", "TotalCost": "0"}},
		"no answer": {&carriersim.Person{Outcome: carriersim.NoAnswer, Ring: 50 * time.Millisecond}, nil, map[string]string{
			"HangupCause": "NO_ANSWER", "HangupCauseCode": "3000", "HangupSource": "Callee", "AnswerTime": "", "BillDuration": "0"}},
		"too slow": {&carriersim.Person{Ring: time.Hour}, switchtest.Doc{"ring_timeout": 1}, map[string]string{
			"HangupCause": "NO_ANSWER", "HangupCauseCode": "6010", "HangupSource": "Vobiz"}},
		"rejects":     {&carriersim.Person{Outcome: carriersim.Rejects}, nil, map[string]string{"HangupCauseCode": "3020", "HangupSource": "Callee"}},
		"unreachable": {nil, nil, map[string]string{"HangupCauseCode": "3050", "HangupSource": "Carrier"}},
		"answers": {&carriersim.Person{Ring: 50 * time.Millisecond, Acts: []carriersim.Act{carriersim.Hangup{}}}, nil, map[string]string{
			"HangupCauseCode": "4000", "HangupSource": "Callee", "TotalCost": "0.65", "BillRate": "0.65"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			if test.person != nil {
				c.Expect(callee, *test.person)
			}
			g.On("/answer", `<Speak>hello</Speak>`)
			call := g.Ended(g.Dial(test.order))
			form := g.Await("/hangup", 1)[0].Form
			switchtest.Want(t, form, test.want)
			switchtest.Want(t, form, map[string]string{"CallStatus": "completed", "Event": "Hangup"})
			duration, _ := strconv.Atoi(form.Get("Duration"))
			if talk, err := strconv.Atoi(form.Get("BillDuration")); err != nil || duration <= talk {
				t.Errorf("duration %d, talk %d", duration, talk)
			}
			if call.Status() != "completed" || call.Answered() != (name == "answers") {
				t.Errorf("timeline:\n%s", call)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	g.On("/answer", "<Hangup/>")
	call := g.Ended(g.Dial(switchtest.Doc{
		"ring_url": g.URL + "/all", "hangup_url": g.URL + "/all", "answer_url": g.URL + "/answer", "sip_headers": "call=01J",
	}))
	if diff := cmp.Diff([]string{"CallInitiated", "Ring", "Hangup"}, g.Events("/all", 3)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, r := range g.Await("/all", 3) {
		switchtest.Want(t, r.Form, map[string]string{"CallStatus": []string{"initiated", "ringing", "completed"}[i], "CallUUID": call.ID(), "From": ours})
		if r.Header.Get("X-VH-call") != "01J" || r.Form.Has("X-PH-call") {
			t.Errorf("custom header: %v %v", r.Header, r.Form)
		}
	}
}

func TestRingTimeoutIsIgnored(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{IgnoreRingTimeout: true})
	c.Expect(callee, carriersim.Person{Ring: 1200 * time.Millisecond})
	g.On("/answer", "<Hangup/>")
	if call := g.Ended(g.Dial(switchtest.Doc{"ring_timeout": 1})); !call.Answered() {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestMachineDetection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		order   string
		machine bool
		want    map[string]string
		dropped bool
	}{
		"human":            {"true", false, map[string]string{"Machine": "false", "IfMachine": "continue"}, false},
		"human or dropped": {"hangup", false, map[string]string{"Machine": "false", "IfMachine": "hangup"}, false},
		"machine":          {"true", true, map[string]string{"Machine": "true", "IfMachine": "continue"}, false},
		"dropped":          {"hangup", true, map[string]string{"Machine": "true", "IfMachine": "hangup"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{DetectAfter: 50 * time.Millisecond})
			c.Expect(callee, carriersim.Person{Machine: test.machine})
			g.On("/answer", `<Wait length="600"/>`)
			call := g.Dial(switchtest.Doc{"machine_detection": test.order, "machine_detection_url": g.URL + "/amd"})
			switchtest.Want(t, g.Await("/amd", 1)[0].Form, test.want)
			if !test.dropped {
				g.REST(http.MethodDelete, "/Call/"+call.ID()+"/", nil)
			}
			if g.Ended(call); call.Saw("hang-up code 9100") != test.dropped {
				t.Errorf("timeline:\n%s", call)
			}
		})
	}
}

// TestConferenceOfOne throws out who is alone, unless told otherwise, and says
// little in its callbacks.
func TestConferenceOfOne(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.On("/voice", `<Conference callbackUrl="%s/room">xfer</Conference><Speak>alone</Speak>`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if !call.Saw("thrown out of conference xfer") || !call.Saw("says alone") {
		t.Errorf("timeline:\n%s", call)
	}
	enter, exit := g.Await("/room", 2)[0].Form, g.Await("/room", 2)[1].Form
	switchtest.Want(t, enter, map[string]string{"Event": "ConferenceEnter", "From": caller, "To": ours})
	if exit.Has("From") || exit.Has("To") || exit.Has("CallStatus") || exit.Get("ConferenceAction") != "exit" {
		t.Errorf("exit %v", exit)
	}
}

func TestCallerIDOfDial(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	g.On("/voice", `<Dial callerId="`+caller+`" action="%s/dialled"><Number>`+callee+`</Number></Dial>`)
	g.On("/dialled", "<Hangup/>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if switchtest.Want(t, g.Await("/dialled", 1)[0].Form, map[string]string{"DialStatus": "failed"}); !call.Saw("warning callerId") {
		t.Errorf("timeline:\n%s", call)
	}
	if leg := g.LegTo(callee); !leg.Saw("hang-up code 3030") {
		t.Errorf("leg:\n%s", leg)
	}
}

// TestStatusIsRetried three times, with growing pauses.
func TestStatusIsRetried(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Handle("/hangup", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	g.On("/voice", "<Hangup/>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	g.Saw(call, "webhook status Hangup -> 404")
	if pauses := []time.Duration{statusManners.Backoff(1), statusManners.Backoff(2), statusManners.Backoff(3)}; pauses[0] >= pauses[1] || pauses[1] >= pauses[2] {
		t.Errorf("pauses %v", pauses)
	}
	if !statusManners.Retry(404, nil) || statusManners.Retries != 3 || strings.Count(call.String(), "Hangup -> 404") > 4 {
		t.Errorf("timeline:\n%s", call)
	}
}
