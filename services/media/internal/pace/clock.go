// Package pace decides when audio is sent. One Clock wakes all calls of a node,
// each once per frame, and a Playout says of one call how far ahead of the
// carrier's playing it is.
package pace

import (
	"context"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/media"
)

// slots is the number of times a frame at which the Clock wakes calls. Calls
// are spread over them, so that a node's work is even and the messages of one
// slot reach the network together.
const slots = 10

// slot is the time between two slots: 2 ms.
const slot = media.Frame / slots

// Clock wakes its members every 20 ms. Its deadlines are absolute: a wake that
// comes late delays none of the following. It is safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	wheel  [slots][]*member
	joined chan struct{} // holds one token when a slot has its first member
}

type member struct{ wake func() }

// NewClock makes a clock. It stands until Run.
func NewClock() *Clock { return &Clock{joined: make(chan struct{}, 1)} }

// Join has wake called every 20 ms until leave, which waits for a wake under
// way. wake must not block and must not call leave.
func (c *Clock) Join(wake func()) (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := 0
	for i := range c.wheel {
		if len(c.wheel[i]) < len(c.wheel[at]) {
			at = i
		}
	}
	m := &member{wake}
	c.wheel[at] = append(c.wheel[at], m)
	if len(c.wheel[at]) == 1 {
		select {
		case c.joined <- struct{}{}:
		default:
		}
	}
	return func() { c.leave(at, m) }
}

func (c *Clock) leave(at int, m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	row := c.wheel[at]
	for i := range row {
		if row[i] == m {
			row[i] = row[len(row)-1]
			row[len(row)-1] = nil
			c.wheel[at] = row[:len(row)-1]
			return
		}
	}
}

// Run turns the wheel until ctx ends. Without members it sleeps.
func (c *Clock) Run(ctx context.Context) {
	origin := time.Now()
	elapsed := func() int64 { return int64(time.Since(origin) / slot) }
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := elapsed() // the last slot that is over, counted from origin
	for {
		next, turns := c.next(done)
		if turns {
			timer.Reset(time.Until(origin.Add(time.Duration(next) * slot)))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-c.joined:
			if !turns {
				done = elapsed() // nobody was there to be woken meanwhile
			}
		case <-timer.C:
			now := elapsed()
			c.turn(done, now)
			done = now
		}
	}
}

// turn wakes the members of the slots after done up to now: each slot once,
// even where the clock is late by more than a frame.
func (c *Clock) turn(done, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at := max(done+1, now-slots+1); at <= now; at++ {
		for _, m := range c.wheel[at%slots] {
			m.wake()
		}
	}
}

// next returns the first slot after done that has members.
func (c *Clock) next(done int64) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at := done + 1; at <= done+slots; at++ {
		if len(c.wheel[at%slots]) > 0 {
			return at, true
		}
	}
	return 0, false
}
