package pace

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// Playout is what is known of a carrier's playing: it plays in real time what
// it is sent, in order, from the moment it has something. All times are the
// caller's. It is not safe for concurrent use.
type Playout struct {
	until time.Time       // when the carrier will have played all it has
	sent  []time.Duration // how much of each frame sent is speech, a ring
	next  int             // where the next frame goes
	total time.Duration   // of all speech sent
}

// NewPlayout makes a Playout for a sender that is never more than lead ahead.
func NewPlayout(lead time.Duration) *Playout {
	return &Playout{sent: make([]time.Duration, lead/media.Frame+2)}
}

// Lead is how long the carrier can play without being sent more.
func (p *Playout) Lead(now time.Time) time.Duration { return max(p.until.Sub(now), 0) }

// Sent tells that a frame of 20 ms was sent, whose first part is speech of the
// agent's and the rest something else.
func (p *Playout) Sent(now time.Time, speech time.Duration) {
	if p.until.Before(now) {
		p.until = now
	}
	p.until = p.until.Add(media.Frame)
	p.sent[p.next] = speech
	p.next = (p.next + 1) % len(p.sent)
	p.total += speech
}

// End is when all that was sent will have been played.
func (p *Playout) End() time.Time { return p.until }

// Heard is how much of the speech has been played.
func (p *Playout) Heard(now time.Time) time.Duration { return p.total - p.waiting(now) }

// Clear tells that the carrier was made to drop what it has not played, and
// returns how much of that is speech.
func (p *Playout) Clear(now time.Time) time.Duration {
	dropped := p.waiting(now)
	p.total -= dropped
	p.until = now
	return dropped
}

// waiting is how much of the speech has not been played.
func (p *Playout) waiting(now time.Time) time.Duration {
	var speech time.Duration
	at := p.next
	for left, frames := p.Lead(now), 0; left > 0 && frames < len(p.sent); frames++ {
		at = (at + len(p.sent) - 1) % len(p.sent)
		// Speech comes first in its frame, so it is the rest that waits longest.
		played := max(media.Frame-left, 0)
		speech += max(p.sent[at]-played, 0)
		left -= media.Frame
	}
	return speech
}
