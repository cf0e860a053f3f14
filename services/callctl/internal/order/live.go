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

// liveTries is for how many deliveries an order about a live call is worth a
// try.
const liveTries = 4

// onLive does something to a live call at its carrier. What may have been done
// is not done again. only says, in a refusal, that the call has to be live.
func (d *Desk) onLive(ctx context.Context, o *bus.Order, only string, do func(*provider.Account, provider.Leg) error) (*ledger.Call, error) {
	known, err := d.known(ctx, o)
	switch {
	case err != nil:
		return nil, err
	case known.End != nil:
		return nil, refuseEnded(o)
	case !known.Located() && o.Delivery < liveTries:
		return nil, &bus.Again{After: time.Second, Err: errors.New("the carrier has not named the leg yet")}
	case !known.Located():
		return nil, command.Refuse("call_not_live", "call %s is %s; %s, wait for call.answered", o.Call, known.Status, only)
	}
	line, err := d.Line(o.Org, known.Trunk)
	if err != nil {
		return nil, err
	}
	err = do(line.Account, d.Leg(known))
	switch {
	case err == nil:
		return known, nil
	case provider.KindOf(err) == provider.KindNotFound:
		return nil, refuseEnded(o)
	case provider.KindOf(err) == provider.KindUncertain:
		return nil, ledger.Refuse(err) // a second time could do everything twice
	}
	return nil, carrierSays(o, err, liveTries)
}

func refuseEnded(o *bus.Order) error {
	return command.Refuse("call_ended", "call %s is over", o.Call)
}
