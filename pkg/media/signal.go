package media

import (
	"errors"
	"fmt"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/strict"
)

// Signal is what a media node tells the agent, beside the audio. Exactly one
// field is set; its JSON name says which.
type Signal struct {
	Started *Started `json:"started,omitempty"`
	DTMF    *DTMF    `json:"dtmf,omitempty"`
	Mark    *Mark    `json:"mark,omitempty"`
	Cleared *Cleared `json:"cleared,omitempty"`
	Stopped *Stopped `json:"stopped,omitempty"`
}

// Started opens the conversation. Audio of Format follows in both directions.
type Started struct {
	StreamID    string            `json:"stream_id"`
	Org         string            `json:"org"`
	Call        string            `json:"call_id"`
	Application string            `json:"application"`
	Direction   call.Direction    `json:"direction"`
	From        string            `json:"from,omitempty"`
	To          string            `json:"to,omitempty"`
	Provider    string            `json:"provider"`
	Trunk       string            `json:"trunk"`
	Format      Format            `json:"format"` // of the audio both ways
	Variables   map[string]string `json:"variables,omitempty"`
}

// DTMF is a key that the other side pressed.
type DTMF struct {
	Digit      string `json:"digit"`
	DurationMS int    `json:"duration_ms,omitempty"`
}

// Mark is the echo of a mark: the other side heard everything before it, or,
// if Cleared, the audio before it was dropped.
type Mark struct {
	Name    string `json:"name"`
	Cleared bool   `json:"cleared,omitempty"`
}

// Cleared answers a Clear.
type Cleared struct {
	HeardMS   int64 `json:"heard_ms"`   // of the agent's audio since the stream started, what was played out
	DroppedMS int64 `json:"dropped_ms"` // what was dropped
}

// Stopped ends the conversation.
type Stopped struct {
	Reason string `json:"reason"` // stop, closed, hangup, drained, error
}

// Control is what an agent asks of the media node, beside its audio. Exactly
// one field is set; its JSON name says which.
type Control struct {
	Play  *Play        `json:"play,omitempty"`
	Clear *Clear       `json:"clear,omitempty"`
	Mark  *MarkControl `json:"mark,omitempty"`
	DTMF  *DTMFControl `json:"dtmf,omitempty"`
}

// Play plays a prompt of the media node's own, in the order of the audio.
type Play struct {
	Prompt string `json:"prompt"` // an id: the file's name without its ending, in the node's prompt folder
}

// Clear drops the agent's audio that was not played yet. It is the answer to
// barge-in.
type Clear struct{}

// MarkControl sets a mark after the audio sent so far; it comes back as a
// signal when the other side has heard that audio.
type MarkControl struct {
	Name string `json:"name"`
}

// DTMFControl presses keys towards the other side, where the carrier can.
type DTMFControl struct {
	Digits string `json:"digits"`
}

// DecodeControl reads a control strictly: an unknown field is refused by name,
// and so is a control that cannot be carried out.
func DecodeControl(doc []byte) (Control, error) {
	var c Control
	if err := strict.Decode(doc, &c); err != nil {
		return Control{}, fmt.Errorf("media control: %w", err)
	}
	set := 0
	for _, is := range []bool{c.Play != nil, c.Clear != nil, c.Mark != nil, c.DTMF != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return Control{}, fmt.Errorf("media control has %d of play, clear, mark, dtmf; want exactly one", set)
	}
	return c, c.validate()
}

func (c Control) validate() error {
	switch {
	case c.Play != nil && !call.ValidID(c.Play.Prompt):
		return fmt.Errorf("media control: %w", call.CheckID("prompt", c.Play.Prompt))
	case c.Mark != nil && c.Mark.Name == "":
		return errors.New("media control: the mark's name is empty")
	case c.DTMF != nil && !call.ValidDigits(c.DTMF.Digits):
		return fmt.Errorf("media control: digits %q: want 0-9 * # A-D w", c.DTMF.Digits)
	}
	return nil
}

// Offer asks whether an agent takes a call. It is a request on the
// application's offer subject; an agent that takes it replies with an Accept.
type Offer struct {
	Org         string            `json:"org"`
	Call        string            `json:"call_id"`
	Application string            `json:"application"`
	Direction   call.Direction    `json:"direction"`
	From        string            `json:"from,omitempty"`
	To          string            `json:"to,omitempty"`
	Variables   map[string]string `json:"variables,omitempty"`
	Format      Format            `json:"format"`
}

// Accept answers an offer.
type Accept struct {
	Accept bool   `json:"accept"`
	Agent  string `json:"agent,omitempty"`  // what the agent calls itself
	Reason string `json:"reason,omitempty"` // why not
}
