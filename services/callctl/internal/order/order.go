// Package order takes orders from the queue and carries them out: each file is
// one order. An order that is refused leaves the fact command.failed, and a
// dead letter.
package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/services/callctl/internal/dial"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
)

// Types are the orders that a Desk takes.
var Types = []string{
	command.CallDial{}.Type(), command.CallHangup{}.Type(), command.CallAnswer{}.Type(), command.CallRedirect{}.Type(),
	command.DTMFSend{}.Type(),
}

// Desk is where orders are taken. It is safe for concurrent use.
type Desk struct {
	*ledger.Ledger
	Dialer *dial.Dialer
}

// Take carries out one order; its result decides what becomes of it, see
// bus.Work.
func (d *Desk) Take(ctx context.Context, o *bus.Order) error {
	err := d.carryOut(ctx, o)
	var again *bus.Again
	var refused *command.Error
	if errors.As(err, &again) || !errors.As(err, &refused) {
		return err
	}
	d.Metrics.Refused.WithLabelValues(o.Type, refused.Code).Inc()
	d.Entry(event.State{Org: o.Org, Call: o.Call}).WithFields(logrus.Fields{"command": o.Type, "code": refused.Code, "order": o.ID}).Warn("order is refused")
	failed := event.CommandFailed{ID: o.ID, Command: o.Type, Code: refused.Code, Message: refused.Message}
	if _, _, err := d.Record(ctx, event.State{Org: o.Org, Call: o.Call}, failed); err != nil {
		return fmt.Errorf("%s is refused: %w", o.Type, err) // without the fact there is no refusal yet
	}
	return refused
}

func (d *Desk) carryOut(ctx context.Context, o *bus.Order) error {
	if err := errors.Join(call.CheckID("org", o.Org), call.CheckID("call id", o.Call)); err != nil {
		return command.Refuse("invalid_subject", "%s", err)
	}
	c, err := o.Decode()
	if err != nil {
		return err
	}
	switch c := c.(type) {
	case command.CallDial:
		return d.Dialer.Take(ctx, o, c)
	case command.CallHangup:
		return d.hangUp(ctx, o, c)
	case command.CallAnswer:
		return d.answer(ctx, o, c)
	case command.CallRedirect:
		return d.redirect(ctx, o, c)
	case command.DTMFSend:
		return d.press(ctx, o, c)
	}
	return command.Refuse("unknown_command", "callctl does not take %s", o.Type)
}

// known returns a call that the log knows. An order may overtake the one that
// makes its call, so it is looked for a few times.
func (d *Desk) known(ctx context.Context, o *bus.Order) (*ledger.Call, error) {
	c, err := d.Read(ctx, o.Org, o.Call)
	if err != nil || c.Status != "" {
		return c, err
	}
	err = command.Refuse("unknown_call", "there is no call %q in org %q; calls are remembered for %s", o.Call, o.Org, bus.EventsAge)
	if o.Delivery <= 3 {
		err = &bus.Again{After: time.Second, Err: err}
	}
	return nil, err
}

// carrierSays turns a carrier's error into what becomes of an order: what may
// work later is tried again, up to tries times.
func carrierSays(o *bus.Order, err error, tries int) error {
	switch provider.KindOf(err) {
	case provider.KindUnavailable, provider.KindRateLimited, provider.KindUncertain, provider.KindInternal:
		if o.Delivery < tries {
			return &bus.Again{After: min(time.Second<<(o.Delivery-1), 30*time.Second), Err: err}
		}
	}
	return ledger.Refuse(err)
}
