package vonage

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const talking = `"ncco":[{"action":"wait","timeout":60}]`

// hangsUp is somebody who picks up and hangs up.
func hangsUp(after time.Duration) carriersim.Person {
	return carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: after}, carriersim.Hangup{}}}
}

func TestOutboundCall(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect("+"+callee, hangsUp(1200*time.Millisecond))
	call := g.dial(talking + `,"event_url":["%s/mine"]`)
	if call.Status() == "completed" || call.From() != ours || call.To() != callee {
		t.Errorf("%s from %s to %s", call.Status(), call.From(), call.To())
	}
	g.Saw(call, "answered")
	_, live := g.voice(http.MethodGet, "/"+call.ID(), "")
	if live["status"] != "answered" || live["duration"] != nil || live["direction"] != "outbound" ||
		live["to"].(map[string]any)["number"] != callee || live["from"].(map[string]any)["type"] != "phone" {
		t.Errorf("live: %v", live)
	}
	g.Ended(call)
	end := g.await("/mine", "status", "completed")
	if diff := cmp.Diff([]string{"started", "ringing", "answered", "completed"}, g.statuses("/mine", call.ID())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", end.doc["start_time"].(string)); err != nil || end.doc["price"] != "0.00021166" || end.doc["duration"] != "1" {
		t.Errorf("end: %v %v", end.doc, err)
	}
	_, over := g.voice(http.MethodGet, "/"+call.ID(), "")
	if _, err := time.Parse("2006-01-02 15:04:05", over["start_time"].(string)); err != nil || over["status"] != "completed" || over["price"] != "0.00021166" {
		t.Errorf("over: %v %v", over, err)
	}
	if len(g.Got("/event")) > 0 {
		t.Error("events went to the application's URL, too")
	}
}

func TestUnansweredCalls(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[carriersim.Outcome]struct {
		status string
		detail any
		sip    float64
		rang   bool
	}{
		carriersim.Busy:        {"busy", nil, 486, false},
		carriersim.NoAnswer:    {"timeout", nil, 487, true},
		carriersim.Rejects:     {"rejected", "declined", 603, true},
		carriersim.Unreachable: {"failed", "cannot_route", 404, false},
	} {
		t.Run(outcome.String(), func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{CompletedToo: outcome == carriersim.Busy})
			c.Expect(callee, carriersim.Person{Outcome: outcome})
			call := g.Ended(g.dial(talking + `,"ringing_timer":1`))
			end := g.await("/event", "status", want.status)
			if end.doc["detail"] != want.detail || end.doc["sip_code"] != want.sip || call.Status() != want.status || call.Billed() || call.Saw("ringing") != want.rang {
				t.Errorf("%v\n%s", end.doc, call)
			}
			if outcome == carriersim.Busy {
				g.await("/event", "status", "completed")
			}
			_, over := g.voice(http.MethodGet, "/"+call.ID(), "")
			if over["status"] != want.status || over["price"] != nil {
				t.Errorf("over: %v", over)
			}
		})
	}
}

func TestAnswerURLOfACall(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	g.On("/mine", `[{"action":"talk","text":"hi"}]`)
	call := g.Ended(g.dial(`"answer_url":["%s/mine?call=7"],"answer_method":"POST"`))
	if got := g.await("/mine", "uuid", call.ID()); got.doc["to"] != callee || got.doc["status"] != nil || !call.Saw("webhook answer answer -> 200") {
		t.Errorf("%v\n%s", got.doc, call)
	}
}

func TestHangUp(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	call := g.dial(talking)
	g.Saw(call, "answered")
	if status, doc := g.voice(http.MethodPut, "/"+call.ID(), `{"action":"hangup"}`); status != 204 || len(doc) > 0 {
		t.Fatalf("%d %v", status, doc)
	}
	g.Ended(call)
	if end := g.await("/event", "status", "completed"); end.doc["disconnected_by"] != "platform" || !call.Saw("hung up by api") {
		t.Errorf("%v\n%s", end.doc, call)
	}
	if status, doc := g.voice(http.MethodPut, "/"+call.ID(), `{"action":"hangup"}`); status != 404 || doc["title"] != "Not Found" {
		t.Errorf("second hang-up: %d %v", status, doc)
	}
}

func TestHangUpWhileItRings(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Ring: time.Hour})
	call := g.dial(talking)
	g.Saw(call, "ringing")
	g.voice(http.MethodPut, "/"+call.ID(), `{"action":"hangup"}`)
	g.Ended(call)
	g.await("/event", "status", "cancelled")
	if call.Status() != "cancelled" {
		t.Errorf("status %s", call.Status())
	}
}

func TestLengthTimer(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	if call := g.Ended(g.dial(talking + `,"length_timer":1`)); !call.Saw("hung up by limit") || call.Status() != "completed" {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestDTMF(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	status, doc := g.voice(http.MethodPost, "", `{"to":[{"type":"phone","number":"`+callee+`","dtmfAnswer":"9p"}],"from":{"type":"phone","number":"`+ours+`"},`+talking+`}`)
	if status != 201 {
		t.Fatalf("%d %v", status, doc)
	}
	call := g.LegTo(callee)
	g.Saw(call, "answered")
	if status, doc := g.voice(http.MethodPut, "/"+call.ID()+"/dtmf", `{"digits":"1p2#"}`); status != 200 || doc["uuid"] != call.ID() {
		t.Errorf("%d %v", status, doc)
	}
	if status, _ := g.voice(http.MethodPut, "/"+call.ID()+"/dtmf", `{"digits":"w"}`); status != 400 {
		t.Errorf("wrong digits: %d", status)
	}
	if call.Digits() != "912#" {
		t.Errorf("digits %q", call.Digits())
	}
}

func TestMachineDetection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		order   string
		machine bool
		events  []string // status and sub_state
		hungUp  bool
	}{
		"human":   {`"machine_detection":"continue"`, false, []string{"human"}, false},
		"machine": {`"machine_detection":"continue"`, true, []string{"machine"}, false},
		"hangup":  {`"machine_detection":"hangup"`, true, []string{"machine"}, true},
		"beep":    {`"advanced_machine_detection":{"behavior":"continue","mode":"detect_beep","beep_timeout":45}`, true, []string{"machine", "machine beep_start"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{DetectAfter: 50 * time.Millisecond})
			p := hangsUp(time.Second)
			p.Machine = test.machine
			c.Expect(callee, p)
			call := g.Ended(g.dial(talking + "," + test.order))
			g.await("/event", "status", "completed")
			var got []string
			for _, r := range g.got("/event", "call_uuid", call.ID()) {
				if r.doc["uuid"] != nil || r.doc["direction"] != nil {
					t.Errorf("event %v", r.doc)
				}
				sub, _ := r.doc["sub_state"].(string)
				got = append(got, strings.TrimSpace(fmt.Sprint(r.doc["status"], " ", sub)))
			}
			if diff := cmp.Diff(test.events, got); diff != "" || call.Saw("hung up by carrier") != test.hungUp {
				t.Errorf("events (-want +got):\n%s%s", diff, call)
			}
		})
	}
}

func TestCallIsRefused(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	to, from := `"to":[{"type":"phone","number":"`+callee+`"}]`, `"from":{"type":"phone","number":"`+ours+`"}`
	for name, body := range map[string]string{
		"not JSON":      `{`,
		"no to":         `{` + from + `,` + talking + `}`,
		"two to":        `{"to":[{"type":"phone","number":"14155550177"},{"type":"phone","number":"14155550178"}],` + from + `,` + talking + `}`,
		"plus":          `{"to":[{"type":"phone","number":"+14155550177"}],` + from + `,` + talking + `}`,
		"no from":       `{` + to + `,` + talking + `}`,
		"both from":     `{` + to + `,` + from + `,"random_from_number":true,` + talking + `}`,
		"no flow":       `{` + to + `,` + from + `}`,
		"both flows":    `{` + to + `,` + from + `,` + talking + `,"answer_url":["https://a.example"]}`,
		"wrong flow":    `{` + to + `,` + from + `,"ncco":[{"action":"hangup"}]}`,
		"URL as string": `{` + to + `,` + from + `,"answer_url":"https://a.example"}`,
		"long ring":     `{` + to + `,` + from + `,` + talking + `,"ringing_timer":121}`,
		"no length":     `{` + to + `,` + from + `,` + talking + `,"length_timer":0}`,
		"short beep":    `{` + to + `,` + from + `,` + talking + `,"advanced_machine_detection":{"behavior":"continue","beep_timeout":30}}`,
		"detection":     `{` + to + `,` + from + `,` + talking + `,"machine_detection":"true"}`,
		"websocket":     `{"to":[{"type":"websocket","uri":"wss://a.example","content-type":"audio/l16;rate=16000"}],` + from + `,` + talking + `}`,
	} {
		status, doc := g.voice(http.MethodPost, "", body)
		if kind, _ := doc["type"].(string); status != 400 || !strings.HasPrefix(kind, "https://developer.vonage.com/api-errors#") || doc["instance"] == nil {
			t.Errorf("%s: %d %v", name, status, doc)
		}
	}
	if n := len(c.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestCallsPerSecond(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{CallsPerSecond: 2})
	now := time.Now()
	for i, want := range []bool{true, true, false, false} {
		if got := c.mayCall(now); got != want {
			t.Errorf("call %d: %t", i, got)
		}
	}
	if !c.mayCall(now.Add(time.Second)) {
		t.Error("a second later nothing may be called")
	}
	c.mayCall(time.Now().Add(time.Second))
	c.mu.Lock()
	c.ordered = []time.Time{time.Now(), time.Now()}
	c.mu.Unlock()
	status, doc := g.voice(http.MethodPost, "", `{"to":[{"type":"phone","number":"`+callee+`"}],"from":{"type":"phone","number":"`+ours+`"},`+talking+`}`)
	if status != 429 || doc["title"] != "Rate Limit Hit" {
		t.Errorf("%d %v", status, doc)
	}
}

// TestRegion: a call to the account is known only where it lives.
func TestRegion(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{OtherRegion: true})
	g.On("/answer", `[{"action":"wait","timeout":60}]`)
	call := g.RingUp(carriersim.Person{})
	region := g.await("/answer", "uuid", call.ID()).doc["region_url"].(string)
	g.Saw(call, "answered")
	if region == c.APIURL() {
		t.Fatalf("region %s", region)
	}
	if status, _ := g.voice(http.MethodPut, "/"+call.ID(), `{"action":"hangup"}`); status != 404 {
		t.Errorf("elsewhere: %d", status)
	}
	if status, doc := g.voiceAt(region, http.MethodPut, "/"+call.ID(), `{"action":"hangup"}`); status != 204 {
		t.Errorf("in the region: %d %v", status, doc)
	}
	g.Ended(call)
}

// TestTransferToASocket moves the phone into another conversation. The old
// socket stays open and hears silence until the gateway closes it.
func TestTransferToASocket(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	moved := make(chan struct{})
	left := make(chan struct{})
	g.Media(func(ws *websocket.Conn) {
		defer close(left)
		<-moved
		for range 20 {
			read(t, ws) // frames still come
		}
		write(t, ws, `{"action":"notify","payload":1}`)
		readText(t, ws, "websocket:notify")
	})
	g.Socket("/media2", echo(t, 8000))
	g.On("/answer", connectTo("/media", 16000, ""))
	call := g.RingUp(carriersim.Person{})
	g.Saw(call, "stream started "+g.Fill("{ws}/media"))
	status, doc := g.voice(http.MethodPut, "/"+call.ID(), `{"action":"transfer","destination":{"type":"ncco","ncco":`+connectTo("/media2", 8000, "")+`}}`)
	if status != 204 {
		t.Fatalf("%d %v", status, doc)
	}
	g.Saw(call, "stream started "+g.Fill("{ws}/media2"))
	close(moved)
	<-left
	g.await("/event", "status", "disconnected")
	old := g.await("/event", "to", g.Fill("{ws}/media")).doc
	fresh := g.await("/event", "to", g.Fill("{ws}/media2")).doc
	transfer := g.await("/event", "conversation_uuid_from", old["conversation_uuid"]).doc
	if transfer["conversation_uuid_to"] != fresh["conversation_uuid"] || transfer["uuid"] != call.ID() || transfer["status"] != nil ||
		old["conversation_uuid"] == fresh["conversation_uuid"] {
		t.Errorf("transfer %v", transfer)
	}
	if !call.EndedAt().IsZero() {
		t.Errorf("the phone is gone:\n%s", call)
	}
	g.voice(http.MethodPut, "/"+call.ID(), `{"action":"hangup"}`)
	g.Ended(call)
}

func TestTransferByURL(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.On("/answer", `[{"action":"wait","timeout":60}]`)
	g.On("/next", `[{"action":"talk","text":"moved"}]`)
	call := g.RingUp(carriersim.Person{})
	g.Saw(call, "answered")
	if status, doc := g.voice(http.MethodPut, "/"+call.ID(), `{"action":"transfer","destination":{"type":"ncco","url":["%s/next"]}}`); status != 204 {
		t.Fatalf("%d %v", status, doc)
	}
	g.Ended(call)
	if got := g.await("/next", "uuid", call.ID()); got.method != http.MethodGet || !call.Saw("says moved") {
		t.Errorf("%+v\n%s", got, call)
	}
	for name, body := range map[string]string{
		"no destination": `{"action":"transfer"}`,
		"wrong flow":     `{"action":"transfer","destination":{"type":"ncco","ncco":[{"action":"hangup"}]}}`,
		"unknown":        `{"action":"dance"}`,
	} {
		if status, _ := g.voice(http.MethodPut, "/"+call.ID(), body); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _ := g.voice(http.MethodPut, "/"+call.ID(), `{"action":"transfer","destination":{"type":"ncco","ncco":[]}}`); status != 404 {
		t.Errorf("transfer of a call that is over: %d", status)
	}
}

// TestConnectToAPhone bridges two people, who hear each other.
func TestConnectToAPhone(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	beep := tone.Sine(700, 16000, 400*time.Millisecond, -12)
	c.Expect(callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: 200 * time.Millisecond}, carriersim.Speak{PCM: beep}, carriersim.Wait{For: 300 * time.Millisecond}, carriersim.Hangup{}}})
	g.On("/answer", `[{"action":"connect","from":"`+ours+`","eventUrl":["%s/leg"],"endpoint":[{"type":"phone","number":"`+callee+`"}]},{"action":"talk","text":"gone"}]`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	other := g.LegTo(callee)
	g.await("/leg", "status", "completed")
	if other.Parent() != call.ID() || other.Status() != "completed" || !call.Saw("says gone") {
		t.Errorf("timelines:\n%s\n%s", call, other)
	}
	if diff := cmp.Diff([]string{"started", "ringing", "answered", "completed"}, g.statuses("/leg", other.ID())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if similarity, _ := compare.Find(beep, call.Heard(), call.Rate()); similarity < 0.9 {
		t.Errorf("similarity %.3f", similarity)
	}
}

func TestConnectToAPhoneFails(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{"asynchronous": "", "synchronous": `,"eventType":"synchronous"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			c.Expect(callee, carriersim.Person{Outcome: carriersim.Busy})
			g.On("/answer", `[{"action":"connect"`+kind+`,"eventUrl":["%s/leg"],"randomFromNumber":true,"endpoint":[{"type":"phone","number":"`+callee+`"}]},{"action":"talk","text":"next"}]`)
			g.Answer("/leg", func(r request) string {
				if r.doc["status"] == "busy" {
					return `[{"action":"talk","text":"instead"}]`
				}
				return `[]`
			})
			call := g.Ended(g.RingUp(carriersim.Person{}))
			g.await("/leg", "status", "busy")
			if call.Saw("says next") != (kind == "") || call.Saw("says instead") != (kind != "") {
				t.Errorf("timeline:\n%s", call)
			}
		})
	}
}

// TestConversation is an attended transfer: the agent waits in a room into which
// the caller is moved, and the caller's exit ends it.
func TestConversation(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	beep := tone.Sine(700, 16000, 400*time.Millisecond, -12)
	c.Expect(callee, carriersim.Person{Acts: []carriersim.Act{carriersim.WaitHeard{Sound: 100 * time.Millisecond, Quiet: 100 * time.Millisecond}, carriersim.Speak{PCM: beep}}})
	g.On("/answer", `[{"action":"wait","timeout":60}]`)
	call := g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Wait{For: 500 * time.Millisecond}, carriersim.Speak{PCM: beep},
		carriersim.WaitHeard{Sound: 200 * time.Millisecond, Quiet: 100 * time.Millisecond}, carriersim.Hangup{},
	}})
	g.Saw(call, "answered")
	agent := g.dial(`"ncco":[{"action":"conversation","name":"xfer-7f3a","startOnEnter":true}]`)
	g.Saw(agent, "joined conversation xfer-7f3a")
	g.voice(http.MethodPut, "/"+call.ID(), `{"action":"transfer","destination":{"type":"ncco","ncco":[{"action":"conversation","name":"xfer-7f3a","endOnExit":true}]}}`)
	g.Ended(call)
	g.Ended(agent)
	if !agent.Saw("hung up by markup") || !call.Saw("hung up by person") {
		t.Errorf("timelines:\n%s\n%s", call, agent)
	}
	if similarity, _ := compare.Find(beep, call.Heard(), call.Rate()); similarity < 0.9 {
		t.Errorf("similarity %.3f", similarity)
	}
	if n := len(c.conversations); n != 0 {
		t.Errorf("%d conversations are left", n)
	}
}

func TestListCalls(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	for range 3 {
		g.Ended(g.dial(talking)) // nobody is there
	}
	yesterday, tomorrow := time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339), time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string]int{
		"":                         3,
		"?status=failed":           3,
		"?status=completed":        0,
		"?date_start=" + yesterday: 3,
		"?date_start=" + tomorrow:  0,
		"?date_end=" + yesterday:   0,
		"?page_size=2":             2,
		"?record_index=2":          1,
		"?conversation_uuid=CON-0": 0,
	} {
		status, doc := g.voice(http.MethodGet, query, "")
		if status != 200 || len(doc["_embedded"].(map[string]any)["calls"].([]any)) != want {
			t.Errorf("%q: %d %v", query, status, doc)
		}
	}
	if status, _ := g.voice(http.MethodGet, "?page_size=101", ""); status != 400 {
		t.Errorf("long page: %d", status)
	}
}
