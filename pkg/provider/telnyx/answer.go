package telnyx

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Answer implements provider.Answerer. An inbound leg is parked: rejected, hung
// up, or answered. What the leg shall do then waits for the webhook that says
// that it is answered, except for a media stream, which the answer can start.
// An outbound leg was answered by the other side, and does it at once.
//
// Every command has an id by which Telnyx drops a repeated one, so that the
// whole may be tried again.
func (d *driver) Answer(ctx context.Context, leg provider.Leg, in call.Instruction) error {
	steps, err := d.check(leg, in)
	if err != nil {
		return err
	}
	r := run{driver: d, leg: leg, once: true}
	if !parseRef(leg.Ref).inbound {
		return r.steps(ctx, steps)
	}
	switch first := steps[0]; {
	case first.Reject != nil:
		body := &rejectBody{Cause: "CALL_REJECTED"}
		if first.Reject.Busy {
			body.Cause = "USER_BUSY"
		}
		return r.command(ctx, "reject", body)
	case first.Hangup != nil:
		return r.hangup(ctx)
	}
	return r.answer(ctx, steps)
}

// Redirect implements provider.Redirector. A media stream that is running, and
// whatever is playing, is stopped.
func (d *driver) Redirect(ctx context.Context, leg provider.Leg, in call.Instruction) error {
	steps, err := d.check(leg, in)
	if err != nil {
		return err
	}
	r := run{driver: d, leg: leg}
	if last(steps[0]) {
		return r.hangup(ctx)
	}
	for _, stop := range [...]string{"playback_stop", "streaming_stop"} {
		body := new(common)
		// What the leg waited for, it waits for no longer.
		if body.State, err = r.state("", nil); err != nil {
			return err
		}
		err := d.command(ctx, leg, stop, body, true)
		switch provider.KindOf(err) {
		case provider.KindInvalid, provider.KindConflict: // there is nothing to stop
		default:
			if err != nil {
				return err
			}
		}
	}
	return r.steps(ctx, steps)
}

// run is an instruction at work on a leg.
type run struct {
	*driver
	leg  provider.Leg
	once bool // commands have an id
	n    int  // commands so far
}

// common is what all commands may have.
type common struct {
	State string `json:"client_state,omitempty"`
	ID    string `json:"command_id,omitempty"`
}

func (c *common) identify(id string) { c.ID = id }

type (
	answerBody struct {
		common
		WebhookURL    string `json:"webhook_url,omitempty"`
		WebhookMethod string `json:"webhook_url_method,omitempty"`
		*streamFields
	}
	rejectBody struct {
		common
		Cause string `json:"cause"`
	}
	speakBody struct {
		common
		Text     string `json:"payload"`
		Voice    string `json:"voice"`
		Language string `json:"language,omitempty"`
	}
	playbackBody struct {
		common
		URL  string `json:"audio_url"`
		Loop int    `json:"loop,omitempty"`
	}
	digitsBody struct {
		common
		Digits string `json:"digits"`
	}
	streamBody struct {
		common
		streamFields
	}
	transferBody struct {
		common
		To            string `json:"to"`
		From          string `json:"from,omitempty"`
		RingSeconds   int    `json:"timeout_secs,omitempty"`
		LimitSeconds  int    `json:"time_limit_secs,omitempty"`
		TargetState   string `json:"target_leg_client_state"`
		Park          string `json:"park_after_unbridge,omitempty"`
		WebhookURL    string `json:"webhook_url,omitempty"`
		WebhookMethod string `json:"webhook_url_method,omitempty"`
	}
)

// streamFields start a media stream.
type streamFields struct {
	URL      string  `json:"stream_url"`
	Track    string  `json:"stream_track"`
	InCodec  string  `json:"stream_codec"` // a leg's own may be one that nobody here reads
	Mode     string  `json:"stream_bidirectional_mode"`
	OutCodec string  `json:"stream_bidirectional_codec"`
	OutRate  int     `json:"stream_bidirectional_sampling_rate,omitempty"`
	OutLegs  string  `json:"stream_bidirectional_target_legs"`
	Params   []param `json:"custom_parameters,omitempty"`
}

type param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// stream asks for audio of the other side only, and for ours as RTP payloads:
// without that mode Telnyx takes it for MP3, and drops it.
func stream(s *call.Stream, f media.Format) streamFields {
	return streamFields{
		URL: s.URL, Track: "inbound_track", InCodec: codecName(f),
		Mode: "rtp", OutCodec: codecName(f), OutLegs: "both",
	}
}

// command gives the leg the next command.
func (r *run) command(ctx context.Context, name string, body interface{ identify(string) }) error {
	r.identify(name, body)
	return r.driver.command(ctx, r.leg, name, body, r.once)
}

func (r *run) identify(name string, body interface{ identify(string) }) {
	if r.n++; r.once {
		body.identify(r.leg.CallID + "-" + strconv.Itoa(r.n) + "-" + name)
	}
}

// state makes the client_state by which the leg goes on with rest.
func (r *run) state(a after, rest []call.Step) (string, error) {
	return r.states.encode(state{Call: r.leg.CallID, After: a, Next: rest})
}

// answer answers a parked leg. From then on its webhooks name its call, where
// there is an address for that.
func (r *run) answer(ctx context.Context, steps []call.Step) (err error) {
	body := new(answerBody)
	s := state{Call: r.leg.CallID, After: afterAnswer, Next: steps}
	if first := steps[0].Stream; first != nil {
		body.WebhookURL = first.StatusURL
		if f := r.format(first); f.Rate == ulaw.Rate { // an answer can name no other
			fields := stream(first, f)
			body.streamFields = &fields
			s = state{Call: r.leg.CallID, After: afterStream, Next: steps[1:], Param: first.Params}
		}
	}
	if r.leg.URL != nil {
		body.WebhookURL = r.leg.URL(provider.HookEvents)
	}
	if body.WebhookURL != "" {
		body.WebhookMethod = http.MethodPost
	}
	if body.State, err = r.states.encode(s); err != nil {
		return err
	}
	return r.command(ctx, "answer", body)
}

// steps does what can be done now: up to the first step that has an end of its
// own. The rest is done when a webhook tells of that.
func (r *run) steps(ctx context.Context, steps []call.Step) error {
	for i, step := range steps {
		rest := steps[i+1:]
		switch {
		case step.Say != nil:
			return r.say(ctx, step.Say, rest)
		case step.Play != nil:
			return r.play(ctx, step.Play, rest)
		case step.Stream != nil:
			return r.startStream(ctx, step.Stream, rest)
		case step.Dial != nil:
			return r.dial(ctx, step.Dial, rest)
		case step.Conference != nil:
			return r.conference(ctx, step.Conference)
		case last(step):
			return r.hangup(ctx)
		}
		if err := r.command(ctx, "send_dtmf", &digitsBody{Digits: step.SendDigits.Digits}); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) say(ctx context.Context, s *call.Say, rest []call.Step) (err error) {
	body := &speakBody{Text: s.Text, Voice: s.Voice, Language: s.Language}
	if body.Voice == "" { // one that speaks every language
		body.Voice, body.Language = "female", cmp.Or(s.Language, "en-US")
	}
	if body.State, err = r.state(afterSpeech, rest); err != nil {
		return err
	}
	return r.command(ctx, "speak", body)
}

func (r *run) play(ctx context.Context, p *call.Play, rest []call.Step) (err error) {
	body := &playbackBody{URL: p.URL, Loop: p.Loop}
	if body.State, err = r.state(afterPlayback, rest); err != nil {
		return err
	}
	return r.command(ctx, "playback_start", body)
}

// startStream starts a stream on an answered leg. A leg has one: when there is
// one already, this is a repeated command.
func (r *run) startStream(ctx context.Context, s *call.Stream, rest []call.Step) (err error) {
	f := r.format(s)
	body := &streamBody{streamFields: stream(s, f)}
	body.OutRate = f.Rate
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		body.Params = append(body.Params, param{name, s.Params[name]})
	}
	if body.State, err = r.state(afterStream, rest); err != nil {
		return err
	}
	err = r.command(ctx, "streaming_start", body)
	if failedWith(err, codeStreaming) {
		return nil
	}
	return err
}

// dial transfers the leg to another number. That makes a leg whose webhooks
// carry what this one does afterwards. Unless there is something to do, this
// one ends together with it.
func (r *run) dial(ctx context.Context, c *call.Dial, rest []call.Step) (err error) {
	body := &transferBody{To: c.Targets[0], From: c.CallerID, LimitSeconds: c.LimitSeconds, WebhookURL: c.StatusURL}
	if c.RingSeconds > 0 {
		body.RingSeconds = ringSeconds(c.RingSeconds)
	}
	if c.StatusURL != "" {
		body.WebhookMethod = http.MethodPost
	}
	if !last(rest[0]) {
		body.Park = "self"
	}
	child := state{Call: r.leg.CallID, Parent: r.leg.ID, After: afterDial, Next: rest}
	if body.TargetState, err = r.states.encode(child); err != nil {
		return err
	}
	if body.State, err = r.state("", nil); err != nil {
		return err
	}
	return r.command(ctx, "transfer", body)
}

func (r *run) hangup(ctx context.Context) error {
	err := r.command(ctx, "hangup", new(common))
	if provider.KindOf(err) == provider.KindNotFound {
		return nil
	}
	return err
}

// last reports whether nothing can follow a step. A leg that is answered
// cannot be rejected any more: it is hung up.
func last(s call.Step) bool { return s.Hangup != nil || s.Reject != nil }
