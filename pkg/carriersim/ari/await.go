package ari

import (
	"context"
	"errors"
	"time"
)

// AwaitListener waits until somebody listens to the application that the
// dialplan names: before that, callers are turned away.
func (c *Carrier) AwaitListener(ctx context.Context) error {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		c.mu.Lock()
		listened := c.apps[c.opt.App].active()
		c.mu.Unlock()
		if listened {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return errors.New("nobody listens to the application " + c.opt.App)
		}
	}
}
