package bus_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// holder runs a lease until stop is called, and tells when it works.
type holder struct {
	name    string
	stop    func()
	stopped chan struct{}
}

func hold(t *testing.T, b *bus.Bus, name string, working chan<- string, atOnce *atomic.Int32) *holder {
	t.Helper()
	k, err := b.Bucket(t.Context(), subject.BucketLeases)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &holder{name: name, stop: cancel, stopped: make(chan struct{})}
	l := bus.Lease{Bucket: k, Key: "callctl.test", Owner: name, Log: bustest.Log(t)}
	go func() {
		defer close(h.stopped)
		l.Hold(ctx, func(ctx context.Context) {
			if n := atOnce.Add(1); n > 1 {
				t.Errorf("%s works while %d others do", name, n-1)
			}
			working <- name
			<-ctx.Done()
			atOnce.Add(-1)
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-h.stopped
	})
	return h
}

func TestOneHoldsAndAnotherFollows(t *testing.T) {
	b := bustest.New(t)
	working := make(chan string, 8)
	var atOnce atomic.Int32
	holders := map[string]*holder{}
	for _, name := range []string{"a", "b", "c"} {
		holders[name] = hold(t, b, name, working, &atOnce)
	}
	seen := map[string]bool{}
	for range 3 {
		name := <-working
		if seen[name] {
			t.Fatalf("%s works again after it stopped", name)
		}
		seen[name] = true
		holders[name].stop()
		<-holders[name].stopped
	}
}

// TestLeaseOfTheDeadExpires: nobody gives back what a killed process held.
func TestLeaseOfTheDeadExpires(t *testing.T) {
	b := bustest.New(t)
	k, err := b.Bucket(t.Context(), subject.BucketLeases)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(t.Context(), "callctl.test", []byte("dead")); err != nil {
		t.Fatal(err)
	}
	working := make(chan string, 1)
	var atOnce atomic.Int32
	hold(t, b, "a", working, &atOnce)
	<-working
	if owner, _, err := k.Get(t.Context(), "callctl.test"); err != nil || string(owner) != "a" {
		t.Errorf("the lease is %q's, %v", owner, err)
	}
}

func TestLostLeaseStopsTheWork(t *testing.T) {
	b := bustest.New(t)
	working := make(chan string, 8)
	var atOnce atomic.Int32
	hold(t, b, "a", working, &atOnce)
	<-working
	k, err := b.Bucket(t.Context(), subject.BucketLeases)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Put(t.Context(), "callctl.test", []byte("thief")); err != nil {
		t.Fatal(err)
	}
	<-working // only after the work stopped and the thief's lease is over
}

func TestLeaseIsGivenBack(t *testing.T) {
	b := bustest.New(t)
	working := make(chan string, 1)
	var atOnce atomic.Int32
	h := hold(t, b, "a", working, &atOnce)
	<-working
	h.stop()
	<-h.stopped
	k, err := b.Bucket(t.Context(), subject.BucketLeases)
	if err != nil {
		t.Fatal(err)
	}
	if owner, _, err := k.Get(t.Context(), "callctl.test"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("the lease is still %q's, %v", owner, err)
	}
}
