package order

import (
	"context"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// redirect gives a live call another instruction.
func (d *Desk) redirect(ctx context.Context, o *bus.Order, c command.CallRedirect) error {
	known, err := d.onLive(ctx, o, "only a live call can be redirected", func(a *provider.Account, leg provider.Leg) error {
		return a.Redirect(ctx, leg, c.Instruction)
	})
	if err != nil {
		return err
	}
	d.Entry(known.State).WithField("step", c.Instruction.Steps[0].Verb()).Info("call is redirected")
	return nil
}
