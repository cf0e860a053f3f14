// Package course has a call run the documents of its gateway.
package course

import (
	"context"
	"sync"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Course is what a call runs: documents, one after the other, until there is no
// next one or another takes their place. D is where a persona finds one. The
// zero value runs nothing yet.
type Course[D any] struct {
	mu        sync.Mutex
	next      *D // what a redirect wants run
	interrupt context.CancelFunc
}

// Redirect interrupts what runs and has the call run something else.
func (c *Course[D]) Redirect(to D) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = &to
	if c.interrupt != nil {
		c.interrupt()
	}
}

// Run runs documents while the leg is there. run runs one, until its context
// ends, and returns what follows on it.
func (c *Course[D]) Run(leg *carriersim.Leg, doc *D, run func(context.Context, *D) *D) {
	for doc != nil && leg.Context().Err() == nil {
		ctx, interrupt := context.WithCancel(leg.Context())
		c.mu.Lock()
		c.interrupt = interrupt
		if c.next != nil { // it came while nothing ran
			interrupt()
		}
		c.mu.Unlock()
		doc = run(ctx, doc)
		interrupt()
		c.mu.Lock()
		if c.next != nil {
			doc, c.next = c.next, nil
			leg.Note("redirected")
		}
		c.mu.Unlock()
	}
}
