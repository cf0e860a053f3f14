package ari

import (
	"math"
	"slices"
	"sync"

	"github.com/trunkline-io/trunkline/pkg/audio"
)

// mixer is the sound of a bridge. It has no clock of its own: of the phones in it
// one, the lead, moves the media sockets along, frame by frame.
type mixer struct {
	mu      sync.Mutex
	members []*voice
}

// voice is what a member says in this frame, nothing where it is silent.
type voice struct {
	ch  *channel
	pcm []int16
}

func (m *mixer) join(ch *channel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.members = append(m.members, &voice{ch: ch})
}

func (m *mixer) leave(ch *channel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.members = slices.DeleteFunc(m.members, func(v *voice) bool { return v.ch == ch })
}

// lead is the phone that came first of those whose lines run, nil where none do.
func (m *mixer) lead() *channel {
	for _, v := range m.members {
		if v.ch.live.Load() && v.ch.leg.Context().Err() == nil {
			return v.ch
		}
	}
	return nil
}

// led reports whether a phone moves the media sockets along.
func (m *mixer) led() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lead() != nil
}

// Said implements carriersim.Sink for a phone: everybody speaks before anybody
// hears.
func (ch *channel) Said(frame []int16) {
	m := ch.mixer.Load()
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	lead := m.lead() == ch
	for _, v := range m.members {
		switch {
		case v.ch == ch:
			v.pcm = v.pcm[:0]
			if audio.Peak(frame) > 0 {
				v.pcm = append(v.pcm, frame...)
			}
		case lead && v.ch.media != nil:
			v.pcm = v.ch.media.play(v.pcm[:0])
		}
	}
}

// Next implements carriersim.Source for a phone.
func (ch *channel) Next(frame []int16) {
	m := ch.mixer.Load()
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mix(frame, ch)
	if m.lead() != ch {
		return
	}
	for _, v := range m.members {
		if v.ch.media != nil {
			heard := make([]int16, len(frame))
			v.ch.media.hear(heard, m.mix(heard, v.ch))
		}
	}
}

// mix adds to a frame what all others say, and reports whether anybody does.
func (m *mixer) mix(frame []int16, me *channel) (sound bool) {
	for _, v := range m.members {
		if v.ch == me || len(v.pcm) == 0 {
			continue
		}
		sound = true
		for i := range min(len(frame), len(v.pcm)) {
			sum := int32(frame[i]) + int32(v.pcm[i])
			frame[i] = int16(max(math.MinInt16, min(math.MaxInt16, sum)))
		}
	}
	return sound
}
