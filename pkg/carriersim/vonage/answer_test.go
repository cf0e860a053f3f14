package vonage

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func TestInboundCall(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	g.On("/answer", `[{"action":"talk","text":"hi"}]`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	answer := g.await("/answer", "uuid", call.ID())
	conversation, _ := answer.doc["conversation_uuid"].(string)
	want := map[string]any{
		"from": caller, "to": ours, "uuid": call.ID(), "conversation_uuid": conversation,
		"region_url": c.APIURL(), "endpoint_type": "phone",
	}
	if diff := cmp.Diff(want, answer.doc); diff != "" || !strings.HasPrefix(conversation, "CON-") {
		t.Errorf("answer webhook (-want +got):\n%s", diff)
	}
	end := g.await("/event", "status", "completed")
	for field, want := range map[string]any{
		"uuid": call.ID(), "direction": "inbound", "duration": "0", "price": "0.00000000", "rate": "0.01270000",
		"disconnected_by": "platform", "sip_code": 200.0, "conversation_uuid": conversation,
	} {
		if end.doc[field] != want {
			t.Errorf("%s is %v, want %v", field, end.doc[field], want)
		}
	}
	if diff := cmp.Diff([]string{"started", "ringing", "answered", "completed"}, g.statuses("/event", call.ID())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if call.Status() != "completed" || !call.Billed() || !call.Saw("says hi") || call.Saw("warning") {
		t.Errorf("status %s:\n%s", call.Status(), call)
	}
}

// TestPersonHangsUp is told apart from the platform's end.
func TestPersonHangsUp(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.On("/answer", `[{"action":"wait","timeout":60}]`)
	g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: 100 * time.Millisecond}, carriersim.Hangup{}}}))
	if end := g.await("/event", "status", "completed"); end.doc["disconnected_by"] != "user" {
		t.Errorf("event %v", end.doc)
	}
}

// TestCallerGivesUp ends a call that nobody answered.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	release := make(chan struct{})
	g.Handle("/answer", func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	call := g.Ended(g.RingUp(carriersim.Person{Ring: 100 * time.Millisecond}))
	g.await("/event", "status", "cancelled")
	if call.Status() != "cancelled" || call.Answered() {
		t.Errorf("status %s:\n%s", call.Status(), call)
	}
}

func TestAnswerIsAskedTwiceThenElsewhere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status, times int
		body          string
	}{
		"unavailable":  {503, 2, ""},
		"rate":         {429, 2, ""},
		"refused":      {403, 1, ""},
		"wrong NCCO":   {200, 1, `[{"action":"hangup"}]`},
		"not an array": {200, 1, `{"action":"talk","text":"hi"}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, g := begin(t, Options{})
			asked := 0
			g.Handle("/answer", func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				w.Write([]byte(test.body))
			})
			g.On("/fallback", `[{"action":"talk","text":"sorry"}]`)
			call := g.Ended(g.RingUp(carriersim.Person{}))
			fallback := g.Await("/fallback", 1)[0]
			original, _ := fallback.doc["original_request"].(map[string]any)
			if fallback.doc["reason"] != "Connection closed." || original["url"] != g.URL+"/answer" || original["type"] != "answer" {
				t.Errorf("fallback %v", fallback.doc)
			}
			if asked != test.times || !call.Saw("says sorry") || call.Status() != "completed" {
				t.Errorf("asked %d times:\n%s", asked, call)
			}
			if test.status == 200 {
				g.await("/event", "conversation_uuid", fallback.doc["conversation_uuid"])
				g.Saw(call, "webhook other error -> 204")
			}
		})
	}
}

func TestNobodyAnswersTheWebhook(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	call := g.Ended(g.RingUp(carriersim.Person{})) // 204 is no NCCO, and neither is the fallback's
	end := g.await("/event", "status", "failed")
	if end.doc["detail"] != "internal_error" || call.Answered() || call.Billed() || call.Status() != "failed" {
		t.Errorf("%v\n%s", end.doc, call)
	}
}

func TestEmptyFlow(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.On("/answer", `[]`)
	if call := g.Ended(g.RingUp(carriersim.Person{})); call.Status() != "completed" || !call.Saw("hung up by markup") {
		t.Errorf("status %s:\n%s", call.Status(), call)
	}
}

func TestAnswerByGet(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.mu.Lock()
	app := *c.apps[c.opt.ApplicationID]
	app.answer.method, app.answer.url = http.MethodGet, g.URL+"/answer?mine=1"
	c.apps[app.id] = &app
	c.mu.Unlock()
	g.On("/answer", `[{"action":"talk","text":"hi"}]`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	got := g.await("/answer", "uuid", call.ID())
	if got.method != http.MethodGet || got.doc["mine"] != "1" || got.doc["to"] != ours || claimsOf(t, got.token).PayloadHash != "" {
		t.Errorf("%+v", got)
	}
}

func TestUnsignedApplication(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.mu.Lock()
	app := *c.apps[c.opt.ApplicationID]
	app.unsigned = true
	c.apps[app.id] = &app
	c.mu.Unlock()
	tokens := make(chan string, 8)
	g.Handle("/answer", func(w http.ResponseWriter, r *http.Request) {
		tokens <- r.Header.Get("Authorization")
		w.Write([]byte(`[]`))
	})
	g.Ended(g.RingUp(carriersim.Person{}))
	if token := <-tokens; token != "" {
		t.Errorf("token %q", token)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.On("/answer", `[
		{"action":"stream","streamUrl":["%s/beep.wav"],"loop":2},
		{"action":"notify","payload":{"step":1},"eventUrl":["%s/step"]},
		{"action":"talk","text":"not this"}]`)
	g.On("/step", `[{"action":"record"},{"action":"input","type":["dtmf"],"dtmf":{"maxDigits":4,"submitOnHash":true},"eventUrl":["%s/keys"],"colour":"red"}]`)
	g.On("/keys", `[{"action":"talk","text":"thanks"}]`)
	g.Handle("/beep.wav", func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) })
	call := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Wait{For: 2300 * time.Millisecond}, carriersim.Press{Digits: "42#"},
	}}))
	if step := g.Await("/step", 1)[0]; step.doc["payload"].(map[string]any)["step"] != 1.0 {
		t.Errorf("notify %v", step.doc)
	}
	keys := g.await("/keys", "uuid", call.ID())
	if diff := cmp.Diff(map[string]any{"digits": "42", "timed_out": false}, keys.doc["dtmf"]); diff != "" || keys.doc["status"] != nil || keys.doc["speech"] == nil {
		t.Errorf("input (-want +got):\n%s%v", diff, keys.doc)
	}
	for _, want := range []string{"plays " + g.URL, "says thanks", "warning record is not simulated", `warning input: json: unknown field "colour"`} {
		if !call.Saw(want) {
			t.Errorf("no %q in:\n%s", want, call)
		}
	}
	if call.Saw("says not this") {
		t.Errorf("the rest of the flow was not replaced:\n%s", call)
	}
}

func TestWrongNCCO(t *testing.T) {
	t.Parallel()
	socket := func(change string) string {
		return `[{"action":"connect","endpoint":[{"type":"websocket","uri":"wss://gw.example/m","content-type":"audio/l16;rate=16000"` + change + `}]}]`
	}
	for name, test := range map[string]struct {
		ncco string
		ok   bool
	}{
		"good socket":       {socket(""), true},
		"vonage token":      {socket(`,"authorization":{"type":"vonage"}`), true},
		"custom token":      {socket(`,"authorization":{"type":"custom","value":"Bearer x"}`), true},
		"empty":             {`[]`, true},
		"hangup":            {`[{"action":"hangup"}]`, false},
		"no action":         {`[{}]`, false},
		"object":            {`{}`, false},
		"no text":           {`[{"action":"talk"}]`, false},
		"long text":         {`[{"action":"talk","text":"` + strings.Repeat("x", 1501) + `"}]`, false},
		"stream string":     {`[{"action":"stream","streamUrl":"https://a.example/b.mp3"}]`, false},
		"two endpoints":     {`[{"action":"connect","endpoint":[{"type":"phone","number":"14155550177"},{"type":"phone","number":"14155550178"}]}]`, false},
		"endpoint object":   {`[{"action":"connect","endpoint":{"type":"phone","number":"14155550177"}}]`, false},
		"plus":              {`[{"action":"connect","endpoint":[{"type":"phone","number":"+14155550177"}]}]`, false},
		"both from":         {`[{"action":"connect","from":"14155550104","randomFromNumber":true,"endpoint":[{"type":"phone","number":"14155550177"}]}]`, false},
		"rate":              {strings.Replace(socket(""), "16000", "44100", 1), false},
		"https":             {strings.Replace(socket(""), "wss", "https", 1), false},
		"long headers":      {socket(`,"headers":{"x":"` + strings.Repeat("y", 512) + `"}`), false},
		"custom without":    {socket(`,"authorization":{"type":"custom"}`), false},
		"short timeout":     {`[{"action":"connect","timeout":2,"endpoint":[{"type":"phone","number":"14155550177"}]}]`, false},
		"event URL string":  {`[{"action":"notify","payload":{},"eventUrl":"https://a.example"}]`, false},
		"conversation":      {`[{"action":"conversation"}]`, false},
		"long wait":         {`[{"action":"wait","timeout":7201}]`, false},
		"detection":         {`[{"action":"connect","advancedMachineDetection":{"behavior":"continue","beep_timeout":30},"endpoint":[{"type":"phone","number":"14155550177"}]}]`, false},
		"sip":               {`[{"action":"connect","endpoint":[{"type":"sip","uri":"sip:a@b.example;transport=tls"}]}]`, true},
		"input of too many": {`[{"action":"input","type":["dtmf"],"dtmf":{"maxDigits":21}}]`, false},
	} {
		if _, warnings, err := parseNCCO([]byte(test.ncco)); (err == nil) != test.ok || len(warnings) > 0 {
			t.Errorf("%s: %v, warnings %v", name, err, warnings)
		}
	}
}
