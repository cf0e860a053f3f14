package cloudonix

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// shape holds that an object has all members of a known one, of the same JSON
// types. The known ones are in testdata/shapes.json.
func shape(t *testing.T, name string, got doc) {
	t.Helper()
	text, err := os.ReadFile("testdata/shapes.json")
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]doc
	if err := json.Unmarshal(text, &known); err != nil || known[name] == nil {
		t.Fatalf("no shape %s: %v", name, err)
	}
	sameShape(t, name, known[name], got)
}

func sameShape(t *testing.T, path string, want, got any) {
	t.Helper()
	object, ok := want.(map[string]any)
	if !ok {
		if got != nil && fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			t.Errorf("%s is %T, want %T", path, got, want)
		}
		return
	}
	members, ok := got.(map[string]any)
	if !ok {
		t.Errorf("%s is %T, want an object", path, got)
		return
	}
	for name, value := range object {
		if m, ok := members[name]; ok {
			sameShape(t, path+"."+name, value, m)
		} else {
			t.Errorf("%s.%s is missing", path, name)
		}
	}
}

func words(requests []request) (list []string) {
	for _, r := range requests {
		list = append(list, r.text("status"))
	}
	return list
}

func TestInbound(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{WebhookKey: "a-key-of-16-and-more"})
	g.on("/voice", `<Say>hello</Say><Hangup/>`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	voice := g.Await("/voice", 1)[0]
	shape(t, "inbound", voice.body)
	for name, want := range map[string]string{
		"Session": call.ID(), "Domain": "acme.cloudonix.net", "AccountSid": "acme", "From": caller, "To": ours,
		"Direction": "inbound", "CallStatus": "ringing",
	} {
		if got := voice.text(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	h := voice.header
	if h.Get("X-CX-Domain") != c.Domain() || h.Get("X-CX-Session") != call.ID() || h.Get("Authorization") != "Bearer a-key-of-16-and-more" ||
		len(h.Get("X-CX-APIKey")) != 34 || h.Get("X-CX-APIKey") == c.opt.BearerToken || h.Get("User-Agent") != "Cloudonix" {
		t.Errorf("headers %v", h)
	}
	record := g.Await("/record", 1)[0]
	shape(t, "record", record.body)
	if record.text("disposition") != "ANSWER" || record.body["billsec"] != 1.0 || record.body["rated_cost"] != 0.000123 ||
		record.body["session"].(map[string]any)["token"] != call.ID() {
		t.Errorf("record %v", record.body)
	}
	for _, name := range []string{"Authorization", "X-CX-APIKey", "X-CX-Domain"} {
		if record.header.Get(name) != "" {
			t.Errorf("the record carries %s", name)
		}
	}
	if heard := call.Heard(); len(heard) < len(carriersim.Spoken("hello", 8000)) {
		t.Errorf("heard %d samples", len(heard))
	}
	if !call.Billed() || call.Status() != "ANSWER" || call.Saw("warning") {
		t.Errorf("status %s:\n%s", call.Status(), call)
	}
}

func TestInboundByGet(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.mu.Lock()
	c.apps[0].Method, c.apps[0].URL = http.MethodGet, g.URL+"/voice?a=b"
	c.mu.Unlock()
	g.on("/voice", `<Reject reason="busy"/>`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	voice := g.Await("/voice", 1)[0]
	if voice.method != http.MethodGet || voice.text("Session") != call.ID() || voice.text("From") != caller || voice.text("a") != "b" {
		t.Errorf("%s %v", voice.method, voice.body)
	}
	if voice.header.Get("Authorization") != "" {
		t.Error("there is a key though none was set")
	}
}

func TestInboundEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		markup           string
		person           carriersim.Person
		status           string
		answered, warned bool
	}{
		"reject":           {"<Reject/>", carriersim.Person{}, "FAILED", false, false},
		"reject busy":      {`<Reject reason="busy"/>`, carriersim.Person{}, "BUSY", false, false},
		"reject odd":       {`<Reject reason="tired"/>`, carriersim.Person{}, "FAILED", false, true},
		"late reject":      {"<Say>a</Say><Reject/>", carriersim.Person{}, "ANSWER", true, true},
		"empty":            {"", carriersim.Person{}, "FAILED", false, false},
		"hang up":          {"<Hangup/>", carriersim.Person{}, "FAILED", false, false},
		"say, hang up":     {"<Say>a</Say><Hangup/>", carriersim.Person{}, "ANSWER", true, false},
		"play":             {`<Play loop="2">%s/none.wav</Play>`, carriersim.Person{}, "ANSWER", true, false},
		"unknown verb":     {"<Speak>a</Speak><Say>a</Say>", carriersim.Person{}, "ANSWER", true, true},
		"digits":           {`<Play digits="1">%s/none.wav</Play>`, carriersim.Person{}, "ANSWER", true, true},
		"not xml":          {"<Say>", carriersim.Person{}, "FAILED", false, true},
		"gave up":          {`<Pause length="60"/>`, carriersim.Person{Ring: 50 * time.Millisecond}, "CANCEL", false, false},
		"hung up":          {`<Say loop="0">a</Say>`, carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: 300 * time.Millisecond}, carriersim.Hangup{}}}, "ANSWER", true, false},
		"redirect":         {"<Redirect>%s/next</Redirect>", carriersim.Person{}, "BUSY", false, false},
		"redirect nowhere": {"<Redirect>next</Redirect>", carriersim.Person{}, "FAILED", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			g.on("/voice", test.markup)
			g.on("/next", `<Reject reason="busy"/>`)
			call := g.Ended(g.RingUp(test.person))
			if call.Status() != test.status || call.Answered() != test.answered || call.Saw("warning") != test.warned {
				t.Errorf("status %s, answered %t, warned %t:\n%s", call.Status(), call.Answered(), call.Saw("warning"), call)
			}
			if got := g.Await("/record", 1)[0]; got.text("disposition") != test.status || (got.body["billsec"] != 0.0) != test.answered {
				t.Errorf("record %v", got.body)
			}
		})
	}
}

func TestNobodyIsAsked(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.mu.Lock()
	c.dnids = nil
	c.mu.Unlock()
	if call := g.Ended(g.RingUp(carriersim.Person{})); call.Status() != "CONGESTION" {
		t.Errorf("timeline:\n%s", call)
	}
	if _, err := c.Ring(t.Context(), caller, "+14155550000", carriersim.Person{}); err == nil {
		t.Error("rang a number of somebody else")
	}
}

func TestApplicationFails(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.mu.Lock()
	c.domain.set(profileUpdates, g.URL+"/update")
	c.mu.Unlock()
	g.Answer("/voice", func(request) string { return "" })
	call := g.Ended(g.RingUp(carriersim.Person{}))
	g.Saw(call, "webhook record") // after all updates
	got := g.Got("/update")
	if last := got[len(got)-1]; last.text("status") != "error" || last.text("direction") != "incoming" {
		t.Errorf("last update %v", last.body)
	}
	if call.Status() != "FAILED" || call.Answered() || len(g.Got("/voice")) != 1 {
		t.Errorf("asked %d times:\n%s", len(g.Got("/voice")), call)
	}
}

func TestOutboundUpdates(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Ring: 50 * time.Millisecond})
	g.on("/answer", `<Say>hello</Say><Say>bye</Say>`)
	call := g.Ended(g.dial(doc{"profile": doc{"our-id": "01J"}, "send-digits": "12#"}))
	updates := g.Await("/update", 11)
	want := []string{"new", "new", "processing", "processing", "ringing", "ringing", "connected", "connected", "connected", "connected", "connected"}
	if diff := cmp.Diff(want, words(updates)); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
	ids := map[string]bool{}
	for i, u := range updates {
		shape(t, "update", u.body)
		ids[u.text("eventId")] = true
		if u.listed != (i%2 == 1) || u.text("token") != call.ID() || u.body["profile"].(map[string]any)["our-id"] != "01J" || u.text("direction") != "outgoing" {
			t.Errorf("update %d: %v", i, u)
		}
	}
	last := updates[len(updates)-1]
	if len(ids) != len(updates) || last.body["callEndTime"] == nil || updates[9].body["callEndTime"] != nil {
		t.Errorf("%d ids for %d updates, last %v", len(ids), len(updates), last.body)
	}
	answer := g.Await("/answer", 1)[0]
	if answer.method != http.MethodGet || answer.text("Direction") != "outbound-api" || answer.text("CallStatus") != "in-progress" {
		t.Errorf("%s %v", answer.method, answer.body)
	}
	if call.Digits() != "12#" || call.Status() != "ANSWER" {
		t.Errorf("digits %q:\n%s", call.Digits(), call)
	}
	g.Await("/record", 1)
}

func TestOutboundEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		person            carriersim.Person
		order             doc
		word, disposition string
	}{
		"busy":        {carriersim.Person{Outcome: carriersim.Busy}, nil, "busy", "BUSY"},
		"no answer":   {carriersim.Person{Outcome: carriersim.NoAnswer}, doc{"timeout": 1}, "noanswer", "NOANSWER"},
		"rejects":     {carriersim.Person{Outcome: carriersim.Rejects}, nil, "failed", "FAILED"},
		"unreachable": {carriersim.Person{Outcome: carriersim.Unreachable}, nil, "congestion", "CONGESTION"},
		"talk limit":  {carriersim.Person{}, doc{"timeLimit": 1, "cxml": `<Response><Say loop="0">a</Say></Response>`}, "connected", "ANSWER"},
		"markup":      {carriersim.Person{}, doc{"cxml": `<Response/>`}, "connected", "ANSWER"},
		"application": {carriersim.Person{}, doc{"application": "gateway"}, "connected", "ANSWER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			c.Expect(callee, test.person)
			g.on("/voice", "<Say>a</Say>")
			call := g.Ended(g.dial(test.order))
			record := g.Await("/record", 1)[0]
			if record.text("disposition") != test.disposition || call.Status() != test.disposition {
				t.Errorf("record %v:\n%s", record.body, call)
			}
			g.Saw(call, "webhook record") // after all updates
			if got := words(g.Got("/update")); got[len(got)-1] != test.word || slices.Contains(got, "completed") {
				t.Errorf("words %q", got)
			}
		})
	}
}

func TestHangUpOverREST(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Ring: time.Minute})
	call := g.dial(nil)
	g.Saw(call, "ringing")
	if status, body := g.rest(http.MethodDelete, sessions+"/"+call.ID(), nil); status != http.StatusNoContent || body != "" {
		t.Errorf("%d %s", status, body)
	}
	if g.Ended(call).Status() != "CANCEL" {
		t.Errorf("timeline:\n%s", call)
	}
	if status, _ := g.rest(http.MethodDelete, sessions+"/"+call.ID(), nil); status != http.StatusNotFound {
		t.Errorf("of a call that is over: %d", status)
	}
}

func TestRedirectOverREST(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.on("/voice", `<Say loop="0">a</Say>`)
	g.on("/else", `<Say>elsewhere</Say>`)
	call := g.RingUp(carriersim.Person{})
	g.Saw(call, "says a")
	path := "/calls/%d/sessions/" + call.ID() + "/application"
	if status, body := g.rest(http.MethodPost, path, doc{"url": g.URL + "/else", "method": "POST"}); status != http.StatusOK || member[string](t, body, "token") != call.ID() {
		t.Errorf("%d %s", status, body)
	}
	g.Saw(call, "redirected")
	if g.Ended(call); !call.Saw("says elsewhere") {
		t.Errorf("timeline:\n%s", call)
	}
	if status, _ := g.rest(http.MethodPost, path, doc{"cxml": "<Response/>"}); status != http.StatusNotFound {
		t.Errorf("of a call that is over: %d", status)
	}
}

func TestMachineDetection(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{DetectAfter: 50 * time.Millisecond})
	c.Expect(callee, carriersim.Person{Machine: true})
	g.on("/answer", `<Pause length="1"/>`)
	g.Ended(g.dial(doc{"machineDetection": "Enable", "asyncAmd": true, "asyncAmdStatusCallback": g.URL + "/amd"}))
	verdict := g.Await("/amd", 1)[0]
	if verdict.text("AnsweredBy") != "machine_start" || verdict.text("MachineDetectionDuration") != "50" || verdict.text("Session") == "" {
		t.Errorf("%v", verdict.body)
	}
	if g.Got("/answer")[0].text("AnsweredBy") != "" {
		t.Error("the voice request knows the verdict")
	}
	g.Ended(g.dial(doc{"machineDetection": "DetectMessageEnd"}))
	if got := g.Await("/answer", 2)[1]; got.text("AnsweredBy") != "machine_end_beep" {
		t.Errorf("%v", got.body)
	}
}

func TestDial(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect("sip:desk@pbx.example", carriersim.Person{Ring: 50 * time.Millisecond, Acts: []carriersim.Act{carriersim.Wait{For: 200 * time.Millisecond}, carriersim.Hangup{}}})
	g.on("/voice", `<Dial callerId="+14155550101" timeout="5" trunks="main" action="%s/after"><Number>`+callee+`</Number><Sip>sip:desk@pbx.example;transport=tls</Sip></Dial>`)
	g.on("/after", "<Say>bye</Say>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if after := g.Await("/after", 1)[0]; after.text("CallStatus") != "completed" || after.text("Session") != call.ID() {
		t.Errorf("%v", after.body)
	}
	leg := g.LegTo("sip:desk@pbx.example;transport=tls")
	if !call.Answered() || call.AnsweredAt().Before(leg.AnsweredAt()) || leg.Parent() != call.ID() || leg.From() != ours || call.Saw("warning") {
		t.Errorf("timeline:\n%s%s", call, leg)
	}
	if n := len(g.Got("/record")); n > 1 {
		t.Errorf("%d records: a dialled leg is no session", n)
	}
}

func TestDialLeavesTheCallerUnanswered(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Outcome: carriersim.Busy})
	g.on("/voice", `<Dial action="%s/after"><Number>`+callee+`</Number></Dial>`)
	g.on("/after", "<Hangup/>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if after := g.Await("/after", 1)[0]; after.text("CallStatus") != "busy" || call.Answered() {
		t.Errorf("%v:\n%s", after.body, call)
	}
	g.on("/voice", `<Dial trunks="none"><Number>`+callee+`</Number></Dial>`)
	if call := g.Ended(g.RingUp(carriersim.Person{})); !call.Saw("warning trunk") {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestConference(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	room := `<Dial><Conference beep="false" holdMusic="false" endConferenceOnExit="true" statusCallback="%s/conference" statusCallbackEvent="start end join leave">room</Conference></Dial>`
	g.on("/answer", room)
	g.on("/voice", room)
	first := g.dial(nil)
	g.Saw(first, "joined conference room")
	second := g.RingUp(carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: 200 * time.Millisecond}, carriersim.Hangup{}}})
	g.Ended(first)
	g.Ended(second)
	var events []string
	for _, r := range g.Await("/conference", 6) {
		shape(t, "conference", r.body)
		events = append(events, r.text("StatusCallbackEvent"))
	}
	slices.Sort(events)
	want := []string{"conference-end", "conference-start", "participant-join", "participant-join", "participant-leave", "participant-leave"}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if first.Saw("conference has") {
		t.Errorf("timeline:\n%s", first)
	}
}
