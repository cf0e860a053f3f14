package vonage

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Limits of the actions of an NCCO.
const (
	maxText    = 1500 // characters of a talk
	maxSeconds = 7200 // of a wait, of ringing and of a dialled leg
	minRing    = 3    // seconds
	maxHeaders = 512  // bytes of a media socket's headers, as JSON
)

// ncco is a call control object: a list of actions, after which the call ends.
// There is no action for a hang-up.
type ncco []any

// Render implements provider.WebhookReceiver.
func (d *driver) Render(in call.Instruction, n *provider.Notice) (provider.Response, error) {
	if len(in.Steps) == 0 {
		if n.Kind != provider.InboundCall && n.Kind != provider.Answer {
			return provider.Response{Status: http.StatusNoContent}, nil
		}
		// A caller who waits must hear something of an answer without one.
		in.Steps = []call.Step{{Reject: &call.Reject{}}}
	}
	at := scene{leg: n.LegID, ringing: n.Kind == provider.InboundCall, number: n.From}
	if n.Direction == call.Inbound {
		at.number = n.To
	}
	actions, err := d.render(in, at)
	if err != nil {
		return provider.Response{}, err
	}
	doc, err := json.Marshal(actions)
	if err != nil {
		return provider.Response{}, &provider.Error{Kind: provider.KindInternal, Err: err}
	}
	return provider.Response{Status: http.StatusOK, ContentType: "application/json", Body: doc}, nil
}

// scene is where an instruction is given.
type scene struct {
	leg     string // "" where not known
	number  string // the trunk's side of the call, "" where not known
	ringing bool   // the call was not answered
}

// render writes an instruction as an NCCO. What follows a hang-up is left out.
func (d *driver) render(in call.Instruction, at scene) (ncco, error) {
	if err := in.Validate(); err != nil {
		return nil, &provider.Error{Kind: provider.KindInvalid, Err: err}
	}
	doc := ncco{}
	for i, step := range in.Steps {
		if step.Hangup != nil || step.Reject != nil {
			break
		}
		action, err := d.action(step, at)
		if err != nil {
			return nil, &provider.Error{Kind: provider.KindOf(err), Err: fmt.Errorf("step %d: %s: %w", i+1, step.Verb(), errors.Unwrap(err))}
		}
		doc = append(doc, action)
	}
	if len(doc) == 0 && !at.ringing {
		// To the events that may be answered with actions, none means that the
		// call goes on with those it has. A moment of silence ends it.
		doc = append(doc, wait{"wait", 0.1})
	}
	return doc, nil
}

func (d *driver) action(step call.Step, at scene) (any, error) {
	switch {
	case step.Say != nil:
		return say(step.Say)
	case step.Play != nil:
		return stream{"stream", []string{step.Play.URL}, step.Play.Loop}, nil
	case step.Pause != nil:
		if step.Pause.Seconds > maxSeconds {
			return nil, provider.Errorf(provider.KindInvalid, "vonage waits at most %d seconds", maxSeconds)
		}
		return wait{"wait", float64(step.Pause.Seconds)}, nil
	case step.Stream != nil:
		return join(step.Stream, at)
	case step.Dial != nil:
		return d.dial(step.Dial, at)
	case step.Conference != nil: // a room has no label for a leg, and reports nothing
		return conversation{"conversation", step.Conference.Name, step.Conference.StartOnEnter, step.Conference.EndOnExit}, nil
	case step.Redirect != nil: // the one action whose answer is the next NCCO
		return notify{"notify", map[string]string{"redirect": "next"}, []string{step.Redirect.URL}, http.MethodPost}, nil
	}
	return nil, provider.Errorf(provider.KindUnsupported, "vonage has no action for it")
}

// The actions.
type (
	talk struct {
		Action   string `json:"action"`
		Text     string `json:"text"`
		Language string `json:"language,omitempty"`
		Style    *int   `json:"style,omitempty"`
	}
	stream struct {
		Action string   `json:"action"`
		URL    []string `json:"streamUrl"`
		Loop   int      `json:"loop,omitempty"` // once when left out; 0 would be for ever
	}
	wait struct {
		Action  string  `json:"action"`
		Timeout float64 `json:"timeout"` // seconds
	}
	conversation struct {
		Action       string `json:"action"`
		Name         string `json:"name"`
		StartOnEnter bool   `json:"startOnEnter"`
		EndOnExit    bool   `json:"endOnExit"`
	}
	notify struct {
		Action      string            `json:"action"`
		Payload     map[string]string `json:"payload"`
		EventURL    []string          `json:"eventUrl"`
		EventMethod string            `json:"eventMethod"`
	}
	connect struct {
		Action      string     `json:"action"`
		From        string     `json:"from,omitempty"`
		AnyNumber   bool       `json:"randomFromNumber,omitempty"` // instead of From
		Timeout     int        `json:"timeout,omitempty"`          // seconds to ring
		Limit       int        `json:"limit,omitempty"`            // seconds to talk
		EventType   string     `json:"eventType,omitempty"`
		EventURL    []string   `json:"eventUrl,omitempty"`
		EventMethod string     `json:"eventMethod,omitempty"`
		Endpoint    []endpoint `json:"endpoint"`
	}
)

// endpoint is one side of a call.
type endpoint struct {
	Type          string            `json:"type"`
	Number        text              `json:"number,omitempty"`
	URI           string            `json:"uri,omitempty"`
	DTMFAnswer    string            `json:"dtmfAnswer,omitempty"`
	ContentType   string            `json:"content-type,omitempty"`
	Headers       map[string]string `json:"headers,omitempty"`
	Authorization *authorization    `json:"authorization,omitempty"`
}

type authorization struct {
	Type string `json:"type"`
}

// The types of endpoints.
const (
	phoneType  = "phone"
	sipType    = "sip"
	socketType = "websocket"
)

var e164 = regexp.MustCompile(`^\+?[1-9][0-9]{6,14}$`)

func phoneOrSIP(target string) (endpoint, error) {
	switch {
	case strings.HasPrefix(target, "sip:"), strings.HasPrefix(target, "sips:"):
		return endpoint{Type: sipType, URI: target}, nil
	case e164.MatchString(target):
		return endpoint{Type: phoneType, Number: text(wire(target))}, nil
	}
	return endpoint{}, provider.Errorf(provider.KindInvalid, "vonage calls numbers in E.164 form and SIP URIs")
}

// is reports whether a leg goes to, or comes from, a target.
func (e endpoint) is(target string) bool {
	return e.Type == phoneType && string(e.Number) == wire(target) || e.Type == sipType && e.URI == target
}

// say speaks text. The voices of a language are numbered.
func say(s *call.Say) (any, error) {
	if len([]rune(s.Text)) > maxText {
		return nil, provider.Errorf(provider.KindInvalid, "text is longer than %d characters", maxText)
	}
	t := talk{Action: "talk", Text: s.Text, Language: s.Language}
	if s.Voice != "" {
		style, err := strconv.Atoi(s.Voice)
		if err != nil || style < 0 {
			return nil, provider.Errorf(provider.KindInvalid, "voice %.20q: vonage numbers the voices of a language from 0", s.Voice)
		}
		t.Style = &style
	}
	return t, nil
}

// legHeader is the header by which a media socket says whose it is: Vonage
// itself does not say.
const legHeader = "uuid"

// join connects the leg with a media socket. The event URL is told of the
// socket's own leg, synchronously, as a refused one is not told otherwise.
func join(s *call.Stream, at scene) (any, error) {
	f := media.Format{Encoding: cmp.Or(media.Encoding(s.Encoding), usual.Encoding), Rate: cmp.Or(s.Rate, usual.Rate)}
	if !speaks(f) {
		return nil, provider.Errorf(provider.KindUnsupported, "vonage carries l16 at 8000, 16000 or 24000 Hz, not %s", f)
	}
	headers := maps.Clone(s.Params)
	if at.leg != "" {
		if headers == nil {
			headers = map[string]string{}
		}
		headers[legHeader] = at.leg
	}
	if doc, err := json.Marshal(headers); err != nil || len(headers) > 0 && len(doc) > maxHeaders {
		return nil, provider.Errorf(provider.KindInvalid, "params are longer than %d bytes", maxHeaders)
	}
	c := connect{Action: "connect", From: wire(at.number), Endpoint: []endpoint{{
		Type: socketType, URI: s.URL, ContentType: contentType(f), Headers: headers, Authorization: &authorization{"vonage"},
	}}}
	c.report(s.StatusURL, true)
	return c, nil
}

// dial connects the leg with another one. Vonage rings one at a time.
func (d *driver) dial(s *call.Dial, at scene) (any, error) {
	if len(s.Targets) > 1 {
		return nil, provider.Errorf(provider.KindUnsupported, "vonage rings one target at a time")
	}
	to, err := phoneOrSIP(s.Targets[0])
	if err != nil {
		return nil, err
	}
	c := connect{Action: "connect", From: wire(cmp.Or(s.CallerID, at.number, d.callerID)), Endpoint: []endpoint{to}}
	c.AnyNumber = c.From == ""
	if s.RingSeconds > 0 {
		c.Timeout = min(max(s.RingSeconds, minRing), maxSeconds)
	}
	c.Limit = min(s.LimitSeconds, maxSeconds)
	// One URL is told both progress and outcome.
	c.report(cmp.Or(s.ActionURL, s.StatusURL), s.ActionURL != "")
	return c, nil
}

// report names the URL that is told of the new leg. A synchronous one may
// answer with what comes next.
func (c *connect) report(url string, synchronous bool) {
	if url == "" {
		return
	}
	c.EventURL, c.EventMethod = []string{url}, http.MethodPost
	if synchronous {
		c.EventType = "synchronous"
	}
}
