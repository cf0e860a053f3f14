package telnyx

import (
	"slices"
	"unicode/utf8"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Bounds of what is said and played.
const (
	maxSpeech = 3000 // characters
	maxLoop   = 100
)

// check returns the steps of an instruction up to the one that ends it, which
// is a hang-up where none is given. It refuses what Telnyx cannot do before
// anything is done.
func (d *driver) check(leg provider.Leg, in call.Instruction) ([]call.Step, error) {
	if err := in.Validate(); err != nil {
		return nil, &provider.Error{Kind: provider.KindInvalid, Err: err}
	}
	if leg.ID == "" || leg.CallID == "" {
		return nil, provider.Errorf(provider.KindInvalid, "leg has no id, or no call")
	}
	steps := slices.Clone(in.Steps)
	if end := slices.IndexFunc(steps, last); end >= 0 {
		steps = steps[:end+1]
	} else {
		steps = append(steps, call.Step{Hangup: &call.Hangup{}})
	}
	for i, s := range steps {
		var next call.Step
		if i+1 < len(steps) {
			next = steps[i+1]
		}
		if why := d.cannot(s, next); why != "" {
			return nil, provider.Errorf(provider.KindUnsupported, "step %d: %s: %s", i+1, s.Verb(), why)
		}
	}
	return steps, nil
}

// cannot says why Telnyx cannot carry out a step, "" when it can.
func (d *driver) cannot(s, next call.Step) string {
	switch {
	case s.Pause != nil:
		return "telnyx has no command that waits"
	case s.Redirect != nil:
		return "telnyx fetches no instructions"
	case s.Say != nil && utf8.RuneCountInString(s.Say.Text) > maxSpeech:
		return "telnyx speaks 3000 characters at most"
	case s.Play != nil && s.Play.Loop > maxLoop:
		return "telnyx plays a file 100 times at most"
	case s.SendDigits != nil && last(next):
		return "telnyx does not tell when the digits are over, and a hang-up would cut them off"
	case s.Stream != nil && d.format(s.Stream) == media.Format{}:
		return "telnyx has no such audio format"
	case s.Dial != nil:
		return cannotDial(s.Dial)
	case s.Conference != nil && !last(next):
		return "telnyx does not tell each leg when it has left the room, so nothing can follow"
	}
	return ""
}

func cannotDial(c *call.Dial) string {
	switch {
	case len(c.Targets) > 1:
		return "telnyx transfers a call to one number, not to several"
	case c.AnswerOnBridge:
		return "telnyx answers a call before it transfers it"
	case c.ActionURL != "":
		return "telnyx asks nobody what comes next: put it into the steps that follow"
	}
	return cannotLimit(c.LimitSeconds)
}

// format is what a stream shall carry, both ways; zero for what Telnyx cannot.
func (d *driver) format(s *call.Stream) media.Format {
	return wanted(media.Format{Encoding: media.Encoding(s.Encoding), Rate: s.Rate}, d.stream)
}
