package telnyx

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func TestInboundCall(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	g.onCommand("call.initiated", "answer", `{"client_state":"`+state("mine")+`"}`)
	call := g.Ended(g.RingUp(hangsUp(100 * time.Millisecond)))
	end := g.Await("call.hangup", 1)[0]
	start := g.Await("call.initiated", 1)[0]
	for field, want := range map[string]any{
		"direction": "incoming", "state": "parked", "from": caller, "to": ours, "connection_id": c.opt.ConnectionID, "client_state": nil,
		"call_control_id": call.ID(),
	} {
		if start.payload[field] != want {
			t.Errorf("call.initiated: %s is %v, want %v", field, start.payload[field], want)
		}
	}
	for field, want := range map[string]any{
		"hangup_cause": "normal_clearing", "hangup_source": "caller", "sip_hangup_cause": "200", "state": "hangup",
		"client_state": state("mine"), "call_leg_id": start.payload["call_leg_id"], "direction": nil, "duration_secs": nil,
	} {
		if end.payload[field] != want {
			t.Errorf("call.hangup: %s is %v, want %v", field, end.payload[field], want)
		}
	}
	if diff := cmp.Diff([]string{"call.initiated", "call.answered", "call.hangup"}, g.names(call.ID())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if call.Status() != "normal_clearing" || !call.Billed() || call.Saw("warning") {
		t.Errorf("status %s:\n%s", call.Status(), call)
	}
}

// TestParked: nobody answers a leg but a command.
func TestParked(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	call := g.Ended(g.RingUp(carriersim.Person{Ring: 300 * time.Millisecond}))
	end := g.Await("call.hangup", 1)[0]
	if end.payload["hangup_cause"] != "originator_cancel" || end.payload["hangup_source"] != "caller" || call.Answered() || call.Billed() {
		t.Errorf("%v\n%s", end.payload, call)
	}
}

func TestFirstCommandTimeout(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.mu.Lock()
	c.apps[0].FirstCommand, c.apps[0].FirstSecs = true, 1
	c.mu.Unlock()
	if call := g.Ended(g.RingUp(carriersim.Person{})); !call.Saw("hung up by carrier") || call.Status() != "timeout" {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestReject(t *testing.T) {
	t.Parallel()
	for cause, want := range map[string]string{"CALL_REJECTED": "call_rejected 603", "USER_BUSY": "user_busy 486"} {
		_, g := begin(t, Options{})
		g.onCommand("call.initiated", "reject", `{"cause":"`+cause+`"}`)
		call := g.Ended(g.RingUp(carriersim.Person{}))
		end := g.Await("call.hangup", 1)[0].payload
		if got := end["hangup_cause"].(string) + " " + end["sip_hangup_cause"].(string); got != want || call.Billed() || !call.Saw("hung up by gateway") {
			t.Errorf("%s: %s\n%s", cause, got, call)
		}
	}
}

func TestOutboundCall(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, hangsUp(1100*time.Millisecond))
	status, doc := g.rest(http.MethodPost, "/v2/calls", g.dialBody(`"webhook_url":"%s/mine"`))
	reply := doc["data"].(map[string]any)
	if status != 200 || reply["is_alive"] != false || reply["record_type"] != "call" || reply["client_state"] != state("call_7f3a") {
		t.Fatalf("%d %v", status, doc)
	}
	call := g.LegTo(callee)
	g.Saw(call, "answered")
	_, doc = g.rest(http.MethodGet, "/v2/calls/"+url.PathEscape(call.ID()), "")
	if live := doc["data"].(map[string]any); live["is_alive"] != true || live["end_time"] != nil || live["status"] != nil {
		t.Errorf("live: %v", live)
	}
	_, doc = g.rest(http.MethodGet, "/v2/connections/"+c.opt.ConnectionID+"/active_calls", "")
	if list := doc["data"].([]any); len(list) != 1 || list[0].(map[string]any)["call_control_id"] != call.ID() {
		t.Errorf("active: %v", doc)
	}
	g.Ended(call)
	end := g.Await("call.hangup", 1)[0]
	if end.path != "/mine" || end.payload["hangup_source"] != "callee" || end.payload["call_session_id"] != reply["call_session_id"] {
		t.Errorf("end %v", end)
	}
	if diff := cmp.Diff([]string{"call.initiated", "call.answered", "call.hangup"}, g.names(call.ID())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if first := g.Await("call.initiated", 1)[0]; first.payload["direction"] != "outgoing" {
		t.Errorf("call.initiated: %v", first)
	}
	_, doc = g.rest(http.MethodGet, "/v2/calls/"+url.PathEscape(call.ID()), "")
	if over := doc["data"].(map[string]any); over["is_alive"] != false || over["end_time"] == nil || over["call_duration"] != 1.0 {
		t.Errorf("over: %v", over)
	}
}

func TestUnansweredCalls(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outcome carriersim.Outcome
		more    string
		want    []any
	}{
		"busy":        {carriersim.Busy, "", []any{"user_busy", "callee", "486"}},
		"timeout":     {carriersim.NoAnswer, "", []any{"timeout", "unknown", "487"}},
		"no answer":   {carriersim.NoAnswer, `,"retry_on_timeout":false`, []any{"no_answer", "unknown", "487"}},
		"rejects":     {carriersim.Rejects, "", []any{"call_rejected", "callee", "603"}},
		"unreachable": {carriersim.Unreachable, "", []any{"not_found", "unknown", "404"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			c.Expect(callee, carriersim.Person{Outcome: test.outcome})
			call := g.Ended(g.dial(`"timeout_secs":5` + test.more))
			end := g.Await("call.hangup", 1)[0].payload
			if diff := cmp.Diff(test.want, []any{end["hangup_cause"], end["hangup_source"], end["sip_hangup_cause"]}); diff != "" || call.Billed() {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHangUp(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	call := g.dial("")
	g.Saw(call, "answered")
	if status, doc := g.command(call.ID(), "hangup", ""); status != 200 || doc["data"].(map[string]any)["result"] != "ok" {
		t.Fatalf("%d %v", status, doc)
	}
	g.Ended(call)
	end := g.Await("call.hangup", 1)[0].payload
	if end["hangup_cause"] != "normal_clearing" || end["hangup_source"] != "caller" || !call.Saw("hung up by api") {
		t.Errorf("%v\n%s", end, call)
	}
	if status, doc := g.command(call.ID(), "hangup", "{}"); status != 422 || code(doc) != "90018" {
		t.Errorf("second hang-up: %d %v", status, doc)
	}
}

func TestHangUpWhileItRings(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Ring: time.Hour})
	call := g.dial("")
	g.Saw(call, "ringing")
	g.command(call.ID(), "hangup", "")
	if g.Ended(call); call.Status() != "originator_cancel" {
		t.Errorf("status %s", call.Status())
	}
}

// TestMoved: webhooks name the call otherwise than the dial was answered.
func TestMoved(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Moved: true})
	c.Expect(callee, carriersim.Person{})
	call := g.dial("")
	answered := g.Await("call.answered", 1)[0]
	if answered.control() == call.ID() || answered.payload["client_state"] != state("call_7f3a") {
		t.Errorf("event %v", answered)
	}
	if status, doc := g.command(answered.control(), "hangup", ""); status != 200 {
		t.Errorf("%d %v", status, doc)
	}
	g.Ended(call)
}

func TestCommandsAreRefused(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	parked, out := g.RingUp(carriersim.Person{}), g.dial("")
	g.Saw(out, "answered")
	for name, test := range map[string]struct {
		control, command, body string
		status                 int
		code                   string
	}{
		"not an id":      {"abc", "hangup", "", 422, "90015"},
		"unknown":        {"v3:abc", "hangup", "", 404, "10005"},
		"no command":     {parked.ID(), "dance", "", 404, "10005"},
		"not JSON":       {out.ID(), "hangup", "{", 400, "10015"},
		"client state":   {out.ID(), "hangup", `{"client_state":"not base64!"}`, 422, "90017"},
		"not answered":   {parked.ID(), "speak", `{"payload":"hi","voice":"female"}`, 422, "90034"},
		"stream early":   {parked.ID(), "streaming_start", streaming, 422, "90034"},
		"outbound":       {out.ID(), "answer", "", 422, "90102"},
		"no cause":       {parked.ID(), "reject", "", 422, "10032"},
		"reject late":    {out.ID(), "reject", `{"cause":"USER_BUSY"}`, 422, "10015"},
		"keys":           {out.ID(), "send_dtmf", `{"digits":"1x"}`, 422, "90014"},
		"long key":       {out.ID(), "send_dtmf", `{"digits":"1","duration_millis":501}`, 422, "10033"},
		"empty speech":   {out.ID(), "speak", `{"payload":"","voice":"female"}`, 422, "90010"},
		"no stream":      {out.ID(), "streaming_stop", "", 422, "90048"},
		"mode":           {out.ID(), "streaming_start", `{"stream_url":"{media}","stream_bidirectional_mode":"RTP"}`, 422, "10032"},
		"lower case":     {out.ID(), "streaming_start", `{"stream_url":"{media}","stream_bidirectional_codec":"pcmu"}`, 422, "10032"},
		"https":          {out.ID(), "streaming_start", `{"stream_url":"https://a.example"}`, 422, "10015"},
		"plain":          {out.ID(), "streaming_start", `{"stream_url":"ws://a.example"}`, 422, "10015"},
		"rate":           {out.ID(), "streaming_start", `{"stream_url":"{media}","stream_bidirectional_sampling_rate":16000}`, 422, "10033"},
		"transfer":       {out.ID(), "transfer", `{"to":"12025550177"}`, 422, "10016"},
		"bridge with no": {out.ID(), "bridge", `{"call_control_id":"v3:none"}`, 404, "10005"},
		"bridge early":   {out.ID(), "bridge", `{"call_control_id":"` + parked.ID() + `"}`, 422, "90034"},
	} {
		if status, doc := g.command(test.control, test.command, test.body); status != test.status || code(doc) != test.code {
			t.Errorf("%s: %d %v, want %s", name, status, doc, test.code)
		}
	}
	req := g.request(http.MethodGet, "/v2/calls/x", "")
	req.Header.Del("Authorization")
	if status, doc := g.do(req); status != 401 || code(doc) != "10009" {
		t.Errorf("without a key: %d %v", status, doc)
	}
}

// TestCommandID: a command with a known id is passed over, and so is a dial.
func TestCommandID(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	call := g.dial(`"command_id":"d1"`)
	if again := g.dial(`"command_id":"d1"`); again.ID() != call.ID() || len(c.Calls()) != 1 {
		t.Errorf("%d calls", len(c.Calls()))
	}
	g.Saw(call, "answered")
	for range 2 {
		if status, doc := g.command(call.ID(), "send_dtmf", `{"digits":"1w2","command_id":"k1"}`); status != 200 {
			t.Fatalf("%d %v", status, doc)
		}
	}
	g.command(call.ID(), "send_dtmf", `{"digits":"3","command_id":"k2"}`)
	if call.Digits() != "123" {
		t.Errorf("digits %q", call.Digits())
	}
}

func TestClientState(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	call := g.dial("")
	g.Saw(call, "answered")
	if status, doc := g.command(call.ID(), "client_state_update", `{"client_state":"`+state("next")+`"}`); status != 200 {
		t.Fatalf("%d %v", status, doc)
	}
	g.command(call.ID(), "hangup", "")
	if end := g.Await("call.hangup", 1)[0]; end.payload["client_state"] != state("next") {
		t.Errorf("%v", end.payload)
	}
}

func TestDialIsRefused(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	bare := newApplication("77", "")
	c.mu.Lock()
	c.apps = append(c.apps, bare)
	c.mu.Unlock()
	for name, test := range map[string]struct {
		old, new string // in the good body
		status   int
		code     string
	}{
		"no plus":       {`"` + callee, `"` + callee[1:], 422, "10016"},
		"no profile":    {c.opt.ConnectionID, "77", 403, "D38"},
		"no connection": {c.opt.ConnectionID, "78", 422, "10015"},
		"foreign from":  {ours, "+12025559999", 403, "10010"},
		"client state":  {state("call_7f3a"), "!", 422, "90017"},
		"short ring":    {`{`, `{"timeout_secs":4,`, 422, "90028"},
		"short talk":    {`{`, `{"time_limit_secs":29,`, 422, "90029"},
		"detection":     {`{`, `{"answering_machine_detection":"true",`, 422, "10032"},
		"webhook":       {`{`, `{"webhook_url":"nonsense",`, 422, "10015"},
		"by GET":        {`{`, `{"webhook_url_method":"GET",`, 422, "10032"},
		"event":         {`{`, `{"webhook_urls":{"hangup":["https://a.example"]},`, 422, "90057"},
		"retries":       {`{`, `{"webhook_retries_policies":{"call.hangup":{"retries_ms":[1,2,3,4,5,6]}},`, 422, "10033"},
		"stream":        {`{`, `{"stream_url":"wss://a.example","stream_track":"all",`, 422, "10032"},
		"digits":        {`{`, `{"send_digits_on_answer":"x",`, 422, "90014"},
	} {
		body := strings.Replace(g.dialBody(""), test.old, test.new, 1)
		if status, doc := g.rest(http.MethodPost, "/v2/calls", body); status != test.status || code(doc) != test.code {
			t.Errorf("%s: %d %v, want %s", name, status, doc, test.code)
		}
	}
	if n := len(c.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestChannels(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Channels: 1})
	c.Expect(callee, carriersim.Person{})
	first := g.dial("")
	if status, doc := g.rest(http.MethodPost, "/v2/calls", g.dialBody("")); status != 403 || code(doc) != "90043" {
		t.Errorf("%d %v", status, doc)
	}
	g.command(first.ID(), "hangup", "")
	g.Ended(first)
	g.dial("")
}

func TestMachineDetection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		mode    string
		machine bool
		beep    bool // before the verdict
		want    []string
	}{
		"human":          {"detect", false, false, []string{"call.machine.detection.ended human"}},
		"machine":        {"detect", true, false, []string{"call.machine.detection.ended machine"}},
		"premium human":  {"premium", false, false, []string{"call.machine.premium.detection.ended human_residence"}},
		"premium":        {"premium", true, false, []string{"call.machine.premium.detection.ended machine", "call.machine.premium.greeting.ended beep_detected"}},
		"premium, early": {"premium", true, true, []string{"call.machine.premium.greeting.ended beep_detected"}},
		"greeting end":   {"greeting_end", true, false, []string{"call.machine.detection.ended machine", "call.machine.greeting.ended ended"}},
		"beep":           {"detect_beep", true, false, []string{"call.machine.detection.ended machine", "call.machine.greeting.ended beep_detected"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{DetectAfter: 50 * time.Millisecond, BeepFirst: test.beep})
			p := hangsUp(time.Second)
			p.Machine = test.machine
			c.Expect(callee, p)
			g.Ended(g.dial(`"answering_machine_detection":"` + test.mode + `"`))
			g.Await("call.hangup", 1)
			var got []string
			for _, e := range g.Got("") {
				if strings.HasPrefix(e.name, "call.machine") {
					got = append(got, e.name+" "+e.payload["result"].(string))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnnouncements(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	call := g.dial("")
	g.Saw(call, "answered")
	g.command(call.ID(), "speak", `{"payload":"hi","voice":"female","language":"en-US","colour":"red"}`)
	g.command(call.ID(), "playback_start", `{"audio_url":"%s/missing.wav"}`)
	ended := g.Await("call.playback.ended", 1)[0]
	if ended.payload["status"] != "completed" || !call.Saw("says hi") || !call.Saw("plays "+g.URL) || !call.Saw(`warning json: unknown field "colour"`) {
		t.Errorf("%v\n%s", ended.payload, call)
	}
	want := []string{"call.initiated", "call.answered", "call.speak.started", "call.speak.ended", "call.playback.started", "call.playback.ended"}
	if diff := cmp.Diff(want, g.names(call.ID())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	g.command(call.ID(), "speak", `{"payload":"`+strings.Repeat("long ", 100)+`","voice":"female"}`)
	g.Await("call.speak.started", 2)
	g.command(call.ID(), "playback_stop", "")
	if ended := g.Await("call.speak.ended", 2)[1]; ended.payload["status"] != "cancelled" {
		t.Errorf("stopped: %v", ended.payload)
	}
	silent := slices.IndexFunc(call.Heard(), func(v int16) bool { return v != 0 }) < 0
	if silent {
		t.Error("the person heard nothing")
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{CostAfter: time.Millisecond})
	c.Expect(callee, hangsUp(100*time.Millisecond))
	c.mu.Lock()
	c.apps[0].CostInHooks = true
	c.mu.Unlock()
	g.Ended(g.dial(""))
	cost := g.Await("call.cost", 1)[0].payload
	parts := cost["cost_parts"].([]any)
	if cost["total_cost"] != "0.00625" || cost["billed_duration_secs"] != 60.0 || cost["status"] != "success" || len(parts) != 2 {
		t.Errorf("cost %v", cost)
	}
	leg := url.QueryEscape(cost["call_leg_id"].(string))
	for query, want := range map[string]int{
		"filter[record_type]=call-control&filter[call_leg_id]=" + leg: 1,
		"filter[record_type]=sip-trunking&filter[call_leg_id]=" + leg: 1,
		"filter[record_type]=call-control&filter[call_leg_id]=other":  0,
		"filter[record_type]=call-control&filter[created_at]=today":   -1,
		"filter[record_type]=messaging":                               -1,
	} {
		status, doc := g.rest(http.MethodGet, "/v2/detail_records?"+query, "")
		if rows, _ := doc["data"].([]any); (status == 400) != (want < 0) || len(rows) != max(want, 0) {
			t.Errorf("%s: %d %v", query, status, doc)
		} else if want == 1 && (rows[0].(map[string]any)["currency"] != "USD" || rows[0].(map[string]any)["answered_at"] == nil) {
			t.Errorf("%s: %v", query, rows)
		}
	}
}
