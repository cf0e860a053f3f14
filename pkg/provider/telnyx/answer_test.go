package telnyx

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// switchboard is a carrier that takes every command, and keeps the state that
// it brings.
type switchboard struct {
	commands []string
	state    string // of the leg, as the last command that had one brought it
	child    string // of the leg that a transfer made
	webhook  string
}

func (s *switchboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		State   string `json:"client_state"`
		Child   string `json:"target_leg_client_state"`
		Webhook string `json:"webhook_url"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		panic(http.ErrAbortHandler)
	}
	s.commands = append(s.commands, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	if body.State != "" {
		s.state = body.State
	}
	if body.Webhook != "" {
		s.webhook = body.Webhook
	}
	s.child = body.Child
	_, _ = w.Write([]byte(`{"data":{"result":"ok"}}`))
}

// tell is a webhook of the switchboard's, and what the leg has to do then.
func (s *switchboard) tell(t *testing.T, d *driver, event, state, more string) *call.Instruction {
	t.Helper()
	body := `{"data":{"record_type":"event","event_type":"` + event + `","id":"1","occurred_at":"2026-02-02T22:27:01Z","payload":{` +
		`"call_control_id":"` + testLeg + `","client_state":"` + state + `"` + more + `}}}`
	n, err := d.Parse(&provider.Request{Method: http.MethodPost, Body: []byte(body), Hook: provider.HookEvents}, func() provider.History { return provider.History{} })
	if err != nil {
		t.Fatal(err)
	}
	if n.CallID != "01JABC" {
		t.Errorf("%s is about call %q", event, n.CallID)
	}
	return n.Next
}

func (s *switchboard) driver(t *testing.T, values map[string]any) *driver {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return openDriver(t, provider.Config{Values: values, APIURL: srv.URL + "/v2/"})
}

var parked = provider.Leg{ID: testLeg, Ref: "in:f3c41b1e", CallID: "01JABC"}

// A leg is driven through an instruction by the webhooks that tell of the end
// of each step.
func TestInstructionsGoOnByWebhook(t *testing.T) {
	hangup := call.Step{Hangup: &call.Hangup{}}
	say := call.Step{Say: &call.Say{Text: "Nobody is here."}}
	play := call.Step{Play: &call.Play{URL: "https://files.trunkline.example/a.mp3"}}
	wide := call.Step{Stream: &call.Stream{URL: "wss://media.trunkline.example/x", StreamID: "s", Encoding: "l16", Rate: 16000}}
	narrow := call.Step{Stream: &call.Stream{URL: "wss://media.trunkline.example/x", StreamID: "s"}}
	dial := call.Step{Dial: &call.Dial{Targets: []string{"+12025550177"}}}
	const stops = " playback_stop streaming_stop"
	for name, test := range map[string]struct {
		steps  []call.Step
		events []string
		want   string
	}{
		"fallback":     {call.Spoken("Nobody is here.").Steps, []string{"call.answered", "call.speak.ended"}, "answer" + stops + " speak hangup"},
		"file":         {[]call.Step{play, say}, []string{"call.answered", "call.playback.ended", "call.speak.ended"}, "answer" + stops + " playback_start" + stops + " speak hangup"},
		"stream":       {[]call.Step{narrow, hangup}, []string{"call.answered", "streaming.started", "streaming.stopped"}, "answer hangup"},
		"stream fails": {[]call.Step{narrow, say}, []string{"call.answered", "streaming.failed", "call.speak.ended"}, "answer" + stops + " speak hangup"},
		"wide stream":  {[]call.Step{wide, hangup}, []string{"call.answered", "streaming.stopped"}, "answer" + stops + " streaming_start hangup"},
		"nobody there": {[]call.Step{dial, say}, []string{"call.answered", "call.hangup", "call.speak.ended"}, "answer" + stops + " transfer" + stops + " speak hangup"},
	} {
		t.Run(name, func(t *testing.T) {
			board := new(switchboard)
			d := board.driver(t, nil)
			if err := d.Answer(context.Background(), parked, call.Instruction{Steps: test.steps}); err != nil {
				t.Fatal(err)
			}
			for _, event := range test.events {
				state := board.state
				if event == "call.hangup" {
					state = board.child
				}
				next := board.tell(t, d, event, state, "")
				if next == nil {
					continue
				}
				if err := d.Redirect(context.Background(), parked, *next); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.want, strings.Join(board.commands, " ")); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
		})
	}
}

// What was under way when a leg was redirected leads nowhere any more.
func TestRedirectForgetsWhatWas(t *testing.T) {
	board := new(switchboard)
	d := board.driver(t, nil)
	stream := call.Instruction{Steps: []call.Step{{Stream: &call.Stream{URL: "wss://media.trunkline.example/x", StreamID: "s"}}}}
	if err := d.Answer(context.Background(), parked, stream); err != nil {
		t.Fatal(err)
	}
	if board.tell(t, d, "streaming.stopped", board.state, "") == nil {
		t.Error("the end of the stream is not followed by anything")
	}
	transfer := call.Instruction{Steps: []call.Step{{Dial: &call.Dial{Targets: []string{"+12025550177"}}}}}
	if err := d.Redirect(context.Background(), parked, transfer); err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"streaming.stopped", "call.answered", "call.hangup", "call.speak.ended"} {
		if next := board.tell(t, d, event, board.state, ""); next != nil {
			t.Errorf("%s leads to %v", event, next.Steps)
		}
	}
}

// From its answer on, an inbound leg reports to an address that names the call.
func TestAnswerNamesAnAddress(t *testing.T) {
	status := "https://hooks.trunkline.example/stream"
	stream := call.Instruction{Steps: []call.Step{{Stream: &call.Stream{URL: "wss://media.trunkline.example/x", StreamID: "s", StatusURL: status}}}}
	minted := func(h provider.Hook) string { return "https://hooks.trunkline.example/" + string(h) + "/01JABC" }
	for name, test := range map[string]struct {
		url  func(provider.Hook) string
		in   call.Instruction
		want string
	}{
		"minted":            {minted, stream, "https://hooks.trunkline.example/events/01JABC"},
		"minted, no stream": {minted, call.Spoken("Hello."), "https://hooks.trunkline.example/events/01JABC"},
		"of the stream":     {nil, stream, status},
		"nobody has one":    {nil, call.Spoken("Hello."), ""},
	} {
		board := new(switchboard)
		leg := parked
		leg.URL = test.url
		if err := board.driver(t, nil).Answer(context.Background(), leg, test.in); err != nil {
			t.Fatal(err)
		}
		if board.webhook != test.want {
			t.Errorf("%s: %q, want %q", name, board.webhook, test.want)
		}
	}
}

// A trunk's own format is what both the command and the codec go by.
func TestCommandAndCodecAgree(t *testing.T) {
	for _, own := range []string{"", "ulaw/8000", "alaw/8000", "l16/16000"} {
		for _, step := range []call.Stream{{}, {Encoding: "ulaw", Rate: 8000}, {Encoding: "alaw", Rate: 8000}, {Encoding: "alaw"}, {Encoding: "l16", Rate: 24000}} {
			d := testDriver(t, map[string]any{fieldStreamFormat: own})
			asked := d.format(&step)
			config := provider.CodecConfig{Config: provider.Config{Values: map[string]any{fieldStreamFormat: own}}, Want: spec.Format}
			if step.Encoding != "" {
				config.Want.Encoding = asked.Encoding
				config.Want.Rate = asked.Rate
			}
			if step.Encoding == "ulaw" {
				config.Want = ulaw
			}
			if got := newCodec(config).(*codec).out; got != asked {
				t.Errorf("trunk %q, call %q: the command says %s, the codec %s", own, step.Encoding, asked, got)
			}
		}
	}
}

func TestRenderTakesNoInstruction(t *testing.T) {
	d := testDriver(t, nil)
	if _, err := d.Render(call.Spoken("Hello."), &provider.Notice{}); provider.KindOf(err) != provider.KindUnsupported {
		t.Errorf("%v, want unsupported", err)
	}
}
