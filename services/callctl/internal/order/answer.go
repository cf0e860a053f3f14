package order

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// answerWithin is how long after its publication an order to answer makes
// sense: no caller listens to the ringing tone for longer.
const answerWithin = time.Minute

// answerTries is for how many deliveries an answer of unknown outcome is worth
// a try.
const answerTries = 4

// answer answers an inbound call at a carrier that is answered over REST.
func (d *Desk) answer(ctx context.Context, o *bus.Order, c command.CallAnswer) error {
	if time.Since(o.Published) > answerWithin {
		return command.Refuse("expired", "the caller waited longer than %s; are enough callctl running?", answerWithin)
	}
	// A caller who is turned away at once is no call in the log.
	known, err := d.Read(ctx, o.Org, o.Call)
	if err != nil || known.End != nil {
		return err
	}
	line, err := d.Line(o.Org, c.Trunk)
	if err != nil {
		return err
	}
	known.Trunk, known.Leg = c.Trunk, c.Leg
	leg := d.Leg(known)
	if err = line.Account.Answer(ctx, leg, c.Instruction); err == nil {
		d.Entry(known.State).Info("call is answered")
		return nil
	}
	switch provider.KindOf(err) {
	case provider.KindNotFound, provider.KindConflict:
		// The caller is gone, or this very order was carried out before.
		d.Entry(known.State).WithError(err).Info("there is nobody to answer any more")
		return nil
	case provider.KindUnavailable, provider.KindRateLimited:
		return &bus.Again{After: 500 * time.Millisecond, Err: err}
	}
	err = carrierSays(o, err, answerTries)
	if again := new(bus.Again); !errors.As(err, &again) {
		d.turnAway(ctx, line, leg)
	}
	return err
}

// turnAway hangs up on a caller whom nobody will answer any more: the carrier
// cannot carry out the instruction, or refuses it.
func (d *Desk) turnAway(ctx context.Context, line *trunk.Line, leg provider.Leg) {
	leg.Cause = call.CauseCarrier
	if err := line.Account.Hangup(ctx, leg); err != nil && provider.KindOf(err) != provider.KindNotFound {
		d.Log.WithError(err).WithFields(logrus.Fields{"org": line.Org, "trunk": line.Name, "leg_id": leg.ID, "call_id": leg.CallID}).
			Warn("caller is not turned away")
	}
}
