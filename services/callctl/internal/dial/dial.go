// Package dial places outbound calls, and nobody's phone rings twice.
//
// The event log is the lock. Before a request that can ring a phone is written,
// the fact call.dialing.<attempt> is recorded; whoever is refused there does not
// write it. Only a proof that an attempt rang nobody, itself a fact, opens the
// next one. An attempt whose outcome nobody knows is settled by asking the
// carrier, and in the end by the sweeper, but never by dialling again.
package dial

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl/internal/budget"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
)

// Dialer carries out orders to dial. It is safe for concurrent use.
type Dialer struct {
	*ledger.Ledger
	Budget   budget.Budget
	Attempts int           // at most, of one call
	Backoff  time.Duration // before the second attempt; doubled before each further one
	Patience time.Duration // how long whoever began an attempt may be still at it
}

// job is one order to dial, with what the log and the configuration know.
type job struct {
	order *bus.Order
	ask   command.CallDial
	call  *ledger.Call
	line  *trunk.Line
}

// Take carries out one order. It may be given the same order any number of
// times, also at once.
func (d *Dialer) Take(ctx context.Context, o *bus.Order, c command.CallDial) error {
	known, err := d.Read(ctx, o.Org, o.Call)
	if err != nil {
		return err
	}
	j := &job{order: o, ask: c, call: known}
	switch {
	case known.Direction == call.Inbound:
		return command.Refuse("call_exists", "call id %s is an inbound call's; give every call a fresh id", o.Call)
	case known.Status != "" && !d.same(c, known):
		return command.Refuse("call_exists", "call id %s was used for another call; give every call a fresh id", o.Call)
	case known.End != nil || known.Begun():
		return nil
	case known.InDoubt():
		return d.settle(ctx, j)
	case known.Attempt >= d.Attempts: // somebody died between the last proof and the end
		return d.End(ctx, known.State, event.CallEnded{Status: call.Failed, Cause: call.CauseCarrier, Detail: "the carrier did not take the call"})
	}
	if err := d.accept(ctx, j); err != nil {
		return err
	}
	if err := d.mayDial(ctx, j); err != nil {
		return err
	}
	mine, err := d.lock(ctx, j)
	if err != nil {
		return err
	}
	if !mine {
		return d.settle(ctx, j)
	}
	return d.dial(ctx, j)
}

// accept makes sure that call.requested is recorded. What is recorded counts,
// whatever the order or the configuration say by now.
func (d *Dialer) accept(ctx context.Context, j *job) (err error) {
	if j.call.Status != "" {
		if j.line, err = d.Line(j.call.Org, j.call.Trunk); err != nil {
			return d.abandon(ctx, j, call.CauseInvalid, err)
		}
		return nil
	}
	var want event.CallRequested
	if j.line, want, err = d.check(j.order, j.ask); err != nil {
		return err
	}
	s := event.State{Org: j.order.Org, Call: j.order.Call, Trunk: j.line.Name, Provider: j.line.Provider}
	stored, won, err := d.Record(ctx, s, want)
	if err != nil {
		return err
	}
	if won {
		d.Entry(s).WithField("to", service.MaskNumber(want.To)).Info("call is accepted")
	}
	j.call.Add(stored)
	return nil
}

// mayDial returns nil when the next attempt may begin now.
func (d *Dialer) mayDial(ctx context.Context, j *job) error {
	left := time.Until(j.call.Requested.ExpiresAt)
	if left <= 0 {
		return d.expire(ctx, j)
	}
	limits := budget.Limits{PerSecond: j.line.CallsPerSecond, Calls: j.line.MaxCalls}
	if limits == (budget.Limits{}) {
		return nil
	}
	wait, err := d.Budget.Take(ctx, subject.TrunkKey(j.call.Org, j.call.Trunk), j.call.Call, limits, left)
	switch {
	case err != nil:
		// Unbounded dialling could do more harm than a late call.
		return &bus.Again{After: time.Second + jitter(time.Second), Err: err}
	case wait > left:
		return d.expire(ctx, j)
	case wait == budget.Busy: // thousands that wait must not all ask every second
		wait *= time.Duration(min(j.order.Delivery, 8))
		fallthrough
	case wait > 0:
		d.Metrics.Waits.Inc()
		return &bus.Again{After: wait + jitter(wait/8), Err: errors.New("the trunk's dial budget is used up")}
	}
	return nil
}

// lock records that the next attempt begins, and reports whether it is this
// worker's to carry out.
func (d *Dialer) lock(ctx context.Context, j *job) (mine bool, err error) {
	stored, won, err := d.Record(ctx, j.call.State, event.CallDialing{Attempt: j.call.Attempt + 1})
	if err != nil {
		return false, err
	}
	j.call.Add(stored)
	return won, nil
}

// dial writes the one request of an attempt that this worker has the lock of.
func (d *Dialer) dial(ctx context.Context, j *job) error {
	// Somebody may have hung up while the lock was being taken.
	switch ended, err := d.Ended(ctx, j.call.State); {
	case err != nil:
		// Nobody could be told of an answer. Nothing is written yet: that is
		// the best proof there is.
		return d.tryAgain(ctx, j, err)
	case ended:
		d.free(ctx, j)
		return nil
	}
	req := d.Request(j.call)
	req.AMD, req.SendDigits = j.ask.AMD, j.ask.SendDigits
	res, err := j.line.Account.Dial(ctx, req)
	if err == nil {
		d.Metrics.Dials.WithLabelValues(j.call.Provider, "ok").Inc()
		return d.Initiated(ctx, j.call.State, res)
	}
	kind := provider.KindOf(err)
	d.Metrics.Dials.WithLabelValues(j.call.Provider, string(kind)).Inc()
	d.Entry(j.call.State).WithError(err).WithField("attempt", j.call.Attempt).Warn("dial failed")
	switch kind {
	case provider.KindUnavailable, provider.KindRateLimited:
		return d.tryAgain(ctx, j, err)
	case provider.KindUncertain, provider.KindInternal:
		return d.find(ctx, j)
	}
	return d.End(ctx, j.call.State, endOf(err, causeOf(kind)))
}

// tryAgain records the proof that an attempt rang nobody and asks for the order
// once more, unless there is no attempt or no time left.
func (d *Dialer) tryAgain(ctx context.Context, j *job, refusal error) error {
	n := j.call.Attempt
	if n >= d.Attempts {
		return d.End(ctx, j.call.State, endOf(refusal, call.CauseCarrier))
	}
	rest := d.Backoff << (n - 1)
	if time.Until(j.call.Requested.ExpiresAt) < rest {
		return d.End(ctx, j.call.State, endOf(refusal, call.CauseExpired))
	}
	if _, _, err := d.Record(ctx, j.call.State, ledger.Refusal(n, refusal)); err != nil {
		return err
	}
	d.free(ctx, j)
	return &bus.Again{After: rest + jitter(rest/8), Err: refusal}
}

// free gives back the slot of a call that is not dialled after all.
func (d *Dialer) free(ctx context.Context, j *job) {
	if err := d.Budget.Free(ctx, subject.TrunkKey(j.call.Org, j.call.Trunk), j.call.Call); err != nil {
		d.Entry(j.call.State).WithError(err).Warn("slot is not given back") // it expires
	}
}

// same reports whether an order is the one for which a call was requested.
func (d *Dialer) same(c command.CallDial, known *ledger.Call) bool {
	if c.Trunk != known.Trunk || c.Application != known.Application {
		return false
	}
	line, err := d.Line(known.Org, known.Trunk)
	if err != nil {
		return true // it cannot be told any more
	}
	to, err := callee(c.To, line)
	return err == nil && to == known.To
}

func (d *Dialer) expire(ctx context.Context, j *job) error {
	return d.abandon(ctx, j, call.CauseExpired, command.Refuse("expired",
		"it could not be dialled before %s; give it a later expires_at, or the trunk more calls_per_second or max_calls",
		j.call.Requested.ExpiresAt.Format(time.RFC3339)))
}

// abandon refuses an order whose call was accepted before: the call ends, too.
func (d *Dialer) abandon(ctx context.Context, j *job, cause call.Cause, refusal error) error {
	end := event.CallEnded{Status: call.Failed, Cause: cause, Detail: refusal.Error()}
	if err := d.End(ctx, j.call.State, end); err != nil {
		return err
	}
	return refusal
}

func endOf(err error, cause call.Cause) event.CallEnded {
	end := event.CallEnded{Status: call.Failed, Cause: cause, Detail: err.Error()}
	var e *provider.Error
	if errors.As(err, &e) {
		end.CarrierCode = e.Code
	}
	return end
}

// causeOf translates the kinds of error that prove that nobody was rung and
// that another attempt would not help.
func causeOf(kind provider.Kind) call.Cause {
	switch kind {
	case provider.KindInvalid, provider.KindUnsupported:
		return call.CauseInvalid
	case provider.KindUnauthenticated, provider.KindForbidden:
		return call.CauseUnauthorized
	case provider.KindNotFound:
		return call.CauseUnreachable
	case provider.KindRejected:
		return call.CauseRejected
	}
	return call.CauseCarrier
}

// jitter keeps orders that wait for the same thing from coming all at once.
func jitter(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most)
}
