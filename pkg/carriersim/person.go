package carriersim

import (
	"fmt"
	"time"
)

// Person is who sits at a phone and what they do. The zero Person picks up at
// once and listens in silence until the other side hangs up.
type Person struct {
	// Ring is how long the phone rings before somebody picks up. Of a person who
	// calls, it is how long they let it ring before they give up; 0 is for ever.
	Ring    time.Duration
	Outcome Outcome
	// Machine says that an answering machine picks up: the verdict of detection.
	Machine bool
	// Acts are done in order, from the moment at which there is something to
	// hear or somebody to talk to. After the last the person keeps listening.
	Acts []Act
}

// Outcome is what becomes of a ringing phone.
type Outcome int

// The outcomes. Unreachable is what ringing a number gives where no person is
// expected.
const (
	Answers Outcome = iota
	Busy
	NoAnswer
	Rejects
	Unreachable
)

// String returns the outcome in words.
func (o Outcome) String() string {
	names := [...]string{"answers", "busy", "no answer", "rejects", "unreachable"}
	if o < 0 || int(o) >= len(names) {
		return fmt.Sprintf("outcome %d", int(o))
	}
	return names[o]
}

// Act is one thing that a person does: Speak, Wait, WaitHeard, Press, Hangup.
// Each takes at least one frame.
type Act interface {
	// begin prepares the act for a line at a rate in hertz.
	begin(rate int) (step, error)
}

// Speak says recorded speech.
type Speak struct {
	PCM  []int16
	Rate int // hertz; 0 means the rate of the line
}

// Wait waits in silence.
type Wait struct{ For time.Duration }

// WaitHeard waits in silence until sound of at least Sound in all was heard
// since the act began, and after that Quiet without any. With a Quiet of zero
// it does not wait for the other side to finish, which is how to interrupt.
type WaitHeard struct{ Sound, Quiet time.Duration }

// Press presses keys: 0-9 * # A-D, 100 ms each with 100 ms between them; w is
// a pause of half a second.
type Press struct{ Digits string }

// Hangup puts the phone down.
type Hangup struct{}
