package jsonstream

import (
	"slices"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// maxMarks bounds the marks that are waited for. Beyond it the oldest is
// forgotten: should it come back after a clear, it passes for heard.
const maxMarks = 256

// Marks remembers the marks that were set at a carrier which returns all of
// them, after a clear too, without saying why. Its zero value is ready for use.
type Marks struct {
	names   []string // set and not returned, in order
	cleared int      // how many of them were set before the last clear
}

// Set notes that a mark was set. Names may repeat.
func (m *Marks) Set(name string) {
	if len(m.names) == maxMarks {
		m.forget(0)
	}
	m.names = append(m.names, name)
}

// Clear notes that the audio before the marks was dropped.
func (m *Marks) Clear() { m.cleared = len(m.names) }

// Returned is the event of a mark that came back. One that was in the queue at
// the time of a clear counts as dropped: nothing tells whether it was heard.
func (m *Marks) Returned(name string) media.Event {
	e := media.Event{Kind: media.EventMark, Name: name}
	if i := slices.Index(m.names, name); i >= 0 {
		e.Cleared = i < m.cleared
		m.forget(i)
	}
	return e
}

// Dropped takes out the marks that were set before the last clear, at a carrier
// that returns only what was heard, and confirms a clear by itself.
func (m *Marks) Dropped() []string {
	dropped := slices.Clone(m.names[:m.cleared])
	m.names = slices.Delete(m.names, 0, m.cleared)
	m.cleared = 0
	return dropped
}

func (m *Marks) forget(i int) {
	m.names = slices.Delete(m.names, i, i+1)
	if i < m.cleared {
		m.cleared--
	}
}
