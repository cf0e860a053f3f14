package sweep

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// step is what may have to be done about a call.
type step int

// The steps.
const (
	nothing step = iota
	forget       // nothing will happen to it any more
	expire       // it was requested, and nobody dialled it in time
	find         // ask whether the dial happened
	lose         // ask for the last time, else its end is uncertain
	ask          // ask where its leg stands
	hangUp       // its leg showed up after its end
	price        // ask what it cost
)

func (s step) String() string {
	return [...]string{"nothing", "forget", "expire", "find", "lose", "ask", "hang up", "price"}[s]
}

// due decides what to do about a call now.
func (c *entry) due(now time.Time, t Times) step {
	ring := time.Duration(c.RingSeconds)*time.Second + t.Grace
	switch {
	case c.End != nil:
		return c.dueEnded(now, t)
	case c.Waiting():
		if now.After(c.Requested.ExpiresAt.Add(t.Grace)) {
			return expire
		}
	case c.Direction == call.Outbound && !c.Located() && c.AnsweredAt.IsZero():
		switch {
		case now.After(c.DialingAt.Add(ring)):
			return lose
		case c.InDoubt() && now.After(c.DialingAt.Add(t.Patience)) && now.After(c.next):
			return find
		}
	default:
		quiet := t.Quiet
		if c.Direction == call.Outbound && c.AnsweredAt.IsZero() {
			quiet = max(quiet, ring)
		}
		if now.After(c.seen.Add(quiet)) && now.After(c.next) {
			return ask
		}
	}
	return nothing
}

func (c *entry) dueEnded(now time.Time, t Times) step {
	since := now.Sub(c.EndedAt)
	switch {
	case c.Late() && since < t.MaxCall:
		return hangUp
	case !c.Located() && since < t.Late:
		// Its leg may still show up: by a callback, or when it is asked for.
		if c.End.Status == call.Uncertain && now.After(c.next) {
			return find
		}
		return nothing
	case c.unpriced(t, since):
		if since >= t.Cost[c.asked] {
			return price
		}
		return nothing
	}
	return forget
}

// unpriced reports whether the carrier is still to be asked what the call cost.
func (c *entry) unpriced(t Times, since time.Duration) bool {
	if c.Priced || c.unsold || c.AnsweredAt.IsZero() && c.End.Status != call.Completed {
		return false
	}
	// After a time away it is asked once where it should have been several times.
	for c.asked+1 < len(t.Cost) && since >= t.Cost[c.asked+1] {
		c.asked++
	}
	return c.asked < len(t.Cost) && since < t.Cost[len(t.Cost)-1]+t.Late
}
