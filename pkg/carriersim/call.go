package carriersim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// Call is one leg as somebody who watches the carrier sees it. All methods are
// safe for concurrent use and may be called while the call runs.
type Call struct {
	id, from, to string
	parent       string
	direction    call.Direction
	rate         int
	keep         int // samples of audio to keep per direction

	done chan struct{}

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced at each new entry
	timeline    []Entry
	status      string
	answered    time.Time
	ended       time.Time
	billed      bool
	digits      strings.Builder
	said, heard []int16
	socket      *Socket
}

// Entry is something that happened to a call.
type Entry struct {
	At   time.Time
	What string
}

// ID is the carrier's own id of the leg.
func (c *Call) ID() string { return c.id }

// Parent is the id of the leg that dialled this one, "" where none did.
func (c *Call) Parent() string { return c.parent }

// Direction is the direction as seen from the account.
func (c *Call) Direction() call.Direction { return c.direction }

// From is the caller, as the carrier writes it.
func (c *Call) From() string { return c.from }

// To is the callee, as the carrier writes it.
func (c *Call) To() string { return c.to }

// Rate is the sample rate of Heard and Said, in hertz.
func (c *Call) Rate() int { return c.rate }

// Done is closed when the call is over and its status is final. Webhooks may
// still be under way.
func (c *Call) Done() <-chan struct{} { return c.done }

// Status is the status now, in the carrier's words.
func (c *Call) Status() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// AnsweredAt is when the call was answered, the zero time if it was not.
func (c *Call) AnsweredAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answered
}

// Answered reports whether the call was answered.
func (c *Call) Answered() bool { return !c.AnsweredAt().IsZero() }

// Billed reports whether the carrier charges for the call.
func (c *Call) Billed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.billed
}

// EndedAt is when the call ended, the zero time while it runs.
func (c *Call) EndedAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Duration is how long the call has been or was answered.
func (c *Call) Duration() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.answered.IsZero():
		return 0
	case c.ended.IsZero():
		return time.Since(c.answered)
	}
	return c.ended.Sub(c.answered)
}

// Digits are the keys that the gateway pressed towards the person.
func (c *Call) Digits() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.digits.String()
}

// Said is what the person said since the media started, silence included.
func (c *Call) Said() []int16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int16(nil), c.said...)
}

// Heard is what the person heard, in the order and at the time at which it was
// played to them, silence where nothing was. Sample n of Heard and sample n of
// Said belong to the same moment.
func (c *Call) Heard() []int16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]int16(nil), c.heard...)
}

// Timeline returns what happened so far.
func (c *Call) Timeline() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Entry(nil), c.timeline...)
}

// Saw reports whether an entry of the timeline begins with what.
func (c *Call) Saw(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.saw(what)
}

func (c *Call) saw(what string) bool {
	for _, e := range c.timeline {
		if strings.HasPrefix(e.What, what) {
			return true
		}
	}
	return false
}

// Await waits until an entry of the timeline begins with what.
func (c *Call) Await(ctx context.Context, what string) error {
	for {
		c.mu.Lock()
		seen, changed := c.saw(what), c.changed
		c.mu.Unlock()
		if seen {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("call %s: wait for %q: %w; it saw:\n%s", c.id, what, ctx.Err(), c)
		}
	}
}

// CutMedia severs the call's media socket without a close frame, and reports
// whether there was one.
func (c *Call) CutMedia() bool {
	c.mu.Lock()
	socket := c.socket
	c.mu.Unlock()
	if socket == nil {
		return false
	}
	socket.Cut()
	return true
}

// String prints the timeline, one entry a line, with times since the first.
func (c *Call) String() string {
	var b strings.Builder
	entries := c.Timeline()
	for _, e := range entries {
		fmt.Fprintf(&b, "%8.3fs %s\n", e.At.Sub(entries[0].At).Seconds(), e.What)
	}
	return b.String()
}

func (c *Call) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteLocked(what)
}

func (c *Call) noteLocked(what string) {
	c.timeline = append(c.timeline, Entry{time.Now(), what})
	close(c.changed)
	c.changed = make(chan struct{})
}

// record keeps one frame of both directions, as long as there is room and the
// call has not ended.
func (c *Call) record(said, heard []int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := min(len(said), c.keep-len(c.said)); n > 0 && c.ended.IsZero() {
		c.said = append(c.said, said[:n]...)
		c.heard = append(c.heard, heard[:n]...)
	}
}
