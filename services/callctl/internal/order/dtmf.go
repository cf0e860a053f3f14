package order

import (
	"context"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// pressWithin is how long after its publication an order for keys makes sense:
// later they would answer another question than the one that was asked. A worker
// that dies is missed only after that (AckWait), so they are not pressed twice.
const pressWithin = 10 * time.Second

// press presses keys on a live call.
func (d *Desk) press(ctx context.Context, o *bus.Order, c command.DTMFSend) error {
	if time.Since(o.Published) > pressWithin {
		return command.Refuse("expired", "the keys waited longer than %s; are enough callctl running?", pressWithin)
	}
	known, err := d.onLive(ctx, o, "keys are pressed on a live call", func(a *provider.Account, leg provider.Leg) error {
		return a.SendDTMF(ctx, leg, c.Digits)
	})
	if err != nil {
		return err
	}
	d.Entry(known.State).Info("keys are pressed")
	return nil
}
