// Package budget bounds how fast, and how many at once, the calls of a trunk
// are dialled. It has two implementations with one behaviour: Memory for one
// node, Redis for several nodes that share a trunk.
package budget

import (
	"context"
	"time"
)

// Lease is how long a call occupies its slot after it was last kept: what a
// process that crashed held is free again after that.
const Lease = 15 * time.Second

// Busy is the wait for a slot while all are taken. Nobody can tell when a call
// will end.
const Busy = time.Second

// forgotten is how long a turn that came up is held for its call.
const forgotten = time.Minute

// Limits of a trunk. Zero means no bound.
type Limits struct {
	PerSecond float64 // calls dialled per second, evenly spaced
	Calls     int     // calls in progress at once
}

// Budget is shared by all who dial. It is safe for concurrent use. trunk and
// call are keys: org and trunk, and a call's id.
type Budget interface {
	// Take asks whether a call may be dialled now. Zero means yes, and from
	// now on the call occupies a slot. Otherwise it is the time after which to
	// ask again: a call that waits for the rate keeps its turn, unless that
	// comes later than patience allows.
	Take(ctx context.Context, trunk, call string, l Limits, patience time.Duration) (wait time.Duration, err error)
	// Keep tells which calls of a trunk are in progress. A call that has no
	// slot gets one, whatever the limit: it is a fact that it goes on.
	Keep(ctx context.Context, trunk string, calls []string) error
	// Free gives back what a call holds. It may be called for any call.
	Free(ctx context.Context, trunk, call string) error
}
