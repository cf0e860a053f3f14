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

// pressWithin is how long after its publication an order for keys makes sense:
// later they would answer another question than the one that was asked. A worker
// that dies is missed only after that (AckWait), so they are not pressed twice.
const pressWithin = 10 * time.Second

// pressTries is for how many deliveries keys are worth a try.
const pressTries = 4

// press presses keys on a live call.
func (d *Desk) press(ctx context.Context, o *bus.Order, c command.DTMFSend) error {
	if time.Since(o.Published) > pressWithin {
		return command.Refuse("expired", "the keys waited longer than %s; are enough callctl running?", pressWithin)
	}
	known, err := d.known(ctx, o)
	switch {
	case err != nil:
		return err
	case known.End != nil:
		return refuseEnded(o)
	case !known.Located() && o.Delivery < pressTries:
		return &bus.Again{After: time.Second, Err: errors.New("the carrier has not named the leg yet")}
	case !known.Located():
		return command.Refuse("call_not_live", "call %s is %s; keys are pressed on a live call, wait for call.answered", o.Call, known.Status)
	}
	line, err := d.Line(o.Org, known.Trunk)
	if err != nil {
		return err
	}
	err = line.Account.SendDTMF(ctx, d.Leg(known), c.Digits)
	switch provider.KindOf(err) {
	case provider.KindNotFound:
		return refuseEnded(o)
	case provider.KindUncertain:
		return ledger.Refuse(err) // a second time could press everything twice
	}
	if err != nil {
		return carrierSays(o, err, pressTries)
	}
	d.Entry(known.State).Info("keys are pressed")
	return nil
}
