package sweep

import (
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/services/callctl/internal/budget"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
)

// book holds the calls that are in progress, and for a while those that are over.
type book struct {
	times   Times
	endings chan struct{} // there are calls that ended
	late    chan struct{} // there is a leg that showed up too late

	mu     sync.Mutex
	began  time.Time // of reading
	whole  bool      // everything that was recorded before is read
	calls  map[string]*entry
	beats  map[string]time.Time // newest heartbeat of a call
	ending []event.State
}

// entry is one call.
type entry struct {
	ledger.Call
	seen   time.Time // newest sign of life
	next   time.Time // the carrier is not asked before
	asked  int       // how often it was asked for the cost
	unsold bool      // it is no use to ask for the cost
	busy   bool      // something is being done about it
}

// task is something to do about a call.
type task struct {
	step step
	call ledger.Call // a copy
	key  string
	// Set by whoever did it:
	rest   time.Duration // before the carrier is asked again
	unsold bool          // it is no use to ask for the cost
}

func newBook(t Times) *book {
	b := &book{times: t, endings: make(chan struct{}, 1), late: make(chan struct{}, 1), beats: map[string]time.Time{}}
	b.reset()
	return b
}

// reset forgets all, before the log is read from its start.
func (b *book) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.began, b.whole, b.calls, b.ending = time.Now(), false, map[string]*entry{}, nil
}

func (b *book) caughtUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.whole = true
}

// add takes one fact into account.
func (b *book) add(e *event.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := subject.LiveKey(e.Org, e.Call)
	c := b.calls[key]
	if c == nil {
		switch e.Data.(type) {
		case event.CallRequested, event.CallReceived:
		default:
			return nil // a late word about a call that was forgotten
		}
		c = new(entry)
		b.calls[key] = c
	}
	before := c.End
	c.Add(e)
	fresh := b.whole || e.Time.After(b.began.Add(-budget.Lease)) // what ended earlier holds nothing any more
	c.seen = later(c.seen, earlier(e.Time, time.Now()))          // a carrier's clock may be ahead
	if before == nil && c.End != nil && fresh {
		b.ending = append(b.ending, c.State)
		signal(b.endings)
	}
	if c.Late() {
		signal(b.late)
	}
	return nil
}

// beat takes one heartbeat into account.
func (b *book) beat(key string, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.beats[key] = at
}

// takeEnded returns the calls that ended since it was asked before.
func (b *book) takeEnded() []event.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.ending
	b.ending = nil
	return list
}

// running returns the calls that occupy a line of their trunk.
func (b *book) running() []event.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []event.State
	for _, c := range b.calls {
		if c.End == nil && !c.Waiting() {
			list = append(list, c.State)
		}
	}
	return list
}

// rival reports whether another call is being dialled to the same number: a leg
// that the carrier has there may be that call's.
func (b *book) rival(c *ledger.Call) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, other := range b.calls {
		if other.InDoubt() && other.Call.Call != c.Call && other.Org == c.Org && other.Trunk == c.Trunk && other.To == c.To {
			return true
		}
	}
	return false
}

// due returns what is to be done now, and marks those calls as busy.
func (b *book) due(now time.Time) []*task {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.whole {
		return nil
	}
	var list []*task
	for key, c := range b.calls {
		c.seen = later(c.seen, b.beats[key])
		if c.busy {
			continue
		}
		switch s := c.due(now, b.times); s {
		case nothing:
		case forget:
			delete(b.calls, key)
		default:
			c.busy = true
			list = append(list, &task{step: s, call: c.Call, key: key})
		}
	}
	for key, at := range b.beats {
		if now.Sub(at) > bus.LiveAge {
			delete(b.beats, key)
		}
	}
	return list
}

// done takes a call back after something was done about it.
func (b *book) done(t *task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.calls[t.key]
	if c == nil {
		return
	}
	c.busy, c.next = false, time.Now().Add(t.rest)
	c.unsold = c.unsold || t.unsold
	if t.step == price {
		c.asked++
	}
}

// signal wakes whoever waits, or leaves word that there is something.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
