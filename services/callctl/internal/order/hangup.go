package order

import (
	"context"
	"errors"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
)

// hangUpTries is for how many deliveries a hang-up is worth a try: with the
// pauses of carrierSays some five minutes.
const hangUpTries = 14

// hangUp ends a call, or the leg that the order names.
func (d *Desk) hangUp(ctx context.Context, o *bus.Order, c command.CallHangup) error {
	if c.Leg != "" {
		line, err := d.Line(o.Org, c.Trunk)
		if err != nil {
			return err
		}
		return d.hangUpLeg(ctx, o, line, provider.Leg{ID: c.Leg, CallID: o.Call, Cause: c.Cause})
	}
	known, err := d.known(ctx, o)
	switch {
	case err != nil:
		return err
	case known.End != nil && !known.Late():
		return nil
	case known.Waiting():
		return d.End(ctx, known.State, event.CallEnded{Status: call.Canceled, Cause: causeOr(c.Cause, call.CauseCanceled)})
	case !known.Located():
		return &bus.Again{After: time.Second, Err: errors.New("the carrier has not named the leg yet")}
	}
	line, err := d.Line(o.Org, known.Trunk)
	if err != nil {
		return err
	}
	leg := d.Leg(known)
	leg.Cause = c.Cause
	if err := d.hangUpLeg(ctx, o, line, leg); err != nil {
		return err
	}
	return d.endUnreported(ctx, line, known, c.Cause)
}

func (d *Desk) hangUpLeg(ctx context.Context, o *bus.Order, line *trunk.Line, leg provider.Leg) error {
	err := line.Account.Hangup(ctx, leg)
	if err == nil || provider.KindOf(err) == provider.KindNotFound {
		return nil
	}
	return carrierSays(o, err, hangUpTries)
}

// endUnreported records the end of a call that was hung up at a carrier which
// reports none. Everybody else's end is what the carrier reports.
func (d *Desk) endUnreported(ctx context.Context, line *trunk.Line, c *ledger.Call, cause call.Cause) error {
	if line.Account.Can(provider.CanReceive) || line.Account.Can(provider.CanListen) {
		return nil
	}
	end := event.CallEnded{Status: call.Completed, Cause: causeOr(cause, call.CauseNormal)}
	if c.AnsweredAt.IsZero() {
		end = event.CallEnded{Status: call.Canceled, Cause: causeOr(cause, call.CauseCanceled)}
	}
	if s, err := line.Account.Status(ctx, d.Leg(c)); err == nil && s.Status.Terminal() {
		end.Status, end.CarrierCode, end.Seconds = s.Status, s.Raw, s.Seconds
	}
	return d.End(ctx, c.State, end)
}

func causeOr(cause, otherwise call.Cause) call.Cause {
	if cause != "" {
		return cause
	}
	return otherwise
}
