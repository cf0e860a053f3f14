package callctl_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/services/callctl"
	"github.com/trunkline-io/trunkline/services/callctl/internal/toy"
)

// running makes a call that the carrier has, in the log and at the carrier.
func running(r *toy.Rig, id string, answered bool, l toy.Leg) {
	r.Helper()
	l.ID, l.CallID, l.To = "L-"+id, id, toy.Callee
	r.Carrier.Add(l)
	r.Record(id, "", event.CallRequested{To: toy.Callee, From: toy.Caller, Application: toy.App, RingSeconds: 1, ExpiresAt: time.Now().Add(time.Hour)})
	r.Record(id, "", event.CallDialing{Attempt: 1})
	r.Record(id, l.ID, event.CallInitiated{})
	if answered {
		r.Record(id, l.ID, event.CallAnswered{})
	}
}

func TestMissedEndIsFetched(t *testing.T) {
	seconds := 42
	for name, c := range map[string]struct {
		answered bool
		leg      toy.Leg
		lost     bool
		want     event.CallEnded
	}{
		"completed": {answered: true, leg: toy.Leg{Status: call.Completed, Seconds: seconds},
			want: event.CallEnded{Status: call.Completed, Cause: call.CauseUnknown, CarrierCode: "toy completed", Seconds: &seconds}},
		"busy": {leg: toy.Leg{Status: call.Busy},
			want: event.CallEnded{Status: call.Busy, Cause: call.CauseUnknown, CarrierCode: "toy busy", Seconds: new(int)}},
		"forgotten after the answer":  {answered: true, lost: true, want: event.CallEnded{Status: call.Completed, Cause: call.CauseUnknown}},
		"forgotten before the answer": {lost: true, want: event.CallEnded{Status: call.Uncertain, Cause: call.CauseUnknown}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := toy.New(t)
			running(r, "c1", c.answered, c.leg)
			if c.lost {
				r.Carrier.Lose("L-c1")
			}
			start(r)
			got, e := toy.Await[event.CallEnded](r, "c1")
			if got.Detail == "" || e.Leg != "L-c1" {
				t.Errorf("ended %+v of leg %q, want a detail, and the leg", got, e.Leg)
			}
			got.Detail = ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLivingCallIsKept(t *testing.T) {
	r := toy.New(t)
	running(r, "quiet", true, toy.Leg{Status: call.Answered})
	running(r, "streams", true, toy.Leg{Status: call.Completed}) // it would be ended if the carrier were asked
	live, err := r.Bus.Bucket(r.Context(), subject.BucketLive)
	r.Must(err)
	stopBeats := heartbeats(r, live, "streams")
	defer stopBeats()
	stop := start(r, func(c *callctl.Config) { c.Quiet = time.Second })
	r.AwaitCarrier("two questions about the quiet call", func() bool { return r.Carrier.Count("GET /calls/{id}") >= 2 })
	if toy.Has[event.CallEnded](r, "quiet") || toy.Has[event.CallEnded](r, "streams") {
		t.Error("a living call was ended")
	}
	if _, _, err := live.Get(r.Context(), subject.LiveKey(toy.Org, "quiet")); err != nil {
		t.Errorf("the call that the carrier says lives has no heartbeat: %v", err)
	}
	stop()
}

// heartbeats is what a media node does while a call streams.
func heartbeats(r *toy.Rig, live *bus.Bucket, id string) (stop func()) {
	ctx, cancel := context.WithCancel(r.Context())
	done := make(chan struct{})
	beat := func() error { return live.Put(ctx, subject.LiveKey(toy.Org, id), []byte("{}")) }
	r.Must(beat())
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := beat(); err != nil && ctx.Err() == nil {
					r.Error(err)
				}
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestCallNobodyCanBeAskedAbout(t *testing.T) {
	r := toy.New(t)
	e := func(f event.Fact, leg string) {
		e := event.New("/test", toy.Org, "c1", f)
		e.Trunk, e.Provider, e.Leg = toy.Bare, toy.Plain, leg
		_, _, err := r.Bus.Record(r.Context(), e)
		r.Must(err)
	}
	r.Carrier.Add(toy.Leg{ID: "L1", CallID: "c1"})
	e(event.CallReceived{From: toy.Callee, To: toy.Caller}, "L1")
	e(event.CallAnswered{}, "L1")
	start(r, func(c *callctl.Config) { c.MaxCall = time.Second })
	end, _ := toy.Await[event.CallEnded](r, "c1")
	if end.Status != call.Uncertain || end.Cause != call.CauseLimit {
		t.Errorf("ended %+v, want uncertain at the limit", end)
	}
	r.AwaitCarrier("the hang-up", func() bool { return r.Carrier.Legs("c1")[0].HungUp > 0 })
}

func TestOrderThatVanishedIsEnded(t *testing.T) {
	r := toy.New(t)
	r.Record("c1", "", event.CallRequested{To: toy.Callee, Application: toy.App, RingSeconds: 1, ExpiresAt: time.Now()})
	start(r)
	if end, _ := toy.Await[event.CallEnded](r, "c1"); end.Status != call.Failed || end.Cause != call.CauseExpired {
		t.Errorf("ended %+v, want failed, expired", end)
	}
}

func TestCostIsAskedUntilItIsKnown(t *testing.T) {
	r := toy.New(t)
	running(r, "c1", true, toy.Leg{Status: call.Answered})
	start(r, func(c *callctl.Config) { c.Quiet = time.Minute })
	r.Record("c1", "L-c1", event.CallEnded{Status: call.Completed, Cause: call.CauseNormal})
	r.AwaitCarrier("a question before the price is known", func() bool { return r.Carrier.Count("GET /calls/{id}/cost") >= 1 })
	want := call.Cost{Amount: "0.0085", Currency: "USD"}
	r.Carrier.SetCost(&want)
	priced, e := toy.Await[event.CallPriced](r, "c1")
	if diff := cmp.Diff(want, priced.Cost); diff != "" || e.Leg != "L-c1" {
		t.Errorf("priced leg %q: %s", e.Leg, diff)
	}
}

// TestOneSweeperActs: of two, one asks; when it stops, the other goes on.
func TestOneSweeperActs(t *testing.T) {
	r := toy.New(t)
	slow := func(c *callctl.Config) { c.Quiet = time.Hour }
	fast := func(c *callctl.Config) { c.Quiet = 50 * time.Millisecond }
	stop := start(r, slow)
	leases, err := r.Bus.Bucket(r.Context(), subject.BucketLeases)
	r.Must(err)
	awaitKey(r, leases, "callctl.sweeper")
	start(r, fast)
	running(r, "c1", true, toy.Leg{Status: call.Completed})
	running(r, "marker", true, toy.Leg{Status: call.Completed})
	r.Dial("c2") // both work
	toy.Await[event.CallInitiated](r, "c2")
	if n := r.Carrier.Count("GET /calls/{id}"); n != 0 {
		t.Errorf("the node without the lease asked %d times", n)
	}
	stop()
	toy.Await[event.CallEnded](r, "c1")
}

func awaitKey(r *toy.Rig, k *bus.Bucket, key string) {
	r.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; r.Context().Err() == nil; <-tick.C {
		if _, _, err := k.Get(r.Context(), key); err == nil {
			return
		}
	}
	r.Fatalf("%s never appeared", key)
}

func TestTwoSweepersDoNothingTwice(t *testing.T) {
	r := toy.New(t)
	for _, id := range []string{"c1", "c2", "c3"} {
		running(r, id, true, toy.Leg{Status: call.Completed})
	}
	r.Carrier.SetCost(&call.Cost{Amount: "1"})
	once := func(c *callctl.Config) { c.Cost = []time.Duration{10 * time.Millisecond, time.Minute} }
	start(r, once)
	start(r, once)
	for _, id := range []string{"c1", "c2", "c3"} {
		toy.Await[event.CallEnded](r, id)
		toy.Await[event.CallPriced](r, id)
	}
	if asked, priced := r.Carrier.Count("GET /calls/{id}"), r.Carrier.Count("GET /calls/{id}/cost"); asked != 3 || priced != 3 {
		t.Errorf("three calls took %d questions for their end and %d for their cost, want 3 and 3", asked, priced)
	}
}

func TestRestartedSweeperDoesNotRepeatItself(t *testing.T) {
	r := toy.New(t)
	stop := start(r)
	r.Carrier.Fail(toy.Fault{Cut: true})
	r.Dial("c1")
	toy.Await[event.CallEnded](r, "c1")
	r.Carrier.Add(toy.Leg{ID: "L9", CallID: "c1", To: toy.Callee})
	r.AwaitCarrier("the hang-up", func() bool { return r.Carrier.Legs("c1")[0].HungUp == 1 })
	toy.Await[event.CarrierReported](r, "c1")
	stop()
	start(r)
	running(r, "c2", true, toy.Leg{Status: call.Completed})
	toy.Await[event.CallEnded](r, "c2")
	if n := r.Carrier.Legs("c1")[0].HungUp; n != 1 {
		t.Errorf("the late leg was hung up %d times, want once", n)
	}
}
