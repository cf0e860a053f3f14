package carriersim

import (
	"math"
	"slices"
	"sync"
)

// Room joins the voices of several legs of one exchange: a bridge of two, or a
// conference. Everybody hears everybody else. All legs must run at one rate.
type Room struct {
	mu      sync.Mutex
	members []*Member
	shut    bool
}

// Member is a leg's place in a room: a Sink for its voice and a Source of the
// others' voices.
type Member struct {
	room  *Room
	voice []int16 // this frame
}

// Join adds a place.
func (r *Room) Join() *Member {
	m := &Member{room: r}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members = append(r.members, m)
	return m
}

// Shut makes everybody hear silence, or lets them talk again.
func (r *Room) Shut(shut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = shut
}

// Leave gives the place up.
func (m *Member) Leave() {
	r := m.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members = slices.DeleteFunc(r.members, func(o *Member) bool { return o == m })
}

// Said implements Sink.
func (m *Member) Said(frame []int16) {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	m.voice = append(m.voice[:0], frame...)
}

// Next implements Source.
func (m *Member) Next(frame []int16) {
	r := m.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shut {
		return
	}
	for _, o := range r.members {
		if o == m {
			continue
		}
		for i := range min(len(frame), len(o.voice)) {
			sum := int32(frame[i]) + int32(o.voice[i])
			frame[i] = int16(max(math.MinInt16, min(math.MaxInt16, sum)))
		}
	}
}
