package carriersim

import (
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
)

// Playout is a carrier's playback buffer: audio of any length goes in, one
// frame every 20 ms comes out, and marks come back when all audio before them
// was heard. It is a Source.
type Playout struct {
	limit  int
	onMark func(name string, cleared bool)

	mu      sync.Mutex
	waiting []int16
	read    int64 // samples handed out since the beginning
	marks   []mark
}

type mark struct {
	at   int64 // samples that must have been heard
	name string
}

// NewPlayout returns an empty buffer for audio at a rate in hertz that holds at
// most limit. onMark is called in order of the marks and must not block; it
// may be nil.
func NewPlayout(rate int, limit time.Duration, onMark func(name string, cleared bool)) *Playout {
	return &Playout{limit: audio.Samples(limit, rate), onMark: onMark}
}

// Write appends audio and returns how many samples found no room.
func (p *Playout) Write(pcm []int16) (dropped int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(pcm), p.limit-len(p.waiting))
	p.waiting = append(p.waiting, pcm[:n]...)
	return len(pcm) - n
}

// Mark sets a mark behind what was written so far.
func (p *Playout) Mark(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marks = append(p.marks, mark{p.read + int64(len(p.waiting)), name})
}

// Clear drops what was not played, returns all marks at once, and tells how
// many samples it dropped.
func (p *Playout) Clear() (dropped int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	dropped = len(p.waiting)
	p.waiting = nil
	p.echo(len(p.marks), true)
	return dropped
}

// Waiting is the number of samples that were not played yet.
func (p *Playout) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// Next implements Source. What an earlier frame took has been heard by now, so
// the marks behind it are due before anything else is taken.
func (p *Playout) Next(frame []int16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := 0
	for due < len(p.marks) && p.marks[due].at <= p.read {
		due++
	}
	p.echo(due, false)
	n := copy(frame, p.waiting)
	p.read += int64(n)
	if p.waiting = p.waiting[n:]; len(p.waiting) == 0 {
		p.waiting = nil // lets go of the memory
	}
}

func (p *Playout) echo(n int, cleared bool) {
	for _, m := range p.marks[:n] {
		if p.onMark != nil {
			p.onMark(m.name, cleared)
		}
	}
	p.marks = p.marks[n:]
}
