package telnyx

import (
	"fmt"

	"github.com/trunkline-io/trunkline/pkg/media"
)

const (
	// window is how many messages are waited for one that is missing: 100 ms,
	// as they usually come.
	window = 5
	// restart is how far back a number lies that cannot be a late one: the
	// carrier counts anew.
	restart = 64
)

// track puts the audio of one track into its order. Messages that come twice,
// or after they were given up, are dropped.
type track struct {
	next int64 // number of the next message; 0 before the first
	held [window]held
}

// held is a message that came too early.
type held struct {
	chunk int64 // 0: there is none
	event media.Event
	audio []byte // the event's, kept for reuse
}

// add appends to out what can be heard now that a message has come. One without
// a number is heard at once.
func (t *track) add(chunk int64, e media.Event, out []media.Event) []media.Event {
	switch {
	case chunk <= 0:
		return append(out, e)
	case t.next == 0 && chunk <= window: // the ones before it may be on their way
		t.next = 1
	case t.next == 0, chunk < t.next-restart:
		t.next = chunk
		clear(t.held[:])
	}
	switch {
	case chunk < t.next, t.holds(chunk):
		return out
	case chunk == t.next:
		t.next++
		return t.release(append(out, e))
	}
	if t.hold(chunk, e) {
		return out
	}
	return t.skip(out)
}

func (t *track) holds(chunk int64) bool {
	for i := range t.held {
		if t.held[i].chunk == chunk {
			return true
		}
	}
	return false
}

// hold keeps a message, and reports whether there is room for another one.
func (t *track) hold(chunk int64, e media.Event) bool {
	for i := range t.held {
		if h := &t.held[i]; h.chunk == 0 {
			h.audio = append(h.audio[:0], e.Audio...)
			h.chunk, h.event = chunk, e
			h.event.Audio = h.audio
			break
		}
	}
	return t.holds(0)
}

// release appends the held messages that follow without a gap.
func (t *track) release(out []media.Event) []media.Event {
	for i := 0; i < len(t.held); i++ {
		if h := &t.held[i]; h.chunk == t.next {
			out = append(out, h.event) // its audio stays until the next message is held
			h.chunk = 0
			t.next++
			i = -1
		}
	}
	return out
}

// skip gives up what is missing before the held messages.
func (t *track) skip(out []media.Event) []media.Event {
	first := t.first()
	out = append(out, warning(fmt.Sprintf("messages of audio that are missing: %d", first-t.next)))
	t.next = first
	return t.release(out)
}

// first is the lowest number that is held, 0 when nothing is.
func (t *track) first() (first int64) {
	for i := range t.held {
		if c := t.held[i].chunk; c != 0 && (first == 0 || c < first) {
			first = c
		}
	}
	return first
}

// flush appends all that is held.
func (t *track) flush(out []media.Event) []media.Event {
	for t.first() > 0 {
		out = t.skip(out)
	}
	return out
}
