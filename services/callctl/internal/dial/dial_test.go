package dial_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl/internal/budget"
	"github.com/trunkline-io/trunkline/services/callctl/internal/dial"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
	"github.com/trunkline-io/trunkline/services/callctl/internal/toy"
)

// newDialer is one worker's dialler, on a connection of its own.
func newDialer(r *toy.Rig) *dial.Dialer {
	r.Helper()
	log := bustest.Log(r.T)
	l := &ledger.Ledger{Bus: bustest.Connect(r.T, r.NATS), Lines: trunk.NewCache(r.Links.Keys, log), Links: r.Links, Log: log,
		Metrics: ledger.NewMetrics(prometheus.NewRegistry())}
	r.Must(l.Open(r.Context()))
	ctx, cancel := context.WithCancel(r.Context())
	loaded, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- l.Lines.Watch(ctx, l.Bus, func() { close(loaded) }) }()
	r.Cleanup(func() {
		cancel()
		<-done
	})
	<-loaded
	return &dial.Dialer{Ledger: l, Budget: budget.NewMemory(time.Now), Attempts: 4, Backoff: time.Millisecond, Patience: time.Millisecond}
}

var order = on(toy.Main)

func on(trunkName string) command.CallDial {
	return command.CallDial{Trunk: trunkName, To: toy.Callee, Application: toy.App, RingSeconds: 1}
}

func delivery(id string, n int) *bus.Order {
	return &bus.Order{ID: "1", Org: toy.Org, Call: id, Type: order.Type(), Published: time.Now(), Delivery: n}
}

// take gives an order out until it is done, as the queue would.
func take(ctx context.Context, d *dial.Dialer, id string) error {
	return takeOn(ctx, d, id, toy.Main)
}

func takeOn(ctx context.Context, d *dial.Dialer, id, trunkName string) error {
	for n := 1; ; n++ {
		err := d.Take(ctx, delivery(id, n), on(trunkName))
		var again *bus.Again
		if !errors.As(err, &again) {
			return err
		}
		select {
		case <-time.After(again.After):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestTheSameOrderToManyWorkersAtOnce is the worst that a queue can do.
func TestTheSameOrderToManyWorkersAtOnce(t *testing.T) {
	const workers, deliveries, calls = 3, 4, 8
	r := toy.New(t)
	r.Carrier.Fail(toy.Fault{Status: 429}, toy.Fault{Ring: true, Cut: true}, toy.Fault{Status: 503}, toy.Fault{Ring: true, Status: 500})
	var wg sync.WaitGroup
	for range workers {
		d := newDialer(r)
		for range deliveries {
			for c := range calls {
				wg.Go(func() {
					if err := take(r.Context(), d, fmt.Sprint("c", c)); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
	wg.Wait()
	for c := range calls {
		id := fmt.Sprint("c", c)
		if legs := r.Carrier.Legs(id); len(legs) != 1 {
			t.Errorf("call %s rang %d times, want once", id, len(legs))
		}
	}
	if n := r.Carrier.Asked(); n != calls+2 {
		t.Errorf("the carrier was asked for %d calls, want %d and the 2 that it refused", n, calls)
	}
}

// TestWorkerDiesWhileTheCarrierDials cancels at the worst moment.
func TestWorkerDiesWhileTheCarrierDials(t *testing.T) {
	r := toy.New(t)
	dying, next := newDialer(r), newDialer(r)
	hold := make(chan struct{})
	defer close(hold)
	r.Carrier.Fail(toy.Fault{Hold: hold})
	ctx, die := context.WithCancel(r.Context())
	died := make(chan error, 1)
	go func() { died <- takeOn(ctx, dying, "c1", toy.Sure) }()
	r.AwaitCarrier("the dial", func() bool { return r.Carrier.Asked() == 1 })
	die()
	<-died
	if toy.Has[event.CallInitiated](r, "c1") {
		t.Fatal("the dead worker knows the leg")
	}
	r.Must(takeOn(r.Context(), next, "c1", toy.Sure))
	_, e := toy.Await[event.CallInitiated](r, "c1")
	if legs := r.Carrier.Legs("c1"); len(legs) != 1 || legs[0].ID != e.Leg || r.Carrier.Asked() != 1 {
		t.Errorf("%d requests, legs %+v, and leg %q in the log; want the first request's", r.Carrier.Asked(), legs, e.Leg)
	}
	r.Must(takeOn(r.Context(), next, "c1", toy.Sure)) // its acknowledgement was lost
	if n := r.Carrier.Asked(); n != 1 {
		t.Errorf("the carrier was asked for %d calls, want 1", n)
	}
}

func TestNoAttemptBeginsAfterTheEnd(t *testing.T) {
	r := toy.New(t)
	d := newDialer(r)
	r.Carrier.Fail(toy.Fault{Status: 429})
	var again *bus.Again
	if err := d.Take(r.Context(), delivery("c1", 2), order); !errors.As(err, &again) {
		t.Fatalf("got %v, want to be asked again", err)
	}
	r.Record("c1", "", event.CallEnded{Status: "canceled", Cause: "canceled"})
	r.Must(take(r.Context(), d, "c1"))
	if n := r.Carrier.Asked(); n != 1 {
		t.Errorf("the carrier was asked for %d calls, want 1", n)
	}
}

// hangingUp is a budget during whose answer somebody hangs up.
type hangingUp struct {
	budget.Budget
	r *toy.Rig
}

func (h hangingUp) Take(_ context.Context, _, id string, _ budget.Limits, _ time.Duration) (time.Duration, error) {
	h.r.Record(id, "", event.CallEnded{Status: "canceled", Cause: "canceled"})
	return 0, nil
}

func TestNobodyIsRungWhoWasHungUpBefore(t *testing.T) {
	r := toy.New(t)
	r.PutTrunk(trunk.Trunk{Name: toy.Main, Provider: toy.Name, Country: "US", MaxCalls: 1})
	d := newDialer(r)
	d.Budget = hangingUp{d.Budget, r}
	r.Must(take(r.Context(), d, "c1"))
	if n := r.Carrier.Asked(); n != 0 || !toy.Has[event.CallDialing](r, "c1") {
		t.Errorf("the carrier was asked for %d calls after the end", n)
	}
}

// away is a budget that cannot be asked.
type away struct{ budget.Budget }

func (away) Take(context.Context, string, string, budget.Limits, time.Duration) (time.Duration, error) {
	return 0, errors.New("away")
}

func TestNobodyIsRungWhileTheBudgetIsAway(t *testing.T) {
	r := toy.New(t)
	r.PutTrunk(trunk.Trunk{Name: toy.Main, Provider: toy.Name, Country: "US", CallsPerSecond: 100})
	d := newDialer(r)
	d.Budget = away{}
	var again *bus.Again
	if err := d.Take(r.Context(), delivery("c1", 1), order); !errors.As(err, &again) {
		t.Errorf("got %v, want to be asked again", err)
	}
	if n := r.Carrier.Asked(); n != 0 {
		t.Errorf("the carrier was asked for %d calls", n)
	}
}
