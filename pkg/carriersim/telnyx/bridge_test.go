package telnyx

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const agent = "+12025550177"

var beep = tone.Sine(700, 8000, 400*time.Millisecond, -12)

// TestTransfer calls a third party. Its end is the end of the first leg, too.
func TestTransfer(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(agent, carriersim.Person{Ring: 300 * time.Millisecond, Acts: []carriersim.Act{
		carriersim.Wait{For: 200 * time.Millisecond}, carriersim.Speak{PCM: beep}, carriersim.Wait{For: 300 * time.Millisecond}, carriersim.Hangup{},
	}})
	g.on("call.initiated", func(e event) {
		if e.payload["direction"] == "incoming" {
			g.command(e.control(), "answer", `{"client_state":"`+state("mine")+`"}`)
		}
	})
	call := g.RingUp(carriersim.Person{})
	g.Saw(call, "answered")
	if status, doc := g.command(call.ID(), "transfer", `{"to":"`+agent+`","timeout_secs":30}`); status != 200 {
		t.Fatalf("%d %v", status, doc)
	}
	other := g.Ended(g.LegTo(agent))
	g.Ended(call)
	first, second := g.Await("call.hangup", 2)[0].payload, g.Await("call.initiated", 2)[1].payload
	if other.From() != ours || other.Parent() != call.ID() || second["client_state"] != state("mine") || second["state"] != "bridging" ||
		second["call_session_id"] != first["call_session_id"] {
		t.Errorf("second leg from %s: %v", other.From(), second)
	}
	if diff := cmp.Diff([]string{"call.initiated", "call.answered", "call.bridged", "call.hangup"}, g.names(other.ID())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if similarity, _ := compare.Find(beep, call.Heard(), call.Rate()); similarity < 0.9 || !call.Saw("hung up by carrier") {
		t.Errorf("similarity %.3f:\n%s", similarity, call)
	}
}

// TestTransferThatFails leaves the first leg alone.
func TestTransferThatFails(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	c.Expect(agent, carriersim.Person{Outcome: carriersim.Busy})
	call := g.dial("")
	g.Saw(call, "answered")
	g.command(call.ID(), "transfer", `{"to":"`+agent+`","from":"`+ours+`","target_leg_client_state":"`+state("b")+`"}`)
	end := g.Await("call.hangup", 1)[0].payload
	if end["hangup_cause"] != "user_busy" || end["client_state"] != state("b") || !call.EndedAt().IsZero() {
		t.Errorf("%v\n%s", end, call)
	}
	if status, doc := g.command(call.ID(), "transfer", `{"to":"`+agent+`"}`); status != 403 || code(doc) != "10010" {
		t.Errorf("from a number that is not ours: %d %v", status, doc)
	}
	c.Expect(agent, carriersim.Person{Ring: time.Hour})
	g.command(call.ID(), "transfer", `{"to":"`+agent+`","from":"`+ours+`"}`)
	g.Await("call.initiated", 3)
	g.command(call.ID(), "hangup", "")
	g.Await("call.hangup", 3)
}

// TestForward transfers a leg that nobody has answered.
func TestForward(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(agent, hangsUp(200*time.Millisecond))
	call := g.RingUp(carriersim.Person{})
	g.command(call.ID(), "transfer", `{"to":"`+agent+`"}`)
	if g.Ended(call); !call.Billed() || !call.Saw("bridged") {
		t.Errorf("timeline:\n%s", call)
	}
}

// TestBridgeWithAStream lets the gateway talk to whom it has asked for.
func TestBridgeWithAStream(t *testing.T) {
	t.Parallel()
	for target, want := range map[string][2]bool{"self": {true, false}, "opposite": {false, true}, "both": {true, true}} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			c.Expect(callee, carriersim.Person{})
			c.Expect(agent, carriersim.Person{})
			bridged := make(chan struct{})
			g.Media(func(ws *websocket.Conn) {
				readEvent(t, ws, "start")
				<-bridged
				writeAudio(t, ws, ulaw, beep)
				write(t, ws, `{"event":"mark","mark":{"name":"end"}}`)
				readEvent(t, ws, "mark")
			})
			first := g.dial(`"stream_url":"{media}","stream_bidirectional_mode":"rtp","stream_bidirectional_target_legs":"` + target + `"`)
			g.Saw(first, "stream started")
			status, doc := g.rest(http.MethodPost, "/v2/calls", fmt.Sprintf(`{"connection_id":%q,"to":%q,"from":%q,"link_to":%q}`, c.opt.ConnectionID, agent, ours, first.ID()))
			if status != 200 {
				t.Fatalf("%d %v", status, doc)
			}
			second := g.LegTo(agent)
			g.Saw(second, "answered")
			if status, doc := g.command(first.ID(), "bridge", `{"call_control_id":"`+second.ID()+`","park_after_unbridge":"self"}`); status != 200 {
				t.Fatalf("%d %v", status, doc)
			}
			g.Await("call.bridged", 2)
			close(bridged)
			g.Await("streaming.stopped", 1)
			if status, doc := g.command(first.ID(), "bridge", `{"call_control_id":"`+second.ID()+`","prevent_double_bridge":true}`); status != 422 {
				t.Errorf("second bridge: %d %v", status, doc)
			}
			g.command(second.ID(), "hangup", "")
			g.Ended(second)
			if !first.EndedAt().IsZero() {
				t.Errorf("the parked leg ended:\n%s", first)
			}
			g.command(first.ID(), "hangup", "")
			g.Ended(first)
			for i, leg := range []*carriersim.Call{first, second} {
				if similarity, _ := compare.Find(beep, leg.Heard(), leg.Rate()); (similarity > 0.9) != want[i] {
					t.Errorf("leg %d heard the beep with %.3f, want %t", i, similarity, want[i])
				}
			}
		})
	}
}

func TestBridgeOnAnswer(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{})
	c.Expect(agent, hangsUp(200*time.Millisecond))
	first := g.dial("")
	g.Saw(first, "answered")
	g.rest(http.MethodPost, "/v2/calls", fmt.Sprintf(`{"connection_id":%q,"to":%q,"from":%q,"link_to":%q,"bridge_on_answer":true}`, c.opt.ConnectionID, agent, ours, first.ID()))
	g.Ended(first)
	if !first.Saw("bridged") || !first.Saw("hung up by carrier") {
		t.Errorf("timeline:\n%s", first)
	}
}

// TestConference is an attended transfer: the agent waits in a conference that
// the caller joins and whose end the caller's exit is.
func TestConference(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Acts: []carriersim.Act{
		carriersim.Wait{For: time.Second}, carriersim.Speak{PCM: beep},
		carriersim.WaitHeard{Sound: 200 * time.Millisecond, Quiet: 100 * time.Millisecond}, carriersim.Hangup{},
	}})
	c.Expect(agent, carriersim.Person{Acts: []carriersim.Act{
		carriersim.WaitHeard{Sound: 200 * time.Millisecond, Quiet: 100 * time.Millisecond}, carriersim.Speak{PCM: beep},
	}})
	first := g.dial("")
	g.Saw(first, "answered")
	g.rest(http.MethodPost, "/v2/calls", fmt.Sprintf(`{"connection_id":%q,"to":%q,"from":%q}`, c.opt.ConnectionID, agent, ours))
	second := g.LegTo(agent)
	g.Saw(second, "answered")
	status, doc := g.rest(http.MethodPost, "/v2/conferences", `{"call_control_id":"`+second.ID()+`","name":"xfer","start_conference_on_create":true}`)
	if status != 200 {
		t.Fatalf("%d %v", status, doc)
	}
	conference := doc["data"].(map[string]any)
	path := "/v2/conferences/" + conference["id"].(string)
	join := `{"call_control_id":"` + first.ID() + `","end_conference_on_exit":true}`
	if status, doc := g.rest(http.MethodPost, path+"/actions/join", join); status != 200 {
		t.Fatalf("%d %v", status, doc)
	}
	if status, doc := g.rest(http.MethodPost, path+"/actions/join", join); status != 422 || code(doc) != "90044" {
		t.Errorf("joined twice: %d %v", status, doc)
	}
	g.Ended(first)
	g.Ended(second)
	if similarity, _ := compare.Find(beep, first.Heard(), first.Rate()); similarity < 0.9 || !second.Saw("hung up by carrier") {
		t.Errorf("similarity %.3f:\n%s", similarity, second)
	}
	ended := g.Await("conference.ended", 1)[0].payload
	if ended["reason"] != "host_left" || ended["conference_id"] != conference["id"] || len(g.Await("conference.participant.joined", 2)) != 2 {
		t.Errorf("%v", ended)
	}
	_, doc = g.rest(http.MethodGet, path, "")
	if over := doc["data"].(map[string]any); over["status"] != "completed" || over["end_reason"] != "host_left" {
		t.Errorf("over: %v", over)
	}
	if status, doc := g.rest(http.MethodPost, path+"/actions/end", ""); status != 422 || code(doc) != "90019" {
		t.Errorf("ended twice: %d %v", status, doc)
	}
}

// hears tells whether a person hears anything in the quarter of a second after
// the next.
func hears(c *carriersim.Call) bool {
	from := len(c.Heard())
	for range time.Tick(50 * time.Millisecond) {
		if len(c.Heard()) >= from+4800 {
			break
		}
	}
	return slices.ContainsFunc(c.Heard()[from+2400:], func(v int16) bool { return v > 1000 })
}

func TestConferenceActions(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Speak{PCM: tone.Sine(700, 8000, 20*time.Second, -12)}}})
	c.Expect(agent, carriersim.Person{})
	first := g.dial("")
	g.rest(http.MethodPost, "/v2/calls", fmt.Sprintf(`{"connection_id":%q,"to":%q,"from":%q}`, c.opt.ConnectionID, agent, ours))
	second := g.LegTo(agent)
	g.Saw(first, "answered")
	g.Saw(second, "answered")
	_, doc := g.rest(http.MethodPost, "/v2/conferences", `{"call_control_id":"`+first.ID()+`","name":"room","max_participants":2,"start_conference_on_create":false}`)
	conference := doc["data"].(map[string]any)
	path := "/v2/conferences/" + conference["id"].(string) + "/actions/"
	act := func(action, body string) {
		t.Helper()
		if status, doc := g.rest(http.MethodPost, path+action, body); status != 200 {
			t.Errorf("%s: %d %v", action, status, doc)
		}
	}
	act("join", `{"call_control_id":"`+second.ID()+`"}`)
	if conference["status"] != "init" || hears(second) {
		t.Error("the conference has started by itself")
	}
	act("leave", `{"call_control_id":"`+second.ID()+`"}`)
	act("join", `{"call_control_id":"`+second.ID()+`","start_conference_on_enter":true}`)
	for _, step := range []struct {
		action string
		want   bool
	}{{"", true}, {"mute", false}, {"unmute", true}, {"hold", false}, {"unhold", true}} {
		if step.action != "" {
			act(step.action, `{"call_control_ids":["`+first.ID()+`"]}`)
		}
		if hears(second) != step.want {
			t.Errorf("after %q it is heard: %t", step.action, !step.want)
		}
	}
	if status, doc := g.rest(http.MethodGet, "/v2/conferences?filter[name]=room", ""); status != 200 || len(doc["data"].([]any)) != 1 {
		t.Errorf("list: %d %v", status, doc)
	}
	for id, want := range map[string]string{"x": "90058", "4aa0d1ca-7a2e-4f6f-8c1f-1f7d2f7f5c3e": "10005"} {
		if _, doc := g.rest(http.MethodGet, "/v2/conferences/"+id, ""); code(doc) != want {
			t.Errorf("conference %s: %v", id, doc)
		}
	}
	act("end", "")
	g.Ended(first)
	g.Ended(second)
	if ended := g.Await("conference.ended", 1)[0].payload; ended["reason"] != "ended_via_api" {
		t.Errorf("%v", ended)
	}
}
