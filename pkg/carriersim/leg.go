package carriersim

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/call"
)

// Spec describes a new leg.
type Spec struct {
	ID        string // the carrier's
	Parent    string // id of the leg that dialled this one
	Direction call.Direction
	From, To  string
	Rate      int // of the line, in hertz; 0 is 8000
	Person    Person
	Status    string // the first status
}

// Leg is one side of a call as the persona drives it: its Call, the person at
// the phone and the line between them and the carrier.
type Leg struct {
	*Call

	exchange *Exchange
	person   Person
	line     *line
	ctx      context.Context
	hangUp   context.CancelCauseFunc
	hung     atomic.Bool

	// Guarded by the call's mutex.
	onKey    func(digit string)
	tail     chan struct{} // closed when the callback queued last was delivered
	held     []letter      // out of turn, to be sent after the next
	finished bool
}

// hungUp is the cause of a leg's context: who ended it.
type hungUp string

func (h hungUp) Error() string { return "hung up by " + string(h) }

// NewLeg puts a call on the exchange. It fails only when the person's acts
// cannot be performed. The persona must end it with End and Finish.
func (x *Exchange) NewLeg(s Spec) (*Leg, error) {
	if s.Rate == 0 {
		s.Rate = 8000
	}
	acts, err := newActor(s.Person.Acts, s.Rate)
	if err != nil {
		return nil, fmt.Errorf("person at %s: %w", s.To, err)
	}
	x.mu.Lock()
	keep := x.keepAudio
	x.mu.Unlock()
	c := &Call{
		id: s.ID, parent: s.Parent, direction: s.Direction, from: s.From, to: s.To, rate: s.Rate,
		keep: audio.Samples(keep, s.Rate), status: s.Status,
		done: make(chan struct{}), changed: make(chan struct{}),
	}
	l := &Leg{Call: c, exchange: x, person: s.Person, tail: make(chan struct{})}
	close(l.tail)
	l.ctx, l.hangUp = context.WithCancelCause(x.ctx)
	l.line = newLine(l, acts)
	c.note("placed")
	x.addCall(c)
	return l, nil
}

// Context ends when somebody hangs up.
func (l *Leg) Context() context.Context { return l.ctx }

// Person is who sits at the phone.
func (l *Leg) Person() Person { return l.person }

// Note adds to the timeline; see the package comment for the words.
func (l *Leg) Note(format string, args ...any) { l.note(fmt.Sprintf(format, args...)) }

// Warn notes what a strict carrier would complain about.
func (l *Leg) Warn(format string, args ...any) { l.Note("warning "+format, args...) }

// SetStatus moves the call to a status in the carrier's words.
func (l *Leg) SetStatus(status string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = status
}

// Answer marks the call as answered, once, unless somebody has hung up. It
// reports whether this was the time.
func (l *Leg) Answer(billed bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.answered.IsZero() || l.hung.Load() {
		return false
	}
	l.answered, l.billed = time.Now(), billed
	l.noteLocked("answered")
	return true
}

// Hangup ends the leg. Who was first is the one who did; Hangup reports that.
func (l *Leg) Hangup(by string) bool {
	if !l.hung.CompareAndSwap(false, true) {
		return false
	}
	l.Note("hung up by %s", by)
	l.hangUp(hungUp(by))
	l.exchange.clock.remove(l.line)
	return true
}

// HungUpBy tells who ended the leg, "" while nobody did.
func (l *Leg) HungUpBy() string {
	var by hungUp
	switch cause := context.Cause(l.ctx); {
	case cause == nil:
		return ""
	case errors.As(cause, &by):
		return string(by)
	}
	return "carrier"
}

// End fixes the time and the final status of the call, once, and stops its
// media. The persona then notifies the gateway, and calls Finish.
func (l *Leg) End(status string) {
	l.hung.Store(true)
	l.hangUp(hungUp("carrier"))
	l.exchange.clock.remove(l.line)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended.IsZero() {
		l.ended, l.status = time.Now(), status
		l.noteLocked("ended " + status)
	}
}

// Finish closes Done. Callbacks that were held back go out; later ones are
// never held back.
func (l *Leg) Finish() {
	l.mu.Lock()
	if l.finished {
		l.mu.Unlock()
		return
	}
	l.finished = true
	late := l.held
	l.held = nil
	l.mu.Unlock()
	l.queue(late)
	close(l.done)
}

// RingPhone rings the person's phone until somebody picks up, refuses, ctx or
// the leg ends, or the limit is over. What is not Answers is final.
func (l *Leg) RingPhone(ctx context.Context, limit time.Duration) Outcome {
	outcome, wait := l.person.Outcome, l.person.Ring
	if outcome == NoAnswer || wait > limit {
		outcome, wait = NoAnswer, limit
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return outcome
	case <-ctx.Done():
	case <-l.ctx.Done():
	}
	return NoAnswer
}

// GiveUpAfterRing makes a person who calls hang up if nobody answers in time.
// The persona calls it once for a call to the account.
func (l *Leg) GiveUpAfterRing() {
	if l.person.Ring == 0 {
		return
	}
	l.exchange.Go(func(context.Context) {
		timer := time.NewTimer(l.person.Ring)
		defer timer.Stop()
		select {
		case <-timer.C:
			if !l.Answered() {
				l.Hangup("person")
			}
		case <-l.ctx.Done():
		}
	})
}

// OnKey says who is told of the keys that the person presses; nil is nobody.
// The function runs on the exchange's clock and must not block.
func (l *Leg) OnKey(f func(digit string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onKey = f
}

func (l *Leg) press(digit string) {
	l.Note("pressed %s", digit)
	l.mu.Lock()
	f := l.onKey
	l.mu.Unlock()
	if f != nil {
		f(digit)
	}
}

func (l *Leg) putDown() { l.Hangup("person") }

// HearKeys records keys that the gateway pressed towards the person.
func (l *Leg) HearKeys(digits string) {
	l.Note("digits %s", digits)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.digits.WriteString(digits)
}
