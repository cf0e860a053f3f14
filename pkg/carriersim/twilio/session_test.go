package twilio

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// everything orders a callback for every event.
var everything = []string{"initiated", "ringing", "answered", "completed"}

func statuses(requests []gatewaytest.Form) (words []string) {
	for _, r := range requests {
		words = append(words, r.Form.Get("CallStatus"))
	}
	return words
}

func TestInbound(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	g.on("/voice", `<Say>hello</Say><Hangup/>`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	voice := g.Await("/voice", 1)[0]
	for name, want := range map[string]string{
		"AccountSid": c.AccountSID(), "ApiVersion": "2010-04-01", "CallSid": call.ID(), "CallStatus": "ringing",
		"Direction": "inbound", "From": caller, "Caller": caller, "To": ours, "Called": ours, "StirVerstat": "TN-Validation-Passed-A",
	} {
		if got := voice.Form.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if !voice.Form.Has("FromCity") || voice.Form.Get("CallToken") == "" || voice.Header.Get("User-Agent") != "TwilioProxy/1.1" ||
		voice.Header.Get("I-Twilio-Idempotency-Token") == "" || voice.Header.Get("Content-Type") != "application/x-www-form-urlencoded; charset=UTF-8" {
		t.Errorf("voice request %v %v", voice.Form, voice.Header)
	}
	status := g.Await("/status", 1)[0].Form
	if status.Get("CallStatus") != "completed" || status.Get("CallDuration") != "1" || status.Get("Duration") != "1" ||
		status.Get("SipResponseCode") != "200" || status.Get("SequenceNumber") != "0" || status.Get("CallbackSource") != "call-progress-events" {
		t.Errorf("status callback %v", status)
	}
	if _, err := time.Parse(time.RFC1123Z, status.Get("Timestamp")); err != nil {
		t.Error(err)
	}
	if heard := call.Heard(); len(heard) < len(carriersim.Spoken("hello", 8000)) {
		t.Errorf("heard %d samples", len(heard))
	}
	if !call.Answered() || !call.Billed() || call.Status() != "completed" {
		t.Errorf("status %s:\n%s", call.Status(), call)
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
		"reject":       {"<Reject/>", carriersim.Person{}, "no-answer", false, false},
		"reject busy":  {`<Reject reason="busy"/>`, carriersim.Person{}, "busy", false, false},
		"late reject":  {"<Say>a</Say><Reject/>", carriersim.Person{}, "completed", true, true},
		"empty":        {"", carriersim.Person{}, "completed", true, false},
		"hangup":       {"<Hangup/>", carriersim.Person{}, "completed", true, false},
		"unknown verb": {"<Speak>a</Speak><Hangup/>", carriersim.Person{}, "completed", true, true},
		"attribute":    {`<Say speed="2">a</Say>`, carriersim.Person{}, "completed", true, true},
		"not xml":      {"<Say>", carriersim.Person{}, "completed", true, true},
		"gave up":      {`<Pause length="60"/>`, carriersim.Person{Ring: 50 * time.Millisecond}, "no-answer", false, false},
		"hung up":      {`<Say loop="0">a</Say>`, carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: 300 * time.Millisecond}, carriersim.Hangup{}}}, "completed", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			g.on("/voice", test.markup)
			call := g.Ended(g.RingUp(test.person))
			if call.Status() != test.status || call.Answered() != test.answered || call.Billed() != test.answered || call.Saw("warning") != test.warned {
				t.Errorf("status %s, answered %t, billed %t, warned %t:\n%s", call.Status(), call.Answered(), call.Billed(), call.Saw("warning"), call)
			}
			if got := g.Await("/status", 1); got[0].Form.Get("CallStatus") != test.status {
				t.Errorf("status callback %v", got[0].Form)
			}
		})
	}
}

func TestPersonHangsUpWithContext(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	g.on("/voice", `<Pause length="60"/>`)
	ctx, hangUp := gatewaytest.Context(t)
	call, err := c.Ring(ctx, caller, ours, carriersim.Person{})
	if err != nil {
		t.Fatal(err)
	}
	g.Await("/voice", 1)
	hangUp()
	if g.Ended(call); !call.Saw("hung up by person") {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestRingForeignNumber(t *testing.T) {
	t.Parallel()
	c, _ := begin(t, Options{})
	if _, err := c.Ring(t.Context(), caller, "+14155550000", carriersim.Person{}); err == nil {
		t.Error("rang a number of somebody else")
	}
	if _, err := c.Ring(t.Context(), caller, ours, carriersim.Person{Acts: []carriersim.Act{carriersim.Press{Digits: "x"}}}); err == nil {
		t.Error("pressed a key that no phone has")
	}
}

func TestFallbackURL(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.mu.Lock()
	c.numbers[0].VoiceFallbackURL = g.URL + "/fallback"
	c.mu.Unlock()
	g.Answer("/voice", func(gatewaytest.Form) string { return "" })
	g.on("/fallback", "<Say>fallback</Say>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if form := g.Await("/fallback", 1)[0].Form; form.Get("ErrorCode") != "11200" || form.Get("ErrorUrl") != g.URL+"/voice" {
		t.Errorf("fallback request %v", form)
	}
	if !call.Saw("says fallback") {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	dead := httptest.NewServer(nil)
	dead.Close()
	if err := c.SetInbound(ours, dead.URL+"/voice", ""); err != nil {
		t.Fatal(err)
	}
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if n := strings.Count(call.String(), "webhook inbound ringing -> connect failed"); n != 2 {
		t.Errorf("%d tries, want 2", n)
	}
	if !call.Saw("says application error") || call.Status() != "completed" {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestWebhookByGET(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.on("/voice", `<Redirect method="GET">%s/next?tenant=7</Redirect>`)
	g.on("/next", "<Reject/>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if form := g.Await("/next", 1)[0].Form; form.Get("tenant") != "7" || form.Get("CallSid") != call.ID() {
		t.Errorf("query %v", form)
	}
	if call.Status() != "no-answer" {
		t.Errorf("a redirect answered the call:\n%s", call)
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	seen := make(chan string, 2)
	g.Handle("/guarded", func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		seen <- user + ":" + password
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/xml")
		w.Write([]byte("<Response><Reject/></Response>"))
	})
	if err := c.SetInbound(ours, strings.Replace(g.URL, "http://", "http://gw:secret@", 1)+"/guarded", ""); err != nil {
		t.Fatal(err)
	}
	g.Ended(g.RingUp(carriersim.Person{}))
	if first, second := <-seen, <-seen; first != ":" || second != "gw:secret" {
		t.Errorf("authorized as %q, then %q", first, second)
	}
}

func TestOutbound(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Acts: []carriersim.Act{carriersim.WaitHeard{Sound: 100 * time.Millisecond}, carriersim.Hangup{}}})
	g.on("/answer", `<Say loop="0">hello there</Say>`)
	call := g.Ended(g.dial(url.Values{"StatusCallbackEvent": everything, "SendDigits": {"12#"}}))
	got := g.Await("/status", 4)
	if diff := cmp.Diff([]string{"initiated", "ringing", "in-progress", "completed"}, statuses(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, r := range got {
		if want := string(rune('0' + i)); r.Form.Get("SequenceNumber") != want || r.Form.Get("Direction") != "outbound-api" {
			t.Errorf("callback %d: %v", i, r.Form)
		}
	}
	answer := g.Await("/answer", 1)[0].Form
	if answer.Get("CallStatus") != "in-progress" || answer.Get("From") != ours || answer.Get("To") != callee {
		t.Errorf("answer request %v", answer)
	}
	if call.Digits() != "12#" || !call.Billed() {
		t.Errorf("digits %q:\n%s", call.Digits(), call)
	}
}

func TestOutboundEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		person *carriersim.Person
		status string
		sip    string
		words  []string
	}{
		"busy":        {&carriersim.Person{Outcome: carriersim.Busy}, "busy", "486", []string{"initiated", "busy"}},
		"no answer":   {&carriersim.Person{Outcome: carriersim.NoAnswer}, "no-answer", "487", []string{"initiated", "ringing", "no-answer"}},
		"too slow":    {&carriersim.Person{Ring: time.Hour}, "no-answer", "487", []string{"initiated", "ringing", "no-answer"}},
		"rejects":     {&carriersim.Person{Outcome: carriersim.Rejects}, "failed", "603", []string{"initiated", "ringing", "failed"}},
		"unreachable": {nil, "failed", "404", []string{"initiated", "failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			if test.person != nil {
				c.Expect(callee, *test.person)
			}
			call := g.Ended(g.dial(url.Values{"StatusCallbackEvent": everything, "Timeout": {"1"}}))
			if call.Status() != test.status || call.Answered() || call.Billed() {
				t.Errorf("status %s:\n%s", call.Status(), call)
			}
			got := g.Await("/status", len(test.words))
			if diff := cmp.Diff(test.words, statuses(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if last := got[len(got)-1].Form; last.Get("SipResponseCode") != test.sip || last.Get("CallDuration") != "0" || last.Get("Duration") != "0" {
				t.Errorf("last callback %v", last)
			}
			if len(g.Got("/answer")) != 0 {
				t.Error("asked for markup without an answer")
			}
		})
	}
}

func TestDefaultEventIsCompleted(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	g.on("/answer", "<Hangup/>")
	g.Ended(g.dial(url.Values{}))
	if diff := cmp.Diff([]string{"completed"}, statuses(g.Await("/status", 1))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHangUpOverREST(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	g.on("/answer", `<Say loop="0">on and on</Say>`)
	call := g.dial(url.Values{})
	g.Saw(call, "says")
	path := "/Calls/" + call.ID() + ".json"
	if status, body := g.rest(http.MethodPost, path, url.Values{"Status": {"canceled"}}); status != 400 || field[int](t, body, "code") != 21220 {
		t.Errorf("cancel in progress: %d %s", status, body)
	}
	if status, body := g.rest(http.MethodPost, path, url.Values{"Status": {"completed"}}); status != 200 {
		t.Errorf("hang up: %d %s", status, body)
	}
	if g.Ended(call); call.Status() != "completed" || !call.Saw("hung up by api") {
		t.Errorf("timeline:\n%s", call)
	}
	if status, body := g.rest(http.MethodPost, path, url.Values{"Status": {"completed"}}); status != 404 || field[int](t, body, "code") != 20404 {
		t.Errorf("hang up twice: %d %s", status, body)
	}
}

func TestCancelOverREST(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"canceled", "completed"} {
		t.Run(word, func(t *testing.T) {
			c, g := begin(t, Options{})
			c.Expect(callee, carriersim.Person{Outcome: carriersim.NoAnswer})
			call := g.dial(url.Values{})
			g.Saw(call, "ringing")
			g.rest(http.MethodPost, "/Calls/"+call.ID()+".json", url.Values{"Status": {word}})
			if g.Ended(call); call.Status() != "canceled" || call.Billed() {
				t.Errorf("status %s:\n%s", call.Status(), call)
			}
			if got := g.Await("/status", 1)[0].Form; got.Get("CallStatus") != "canceled" {
				t.Errorf("callback %v", got)
			}
		})
	}
}

func TestRedirectOverREST(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(echo(t))
	g.on("/voice", g.stream()+"<Say>not this</Say>")
	g.on("/moved", "<Say>moved</Say>")
	call := g.RingUp(carriersim.Person{})
	path := "/Calls/" + call.ID() + ".json"
	g.Saw(call, "stream started")
	if status, body := g.rest(http.MethodPost, path, url.Values{"Url": {g.URL + "/moved"}, "Twiml": {"<Response/>"}}); status != 400 {
		t.Errorf("both: %d %s", status, body)
	}
	if status, body := g.rest(http.MethodPost, path, url.Values{"Twiml": {`<Response><Say loop="0">inline</Say></Response>`}}); status != 200 {
		t.Errorf("inline: %d %s", status, body)
	}
	g.Saw(call, "stream stopped")
	g.Saw(call, "says inline")
	if status, body := g.rest(http.MethodPost, path, url.Values{"Url": {g.URL + "/moved"}}); status != 200 {
		t.Errorf("URL: %d %s", status, body)
	}
	if g.Ended(call); !call.Saw("says moved") || call.Saw("says not this") {
		t.Errorf("timeline:\n%s", call)
	}
	if status, body := g.rest(http.MethodPost, path, url.Values{"Url": {g.URL + "/moved"}}); status != 400 || field[int](t, body, "code") != 21220 {
		t.Errorf("after the end: %d %s", status, body)
	}
}

func TestMachineDetection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		order   url.Values
		machine bool
		async   string // verdict
		sync    string
	}{
		"async human":   {url.Values{"MachineDetection": {"Enable"}, "AsyncAmd": {"true"}}, false, "human", ""},
		"async machine": {url.Values{"MachineDetection": {"Enable"}, "AsyncAmd": {"true"}}, true, "machine_start", ""},
		"async beep":    {url.Values{"MachineDetection": {"DetectMessageEnd"}, "AsyncAmd": {"true"}}, true, "machine_end_beep", ""},
		"sync":          {url.Values{"MachineDetection": {"Enable"}}, true, "", "machine_start"},
		"off by digits": {url.Values{"MachineDetection": {"Enable"}, "SendDigits": {"1"}}, true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{DetectAfter: 50 * time.Millisecond})
			c.Expect(callee, carriersim.Person{Machine: test.machine})
			g.on("/answer", `<Say loop="0">on and on</Say>`)
			test.order.Set("AsyncAmdStatusCallback", g.URL+"/amd")
			call := g.dial(test.order)
			g.Saw(call, "says")
			if test.async != "" {
				g.Await("/amd", 1)
			}
			g.rest(http.MethodPost, "/Calls/"+call.ID()+".json", url.Values{"Status": {"completed"}})
			g.Ended(call)
			if got := g.Await("/answer", 1)[0].Form.Get("AnsweredBy"); got != test.sync {
				t.Errorf("AnsweredBy %q on the answer request, want %q", got, test.sync)
			}
			if test.async == "" {
				if got := g.Got("/amd"); len(got) != 0 {
					t.Errorf("callback %v", got)
				}
				return
			}
			if form := g.Await("/amd", 1)[0].Form; form.Get("AnsweredBy") != test.async || form.Get("MachineDetectionDuration") != "50" || form.Has("CallStatus") {
				t.Errorf("callback %v", form)
			}
		})
	}
}

func TestCallsPerSecond(t *testing.T) {
	t.Parallel()
	c, _ := begin(t, Options{CallsPerSecond: 2})
	now := time.Now()
	got := []time.Duration{c.turn(now), c.turn(now), c.turn(now), c.turn(now.Add(time.Minute))}
	if diff := cmp.Diff([]time.Duration{0, 500 * time.Millisecond, time.Second, 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	g.on("/answer", `<Pause length="600"/>`)
	if call := g.Ended(g.dial(url.Values{"TimeLimit": {"1"}})); !call.Saw("hung up by limit") || call.Status() != "completed" {
		t.Errorf("timeline:\n%s", call)
	}
}
