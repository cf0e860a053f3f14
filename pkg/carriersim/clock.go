package carriersim

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
)

// clock moves all lines of an exchange by one frame every 20 ms. In each frame
// everybody speaks before anybody hears, so that a room can mix.
type clock struct {
	wake chan struct{} // there may be lines again

	mu    sync.Mutex
	lines []*line // replaced, never changed in place
}

func newClock() *clock { return &clock{wake: make(chan struct{}, 1)} }

func (c *clock) add(l *line) {
	c.mu.Lock()
	// Whoever hangs up ends the context first and removes the line then.
	if l.leg.ctx.Err() == nil && !slices.Contains(c.lines, l) {
		c.lines = append(slices.Clone(c.lines), l)
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *clock) remove(l *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.lines, l); i >= 0 {
		c.lines = slices.Delete(slices.Clone(c.lines), i, i+1)
	}
}

func (c *clock) now() []*line {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines
}

// run ticks until ctx ends. Deadlines are absolute: a frame that came late does
// not delay the next, and what was missed is caught up.
func (c *clock) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	next := time.Now()
	for {
		lines := c.now()
		if len(lines) == 0 {
			select {
			case <-c.wake:
				next = time.Now()
				continue
			case <-ctx.Done():
				return
			}
		}
		for _, l := range lines {
			l.speak()
		}
		for _, l := range lines {
			l.hear()
		}
		next = next.Add(audio.FrameDuration)
		timer.Reset(time.Until(next))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}
