package carriersim

import (
	"context"
	"sync"

	"github.com/trunkline-io/trunkline/pkg/audio"
)

// Source is what a person hears. Next fills one frame, which is silent before;
// it is called on the exchange's clock, once a frame, and must not block.
type Source interface{ Next(frame []int16) }

// Sink takes what a person says, one frame at a time, under the same rule. The
// frame is borrowed.
type Sink interface{ Said(frame []int16) }

// line is the audio between a person and the carrier.
type line struct {
	leg   *Leg
	actor *actor

	// Touched by the clock alone.
	said, heard []int16
	sound       bool

	mu     sync.Mutex
	source Source
	sinks  []Sink
	plugs  int // counts connections, so that an old one cannot undo a new one
}

func newLine(l *Leg, a *actor) *line {
	frame := audio.SamplesPerFrame(l.rate)
	return &line{leg: l, actor: a, said: make([]int16, frame), heard: make([]int16, frame)}
}

// speak runs the first half of a frame: what the person says.
func (n *line) speak() {
	clear(n.said)
	n.actor.frame(n.said, n.sound, n.leg)
	n.mu.Lock()
	sinks := n.sinks
	n.mu.Unlock()
	for _, s := range sinks {
		s.Said(n.said)
	}
}

// hear runs the second half: what the person hears.
func (n *line) hear() {
	clear(n.heard)
	n.mu.Lock()
	source := n.source
	n.mu.Unlock()
	if source != nil {
		source.Next(n.heard)
	}
	n.sound = audio.Level(n.heard) > soundLevel
	n.leg.record(n.said, n.heard)
}

// Start starts the media: from now on the person acts, and is recorded.
// Connect does it, too.
func (l *Leg) Start() { l.exchange.clock.add(l.line) }

// Connect joins the person's ear with a source and their mouth with sinks, in
// place of what was there, and starts the media. The returned function undoes
// it, unless something else was connected since.
func (l *Leg) Connect(source Source, sinks ...Sink) (disconnect func()) {
	n := l.line
	n.mu.Lock()
	n.plugs++
	plug := n.plugs
	n.source, n.sinks = source, sinks
	n.mu.Unlock()
	l.Start()
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.plugs == plug {
			n.source, n.sinks = nil, nil
		}
	}
}

// Play plays sound to the person and returns when they have heard it, or with
// an error when ctx or the leg ended before.
func (l *Leg) Play(ctx context.Context, pcm []int16) error {
	clip := &clip{left: pcm, played: make(chan struct{})}
	defer l.Connect(clip)()
	select {
	case <-clip.played:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	}
}

// clip plays once.
type clip struct {
	left   []int16
	over   bool
	played chan struct{} // closed at the frame after the last
}

func (c *clip) Next(frame []int16) {
	if len(c.left) == 0 {
		if !c.over {
			c.over = true
			close(c.played)
		}
		return
	}
	c.left = c.left[copy(frame, c.left):]
}
