package sweep

import (
	"context"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
)

// carryOut does one task. After an error the call comes up again.
func (w *Sweeper) carryOut(ctx context.Context, t *task) error {
	t.rest = w.Times.FindEvery
	switch t.step {
	case expire:
		return w.end(ctx, &t.call, event.CallEnded{Status: call.Failed, Cause: call.CauseExpired, Detail: "nobody dialled it before it expired"})
	case find:
		if t.call.End != nil { // less and less often
			t.rest = max(t.rest, time.Since(t.call.EndedAt)/4)
		}
		_, err := w.find(ctx, &t.call)
		return err
	case lose:
		return w.lose(ctx, t)
	case ask:
		return w.ask(ctx, t)
	case hangUp:
		return w.hangUpLate(ctx, &t.call)
	case price:
		return w.price(ctx, t)
	}
	return nil
}

// end records an end, unless the log knows better by now than what this node
// has read of it.
func (w *Sweeper) end(ctx context.Context, c *ledger.Call, end event.CallEnded) error {
	fresh, err := w.Read(ctx, c.Org, c.Call)
	if err != nil {
		return err
	}
	if fresh.Status != c.Status || fresh.Attempt != c.Attempt || fresh.Located() != c.Located() {
		return nil
	}
	return w.End(ctx, fresh.State, end)
}

func (w *Sweeper) find(ctx context.Context, c *ledger.Call) (bool, error) {
	line, err := w.Line(c.Org, c.Trunk)
	if err != nil {
		return false, err
	}
	return w.Find(ctx, line, c, func() bool { return w.book.rival(c) })
}

// lose ends a call of which nobody knows whether it was ever made. Should its
// leg show up later, it is hung up.
func (w *Sweeper) lose(ctx context.Context, t *task) error {
	found, err := w.find(ctx, &t.call)
	if found {
		return nil
	}
	if err != nil {
		w.Entry(t.call.State).WithError(err).Warn("the carrier does not tell about the dial")
	}
	return w.end(ctx, &t.call, event.CallEnded{Status: call.Uncertain, Cause: call.CauseUncertain,
		Detail: "the carrier never told what became of the dial"})
}

// ask asks the carrier about a call that gives no sign of life.
func (w *Sweeper) ask(ctx context.Context, t *task) error {
	c := &t.call
	t.rest = w.Times.Quiet
	line, err := w.Line(c.Org, c.Trunk)
	var s provider.LegStatus
	if err == nil {
		s, err = line.Account.Status(ctx, w.Leg(c))
	}
	switch {
	case err == nil && s.Status.Terminal():
		cause := s.Cause
		if cause == "" {
			cause = call.CauseUnknown
		}
		if s.Status == call.Uncertain && !c.AnsweredAt.IsZero() {
			s.Status = call.Completed
		}
		return w.end(ctx, c, event.CallEnded{Status: s.Status, Cause: cause, CarrierCode: s.Raw, Seconds: s.Seconds,
			Detail: "the carrier told it when asked"})
	case err == nil:
		return w.live.Put(ctx, subject.LiveKey(c.Org, c.Call), []byte(`{"by":"callctl"}`))
	case provider.KindOf(err) == provider.KindNotFound:
		end := event.CallEnded{Status: call.Uncertain, Cause: call.CauseUnknown, Detail: "the carrier does not know the call any more"}
		if !c.AnsweredAt.IsZero() {
			end.Status = call.Completed
		}
		return w.end(ctx, c, end)
	case time.Since(c.StartedAt) < w.Times.MaxCall:
		if provider.KindOf(err) == provider.KindUnsupported {
			return nil
		}
		return err
	}
	// Nobody can be asked, and it is longer than any call may be.
	if err := w.sendHangup(ctx, c); err != nil {
		return err
	}
	return w.end(ctx, c, event.CallEnded{Status: call.Uncertain, Cause: call.CauseLimit, Detail: "it gave no sign of life, and the carrier cannot be asked"})
}

// hangUpLate orders that a leg that showed up after its call's end is hung up.
func (w *Sweeper) hangUpLate(ctx context.Context, c *ledger.Call) error {
	mine := true
	if c.Leg != "" {
		var err error
		// A leg found by guessing may turn out to be another call's.
		if mine, err = w.Claim(ctx, c.State, c.Leg); err != nil {
			return err
		}
	}
	if mine {
		w.Entry(c.State).Warn("a leg showed up after the end of its call; it is hung up")
		if err := w.sendHangup(ctx, c); err != nil {
			return err
		}
	}
	_, _, err := w.Record(ctx, c.State, ledger.LateLeg(mine))
	return err
}

func (w *Sweeper) sendHangup(ctx context.Context, c *ledger.Call) error {
	order := command.CallHangup{Cause: call.CauseUncertain}
	if c.Leg != "" {
		order.Trunk, order.Leg = c.Trunk, c.Leg
	}
	return w.Bus.Send(ctx, c.Org, c.Call, order)
}

// price asks what a call cost.
func (w *Sweeper) price(ctx context.Context, t *task) error {
	line, err := w.Line(t.call.Org, t.call.Trunk)
	if err != nil || !line.Account.Can(provider.CanReadCost) {
		t.unsold = true
		return nil //nolint:nilerr // without its trunk nobody can be asked
	}
	cost, err := line.Account.Cost(ctx, w.Leg(&t.call))
	if err != nil || cost == nil {
		return err
	}
	_, _, err = w.Record(ctx, t.call.State, event.CallPriced{ID: subject.Token(t.call.Leg), Cost: *cost})
	return err
}
