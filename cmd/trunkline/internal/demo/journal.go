package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
)

// journal follows the event log, sorts its facts by call, and shows them.
type journal struct {
	live  io.Writer // may be nil
	width int       // of a carrier's name

	mu    sync.Mutex
	calls []*timeline
	stray []string
}

// timeline is what happened to one call. Its fields are guarded by the journal.
type timeline struct {
	journal   *journal
	trunk     string
	direction call.Direction
	began     time.Time
	callID    string // "" until the call is received
	entries   []Entry
	changed   chan struct{} // closed and replaced at each new entry
}

// Entry is one fact in a call's timeline.
type Entry struct {
	MS     int64  `json:"ms"` // since the call began, when the fact reached its reader
	Type   string `json:"type"`
	Detail string `json:"detail,omitempty"`

	fact event.Fact
}

func newJournal(live io.Writer, chosen []persona) *journal {
	j := &journal{live: live}
	for _, p := range chosen {
		j.width = max(j.width, len(p.name))
	}
	return j
}

// begin opens the timeline of a call that is about to be placed.
func (j *journal) begin(trunk string, d call.Direction, callID string) *timeline {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := &timeline{journal: j, trunk: trunk, direction: d, callID: callID, began: time.Now(), changed: make(chan struct{})}
	j.calls = append(j.calls, t)
	return t
}

// add takes a fact from the log.
func (j *journal) add(e *event.Event) error {
	now := time.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.timelineOf(e)
	if t == nil {
		j.stray = append(j.stray, fmt.Sprintf("%s of call %s, which nobody placed", e.Data.Type(), e.Call))
		return nil
	}
	entry := Entry{now.Sub(t.began).Milliseconds(), e.Data.Type(), detail(e), e.Data}
	t.entries = append(t.entries, entry)
	close(t.changed)
	t.changed = make(chan struct{})
	j.show(t, now, "trunkline", entry.Type, entry.Detail)
	return nil
}

// timelineOf finds the call of a fact. An inbound call gets its id with the
// first fact: on a trunk, calls are placed one after the other.
func (j *journal) timelineOf(e *event.Event) *timeline {
	for _, t := range j.calls {
		if t.callID == e.Call {
			return t
		}
	}
	if _, received := e.Data.(event.CallReceived); received {
		for _, t := range j.calls {
			if t.callID == "" && t.trunk == e.Trunk {
				t.callID = e.Call
				return t
			}
		}
	}
	return nil
}

// strays are facts of calls that nobody placed.
func (j *journal) strays() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.stray)
}

// note shows what somebody other than Trunkline saw of a call.
func (t *timeline) note(at time.Time, who, what, detail string) {
	t.journal.mu.Lock()
	defer t.journal.mu.Unlock()
	t.journal.show(t, at, who, what, detail)
}

// facts returns the call's id and its facts so far.
func (t *timeline) facts() (callID string, entries []Entry) {
	t.journal.mu.Lock()
	defer t.journal.mu.Unlock()
	return t.callID, slices.Clone(t.entries)
}

// await waits until one of the types is recorded, and reports whether it is.
func (t *timeline) await(ctx context.Context, types ...string) bool {
	for {
		t.journal.mu.Lock()
		seen := slices.ContainsFunc(t.entries, func(e Entry) bool { return slices.Contains(types, e.Type) })
		changed := t.changed
		t.journal.mu.Unlock()
		if seen {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
