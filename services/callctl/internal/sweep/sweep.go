// Package sweep sees to it that every call has an end. It sums up the log,
// watches which calls give a sign of life, and asks the carrier about those
// that do not: what became of a dial, where a leg stands, what a call cost.
//
// Every node reads along, one acts. Whatever it does is a fact that happens
// once or a request that may be repeated, so two that act do no harm.
package sweep

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/services/callctl/internal/budget"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
)

// Times are the sweeper's periods.
type Times struct {
	Every     time.Duration   // between two looks at all calls
	Grace     time.Duration   // beyond what a ring limit or an expiry allows
	Quiet     time.Duration   // without a sign of life before the carrier is asked
	Patience  time.Duration   // how long whoever began an attempt may be still at it
	FindEvery time.Duration   // between two questions about one dial
	Keep      time.Duration   // between two heartbeats of the slots
	MaxCall   time.Duration   // after which a call that nobody can be asked about is over
	Late      time.Duration   // how long after an end a leg may still show up
	Cost      []time.Duration // after the end: when to ask what it cost
}

// perTrunk is how many questions one carrier is asked at once. Each trunk has
// its own, so that a slow carrier holds up no other.
const perTrunk = 8

// Sweeper is one node's.
type Sweeper struct {
	*ledger.Ledger
	Budget budget.Budget
	Times  Times
	Owner  string // this node, for operators

	live *bus.Bucket
	book *book
}

// filters are the facts that the sweeper sums up, or takes as a sign of life.
func filters() []string {
	return []string{
		subject.Event("*", "*", "call.>", ""),
		subject.Event("*", "*", "stream.>", ""),
		subject.Event("*", "*", event.CarrierReported{}.Type(), "*"),
	}
}

// Run sweeps until ctx ends and then waits for what it began.
func (w *Sweeper) Run(ctx context.Context) error {
	leases, err := w.Bus.Bucket(ctx, subject.BucketLeases)
	if err != nil {
		return err
	}
	if w.live, err = w.Bus.Bucket(ctx, subject.BucketLive); err != nil {
		return err
	}
	w.book = newBook(w.Times)
	turn := bus.Lease{Bucket: leases, Key: "callctl.sweeper", Owner: w.Owner, Log: w.Log}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return w.read(ctx) })
	group.Go(func() error { return w.hear(ctx) })
	group.Go(func() error { return w.keepSlots(ctx) })
	group.Go(func() error {
		turn.Hold(ctx, w.act)
		return nil
	})
	return group.Wait()
}

// read sums up the log, from its start.
func (w *Sweeper) read(ctx context.Context) error {
	for ctx.Err() == nil {
		w.book.reset()
		err := w.Bus.Tail(ctx, bus.Span{Filters: filters()}, w.book.caughtUp, w.book.add)
		if err != nil && ctx.Err() == nil {
			w.Log.WithError(err).Warn("the log cannot be read")
			pause(ctx, time.Second)
		}
	}
	return nil
}

// hear takes in the heartbeats of calls.
func (w *Sweeper) hear(ctx context.Context) error {
	for ctx.Err() == nil {
		err := w.live.Watch(ctx, func() {}, func(ch bus.Change) {
			if ch.Value != nil {
				w.book.beat(ch.Key, time.Now())
			}
		})
		if err != nil && ctx.Err() == nil {
			w.Log.WithError(err).Warn("heartbeats cannot be read")
			pause(ctx, time.Second)
		}
	}
	return nil
}

// keepSlots tells the dial budget which calls are in progress, and which are over.
func (w *Sweeper) keepSlots(ctx context.Context) error {
	tick := time.NewTicker(w.Times.Keep)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-w.book.endings:
			err = w.freeSlots(ctx)
		case <-tick.C:
			err = w.renewSlots(ctx)
		}
		if err != nil && ctx.Err() == nil {
			w.Log.WithError(err).Warn("the dial budget does not know which calls are in progress")
		}
	}
}

func (w *Sweeper) freeSlots(ctx context.Context) error {
	for _, c := range w.book.takeEnded() {
		if !w.bounded(c) {
			continue
		}
		if err := w.Budget.Free(ctx, subject.TrunkKey(c.Org, c.Trunk), c.Call); err != nil {
			return err // the rest expires
		}
	}
	return nil
}

func (w *Sweeper) renewSlots(ctx context.Context) error {
	running := w.book.running()
	w.Metrics.Live.Set(float64(len(running)))
	calls := map[string][]string{}
	for _, c := range running {
		if w.bounded(c) {
			key := subject.TrunkKey(c.Org, c.Trunk)
			calls[key] = append(calls[key], c.Call)
		}
	}
	for key, ids := range calls {
		if err := w.Budget.Keep(ctx, key, ids); err != nil {
			return err
		}
	}
	return nil
}

// bounded reports whether a call's trunk has a limit of calls at once.
func (w *Sweeper) bounded(c event.State) bool {
	line, err := w.Lines.Trunk(c.Org, c.Trunk)
	return err == nil && line.MaxCalls > 0
}

// act looks at all calls again and again, as long as this node has the lease.
func (w *Sweeper) act(ctx context.Context) {
	var inHand sync.WaitGroup
	defer inHand.Wait()
	atOnce := map[string]chan struct{}{}
	tick := time.NewTicker(w.Times.Every)
	defer tick.Stop()
	for {
		for _, task := range w.book.due(time.Now()) {
			trunk := subject.TrunkKey(task.call.Org, task.call.Trunk)
			slots := atOnce[trunk]
			if slots == nil {
				slots = make(chan struct{}, perTrunk)
				atOnce[trunk] = slots
			}
			inHand.Go(func() {
				defer w.book.done(task)
				select {
				case slots <- struct{}{}:
				case <-ctx.Done():
					return
				}
				defer func() { <-slots }()
				if err := w.carryOut(ctx, task); err != nil && ctx.Err() == nil {
					w.Entry(task.call.State).WithError(err).WithField("step", task.step.String()).Warn("the sweeper tries again")
				}
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-w.book.late:
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
