package order

import (
	"context"
	"errors"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
)

// redirectTries is for how many deliveries a redirect is worth a try.
const redirectTries = 4

// redirect gives a live call another instruction.
func (d *Desk) redirect(ctx context.Context, o *bus.Order, c command.CallRedirect) error {
	known, err := d.known(ctx, o)
	switch {
	case err != nil:
		return err
	case known.End != nil:
		return refuseEnded(o)
	case !known.Located() && o.Delivery < redirectTries:
		return &bus.Again{After: time.Second, Err: errors.New("the carrier has not named the leg yet")}
	case !known.Located():
		return command.Refuse("call_not_live", "call %s is %s; only a live call can be redirected, wait for call.answered", o.Call, known.Status)
	}
	line, err := d.Line(o.Org, known.Trunk)
	if err != nil {
		return err
	}
	err = line.Account.Redirect(ctx, d.Leg(known), c.Instruction)
	switch {
	case err == nil:
		d.Entry(known.State).WithField("step", c.Instruction.Steps[0].Verb()).Info("call is redirected")
		return nil
	case provider.KindOf(err) == provider.KindNotFound:
		return refuseEnded(o)
	case provider.KindOf(err) == provider.KindUncertain:
		return ledger.Refuse(err) // a second time could play everything twice
	}
	return carrierSays(o, err, redirectTries)
}

func refuseEnded(o *bus.Order) error {
	return command.Refuse("call_ended", "call %s is over", o.Call)
}
