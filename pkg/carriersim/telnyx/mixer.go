package telnyx

import (
	"math"
	"slices"
	"sync"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// mixer is what a phone hears and who hears the phone. It is the leg's one source
// and its one sink for as long as it is answered.
type mixer struct {
	mu      sync.Mutex
	sources []carriersim.Source // replaced, never changed in place
	sinks   []carriersim.Sink   // of what the person says
	taps    []carriersim.Sink   // of what the person hears
	frame   []int16             // touched by the clock alone
}

// Next implements carriersim.Source.
func (m *mixer) Next(frame []int16) {
	m.mu.Lock()
	sources, taps := m.sources, m.taps
	m.mu.Unlock()
	m.frame = slices.Grow(m.frame[:0], len(frame))[:len(frame)]
	for _, s := range sources {
		clear(m.frame)
		s.Next(m.frame)
		add(frame, m.frame)
	}
	for _, t := range taps {
		t.Said(frame)
	}
}

// add mixes one sound into another.
func add(into, from []int16) {
	for i := range into {
		sum := int32(into[i]) + int32(from[i])
		into[i] = int16(max(math.MinInt16, min(math.MaxInt16, sum)))
	}
}

// Said implements carriersim.Sink.
func (m *mixer) Said(frame []int16) {
	m.mu.Lock()
	sinks := m.sinks
	m.mu.Unlock()
	for _, s := range sinks {
		s.Said(frame)
	}
}

// hear adds a source, and returns what takes it away again.
func (m *mixer) hear(s carriersim.Source) (stop func()) { return plug(m, &m.sources, s) }

// listen adds a sink of what the person says.
func (m *mixer) listen(s carriersim.Sink) (stop func()) { return plug(m, &m.sinks, s) }

// tap adds a sink of what the person hears.
func (m *mixer) tap(s carriersim.Sink) (stop func()) { return plug(m, &m.taps, s) }

func plug[T comparable](m *mixer, list *[]T, item T) (stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*list = append(slices.Clone(*list), item)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if i := slices.Index(*list, item); i >= 0 {
			*list = slices.Delete(slices.Clone(*list), i, i+1)
		}
	}
}
