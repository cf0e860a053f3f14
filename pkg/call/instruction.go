package call

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Instruction is what a carrier shall do with a call, step by step. A provider
// renders it into its markup, or drives it over REST. It is also part of the
// contract: commands and applications carry instructions as JSON.
type Instruction struct {
	Steps []Step `json:"steps"`
}

// Step is one step of an instruction; exactly one field is set.
type Step struct {
	Say        *Say        `json:"say,omitempty"`
	Play       *Play       `json:"play,omitempty"`
	Pause      *Pause      `json:"pause,omitempty"`
	SendDigits *SendDigits `json:"send_digits,omitempty"`
	Stream     *Stream     `json:"stream,omitempty"`
	Dial       *Dial       `json:"dial,omitempty"`
	Conference *Conference `json:"conference,omitempty"`
	Redirect   *Redirect   `json:"redirect,omitempty"`
	Reject     *Reject     `json:"reject,omitempty"`
	Hangup     *Hangup     `json:"hangup,omitempty"`
}

// Say speaks text with the carrier's own voice.
type Say struct {
	Text     string `json:"text"`
	Language string `json:"language,omitempty"` // BCP 47, the carrier's default when empty
	Voice    string `json:"voice,omitempty"`    // the carrier's name of a voice
}

// Play plays an audio file that the carrier fetches.
type Play struct {
	URL  string `json:"url"`
	Loop int    `json:"loop,omitempty"` // times to play; 0 means once
}

// Pause waits. As the first step of an inbound call it delays the answer.
type Pause struct {
	Seconds int `json:"seconds"`
}

// SendDigits plays DTMF to the other side: 0-9 * # A-D, w for half a second.
type SendDigits struct {
	Digits string `json:"digits"`
}

// Stream opens the media stream that joins the leg to its agent, both ways,
// and holds the leg until the stream ends.
type Stream struct {
	URL       string            `json:"url"` // wss://, the capability is in the path
	StreamID  string            `json:"stream_id"`
	StatusURL string            `json:"status_url,omitempty"`
	Encoding  string            `json:"encoding,omitempty"` // wanted of the carrier; see media.Format
	Rate      int               `json:"rate,omitempty"`     // Hz
	Params    map[string]string `json:"params,omitempty"`   // echoed in the stream's start
}

// Dial joins the leg with one or more others.
type Dial struct {
	Targets        []string `json:"targets"` // E.164 numbers or SIP URIs, rung at once
	CallerID       string   `json:"caller_id,omitempty"`
	RingSeconds    int      `json:"ring_seconds,omitempty"`
	LimitSeconds   int      `json:"limit_seconds,omitempty"`
	AnswerOnBridge bool     `json:"answer_on_bridge,omitempty"` // leave an unanswered caller ringing meanwhile
	ActionURL      string   `json:"action_url,omitempty"`       // told the outcome, answers with what comes next
	StatusURL      string   `json:"status_url,omitempty"`       // told the progress of the dialled leg
}

// Conference puts the leg into a named room.
type Conference struct {
	Name         string `json:"name"`
	StartOnEnter bool   `json:"start_on_enter,omitempty"`
	EndOnExit    bool   `json:"end_on_exit,omitempty"`
	Label        string `json:"label,omitempty"`
	StatusURL    string `json:"status_url,omitempty"`
}

// Redirect makes the carrier fetch its next instruction elsewhere.
type Redirect struct {
	URL string `json:"url"`
}

// Reject refuses a call that was not answered, unbilled where the carrier can.
type Reject struct {
	Busy bool `json:"busy,omitempty"` // busy tone instead of "rejected"
}

// Hangup ends the call.
type Hangup struct{}

// Validate returns an error that names the first step that is wrong.
func (in Instruction) Validate() error {
	if len(in.Steps) == 0 {
		return errors.New("instruction has no steps")
	}
	for i, s := range in.Steps {
		if err := s.validate(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// Verb returns the JSON name of the field that is set, "" when none is.
func (s Step) Verb() string {
	verb, _ := s.verb()
	return verb
}

func (s Step) verb() (name string, set int) {
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"say", s.Say != nil}, {"play", s.Play != nil}, {"pause", s.Pause != nil},
		{"send_digits", s.SendDigits != nil}, {"stream", s.Stream != nil}, {"dial", s.Dial != nil},
		{"conference", s.Conference != nil}, {"redirect", s.Redirect != nil},
		{"reject", s.Reject != nil}, {"hangup", s.Hangup != nil},
	} {
		if f.set {
			name = f.name
			set++
		}
	}
	return name, set
}

func (s Step) validate() error {
	verb, set := s.verb()
	if set != 1 {
		return fmt.Errorf("has %d verbs, want exactly one", set)
	}
	var err error
	switch {
	case s.Say != nil && s.Say.Text == "":
		err = errors.New("text is empty")
	case s.Play != nil && s.Play.Loop < 0:
		err = errors.New("loop is below zero")
	case s.Play != nil:
		err = absolute(s.Play.URL)
	case s.Pause != nil && s.Pause.Seconds <= 0:
		err = errors.New("seconds must be above zero")
	case s.SendDigits != nil && !ValidDigits(s.SendDigits.Digits):
		err = fmt.Errorf("digits %q: want 0-9 * # A-D w", s.SendDigits.Digits)
	case s.Stream != nil:
		err = absolute(s.Stream.URL)
	case s.Dial != nil && (len(s.Dial.Targets) == 0 || slices.Contains(s.Dial.Targets, "")):
		err = errors.New("targets are empty")
	case s.Dial != nil && (s.Dial.RingSeconds < 0 || s.Dial.LimitSeconds < 0):
		err = errors.New("ring_seconds or limit_seconds is below zero")
	case s.Conference != nil && s.Conference.Name == "":
		err = errors.New("name is empty")
	case s.Redirect != nil:
		err = absolute(s.Redirect.URL)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// ValidDigits reports whether digits can be pressed: at least one of 0-9 * #
// A-D, and w for a wait of half a second.
func ValidDigits(digits string) bool {
	return digits != "" && strings.Trim(digits, "0123456789*#ABCDw") == ""
}

func absolute(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return fmt.Errorf("url %q is not absolute", raw)
	}
	return nil
}

// Fallback returns whether an instruction needs nothing of Trunkline, so that
// it can be given while NATS is away: say, play, pause, dial, reject, hang up.
func (in Instruction) Fallback() bool {
	for _, s := range in.Steps {
		if s.Stream != nil || s.Redirect != nil || s.Conference != nil {
			return false
		}
	}
	return true
}

// Spoken is the instruction that says text and hangs up.
func Spoken(text string) Instruction {
	return Instruction{Steps: []Step{{Say: &Say{Text: text}}, {Hangup: &Hangup{}}}}
}

// Seconds rounds a duration up to whole seconds, the unit carriers take.
func Seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
