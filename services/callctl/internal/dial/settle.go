package dial

import (
	"context"
	"errors"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
)

// settle deals with an attempt that somebody began and of which the log does
// not tell what became. It never dials.
func (d *Dialer) settle(ctx context.Context, j *job) error {
	if left := d.Patience - time.Since(j.call.DialingAt); left > 0 {
		return &bus.Again{After: left, Err: errors.New("somebody is dialling it")}
	}
	var err error
	if j.line, err = d.Line(j.call.Org, j.call.Trunk); err != nil {
		d.Entry(j.call.State).WithError(err).Warn("nobody can be asked about the dial")
		return nil // the sweeper ends the call
	}
	return d.find(ctx, j)
}

// find asks the carrier once whether the attempt happened. Where it cannot tell
// (yet), the order is done all the same: the sweeper, which knows what else is
// being dialled, goes on asking, and ends the call when its time is over.
func (d *Dialer) find(ctx context.Context, j *job) error {
	switch found, err := d.Find(ctx, j.line, j.call, nil); {
	case err != nil:
		d.Entry(j.call.State).WithError(err).Warn("the carrier does not tell about the dial")
	case !found:
		d.Entry(j.call.State).Warn("nobody knows about the dial yet")
	}
	return nil
}
