package callctl_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/config"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl"
	"github.com/trunkline-io/trunkline/services/callctl/internal/toy"
)

// quick is a configuration with short periods.
func quick(links trunk.Links) (cfg callctl.Config, err error) {
	err = config.Load(nil, &cfg)
	cfg.Links, cfg.Listen = links, ""
	cfg.Backoff, cfg.Patience, cfg.AckWait = 20*time.Millisecond, 100*time.Millisecond, time.Second
	cfg.Sweep, cfg.Grace, cfg.Quiet, cfg.Find = 20*time.Millisecond, 200*time.Millisecond, 300*time.Millisecond, 50*time.Millisecond
	cfg.Cost = []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 10 * time.Second}
	return cfg, err
}

// start runs callctl on a connection of its own. The returned function stops it
// and waits; the end of the test does it, too.
func start(r *toy.Rig, change ...func(*callctl.Config)) (stop func()) {
	r.Helper()
	cfg, err := quick(r.Links)
	r.Must(err)
	ready := make(chan struct{})
	cfg.Ready = func() { close(ready) }
	for _, f := range change {
		f(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	b := bustest.Connect(r.T, r.NATS)
	go func() { done <- callctl.Run(ctx, cfg, b, bustest.Log(r.T)) }()
	select {
	case <-ready:
	case err := <-done:
		r.Fatalf("callctl does not start: %v", err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.Errorf("callctl: %v", err)
		}
	})
	r.Cleanup(stop)
	return stop
}

func TestDial(t *testing.T) {
	r := toy.New(t)
	start(r)
	r.Dial("c1", func(c *command.CallDial) {
		c.To, c.RingSeconds, c.Variables = "(415) 555-0177", 0, map[string]string{"name": "Ada"}
	})
	_, initiated := toy.Await[event.CallInitiated](r, "c1")

	requested, e := toy.Await[event.CallRequested](r, "c1")
	if left := time.Until(requested.ExpiresAt); left < command.DefaultExpiry-time.Minute || left > command.DefaultExpiry {
		t.Errorf("expires in %s, want %s from publication", left, command.DefaultExpiry)
	}
	requested.ExpiresAt = time.Time{}
	want := event.CallRequested{To: toy.Callee, From: toy.Caller, Application: toy.App, RingSeconds: command.DefaultRingSeconds,
		Variables: map[string]string{"name": "Ada"}}
	if diff := cmp.Diff(want, requested); diff != "" {
		t.Error(diff)
	}
	if e.Trunk != toy.Main || e.Provider != toy.Name || e.Source != "/callctl" {
		t.Errorf("call.requested of trunk %q, provider %q, source %q", e.Trunk, e.Provider, e.Source)
	}
	dialing, _ := toy.Await[event.CallDialing](r, "c1")
	if dialing.Attempt != 1 {
		t.Errorf("attempt %d, want 1", dialing.Attempt)
	}
	legs := r.Carrier.Legs("c1")
	if len(legs) != 1 || legs[0].ID != initiated.Leg || legs[0].To != toy.Callee || legs[0].From != toy.Caller {
		t.Fatalf("the carrier has %+v, want the one leg %q", legs, initiated.Leg)
	}
	hook := r.Links.Hook(trunk.HookPath{Provider: toy.Name, Org: toy.Org, Trunk: toy.Main, Hook: "status", Call: "c1"})
	if legs[0].Hooks["status"] != hook {
		t.Errorf("status URL %q, want %q", legs[0].Hooks["status"], hook)
	}
	owners, err := r.Bus.Bucket(r.Context(), subject.BucketLegs)
	r.Must(err)
	owner, _, err := owners.Get(r.Context(), subject.LegKey(toy.Org, toy.Main, initiated.Leg))
	r.Must(err)
	if got := string(owner); got != `{"org":"default","call_id":"c1"}` {
		t.Errorf("the leg belongs to %s", got)
	}
}

func TestTwoWorkersRingOnce(t *testing.T) {
	r := toy.New(t)
	short := func(c *callctl.Config) { c.AckWait = 200 * time.Millisecond }
	start(r, short)
	start(r, short)
	hold := make(chan struct{})
	r.Carrier.Fail(toy.Fault{Hold: hold})
	r.Dial("c1")
	// While one worker waits for the carrier, its order is given to the other,
	// which looks for the dial over and over and never makes it.
	r.AwaitCarrier("a second worker that looks for the dial", func() bool { return r.Carrier.Count("GET /calls") > 0 })
	close(hold)
	toy.Await[event.CallInitiated](r, "c1")
	r.Dial("c1") // the very same order once more
	r.Dial("c2")
	toy.Await[event.CallInitiated](r, "c2")
	if n := r.Carrier.Asked(); n != 2 {
		t.Errorf("the carrier was asked for %d calls, want one each", n)
	}
}

// TestCrashPoints starts from what a worker that was killed left in the log.
func TestCrashPoints(t *testing.T) {
	requested := event.CallRequested{To: toy.Callee, From: toy.Caller, Application: toy.App, RingSeconds: 1, ExpiresAt: time.Now().Add(time.Hour)}
	refusal := event.CarrierReported{ID: "dial-1", Kind: "dial", Status: "rate_limited"}
	for name, c := range map[string]struct {
		facts  []event.Fact
		legs   []toy.Leg
		asked  int
		status call.Status // in the end, when it is one
	}{
		"before anything":                 {asked: 1},
		"after call.requested":            {facts: []event.Fact{requested}, asked: 1},
		"after call.dialing, not written": {facts: []event.Fact{requested, event.CallDialing{Attempt: 1}}, status: call.Uncertain},
		"after call.dialing, written": {facts: []event.Fact{requested, event.CallDialing{Attempt: 1}},
			legs: []toy.Leg{{ID: "L1", CallID: "c1", To: toy.Callee}}},
		"after the proof that nobody was rung": {facts: []event.Fact{requested, event.CallDialing{Attempt: 1}, refusal}, asked: 1},
		"after the last proof": {facts: []event.Fact{requested, event.CallDialing{Attempt: 4},
			event.CarrierReported{ID: "dial-4", Kind: "dial", Status: "rate_limited"}}, status: call.Failed},
		"after call.initiated": {facts: []event.Fact{requested, event.CallDialing{Attempt: 1}, event.CallInitiated{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := toy.New(t)
			for _, f := range c.facts {
				leg := ""
				if _, ok := f.(event.CallInitiated); ok {
					leg = "L0"
				}
				r.Record("c1", leg, f)
			}
			for _, l := range c.legs {
				r.Carrier.Add(l)
			}
			stop := start(r)
			r.Dial("c1")
			if c.status != "" {
				if end, _ := toy.Await[event.CallEnded](r, "c1"); end.Status != c.status {
					t.Errorf("ended %+v, want %s", end, c.status)
				}
			} else {
				toy.Await[event.CallInitiated](r, "c1")
			}
			stop() // waits for orders in hand
			if n := r.Carrier.Asked(); n != c.asked {
				t.Errorf("the carrier was asked for %d calls, want %d", n, c.asked)
			}
		})
	}
}

func TestLostReplyIsFoundAtTheCarrier(t *testing.T) {
	r := toy.New(t)
	start(r)
	r.Carrier.Fail(toy.Fault{Ring: true, Cut: true})
	r.Dial("c1")
	_, e := toy.Await[event.CallInitiated](r, "c1")
	legs := r.Carrier.Legs("c1")
	if len(legs) != 1 || e.Leg != legs[0].ID || legs[0].HungUp != 0 {
		t.Errorf("the carrier has %+v, want one leg, which goes on, and %q in the log", legs, e.Leg)
	}
}

func TestUncertainDialEndsAndItsLateLegIsHungUp(t *testing.T) {
	for name, appear := range map[string]func(r *toy.Rig){
		"found at the carrier": func(r *toy.Rig) { r.Carrier.Add(toy.Leg{ID: "L9", CallID: "c1", To: toy.Callee}) },
		"told by a callback": func(r *toy.Rig) {
			r.Carrier.Add(toy.Leg{ID: "L9", CallID: "c1", To: toy.Callee, Hidden: true})
			r.Record("c1", "L9", event.CallRinging{})
		},
		"told by the dialler": func(r *toy.Rig) {
			r.Carrier.Add(toy.Leg{ID: "L9", CallID: "c1", To: toy.Callee, Hidden: true})
			r.Record("c1", "L9", event.CallInitiated{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := toy.New(t)
			start(r)
			r.Carrier.Fail(toy.Fault{Cut: true})
			r.Dial("c1")
			end, e := toy.Await[event.CallEnded](r, "c1")
			if end.Status != call.Uncertain || end.Cause != call.CauseUncertain {
				t.Fatalf("ended %+v, want uncertain", end)
			}
			dialing, d := toy.Await[event.CallDialing](r, "c1")
			if after := e.Time.Sub(d.Time); after < 1200*time.Millisecond {
				t.Errorf("attempt %d is given up after %s, want ring limit and grace", dialing.Attempt, after)
			}
			appear(r)
			r.AwaitCarrier("the late leg is hung up", func() bool { return len(r.Carrier.Legs("c1")) == 1 && r.Carrier.Legs("c1")[0].HungUp > 0 })
			if n := r.Carrier.Asked(); n != 1 {
				t.Errorf("the carrier was asked for %d calls, want 1", n)
			}
		})
	}
}

func TestLegOfAnotherCallIsNotAdopted(t *testing.T) {
	r := toy.New(t)
	start(r)
	r.Dial("c1")
	toy.Await[event.CallInitiated](r, "c1")
	r.Carrier.Fail(toy.Fault{Cut: true})
	r.Dial("c2") // to the same number: the carrier names the leg of c1 when asked
	if end, _ := toy.Await[event.CallEnded](r, "c2"); end.Status != call.Uncertain {
		t.Errorf("ended %+v, want uncertain", end)
	}
	if r.Carrier.Count("GET /calls") == 0 || toy.Has[event.CallInitiated](r, "c2") || r.Carrier.Legs("c1")[0].HungUp > 0 {
		t.Error("c2 took the leg of c1")
	}
}

// TestSecondTryOfAnUncertainCallIsLeftAlone: the leg of a call that is being
// dialled must not be taken for the late leg of the one before.
func TestSecondTryOfAnUncertainCallIsLeftAlone(t *testing.T) {
	r := toy.New(t)
	start(r)
	r.Carrier.Fail(toy.Fault{Cut: true})
	r.Dial("c1")
	toy.Await[event.CallEnded](r, "c1")
	hold := make(chan struct{})
	r.Carrier.Fail(toy.Fault{Hold: hold})
	r.Dial("c2")
	r.AwaitCarrier("the second dial", func() bool { return r.Carrier.Asked() == 2 })
	asked := r.Carrier.Count("GET /calls")
	r.AwaitCarrier("questions about the first", func() bool { return r.Carrier.Count("GET /calls") > asked+2 })
	close(hold)
	toy.Await[event.CallInitiated](r, "c2")
	asked = r.Carrier.Count("GET /calls")
	r.AwaitCarrier("more questions", func() bool { return r.Carrier.Count("GET /calls") > asked })
	if toy.Has[event.CallInitiated](r, "c1") || r.Carrier.Legs("c2")[0].HungUp > 0 {
		t.Error("the first call took the leg of the second")
	}
}

func TestRefusedAttemptsAreRepeated(t *testing.T) {
	busy := toy.Fault{Status: 429}
	for name, c := range map[string]struct {
		faults  []toy.Fault
		attempt int
		end     *event.CallEnded
	}{
		"once":   {faults: []toy.Fault{busy}, attempt: 2},
		"thrice": {faults: []toy.Fault{busy, {Status: 503}, busy}, attempt: 4},
		"always": {faults: []toy.Fault{busy, busy, busy, busy}, attempt: 4,
			end: &event.CallEnded{Status: call.Failed, Cause: call.CauseCarrier, CarrierCode: "toy-429"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := toy.New(t)
			start(r)
			r.Carrier.Fail(c.faults...)
			r.Dial("c1")
			if c.end == nil {
				toy.Await[event.CallInitiated](r, "c1")
			} else {
				got, _ := toy.Await[event.CallEnded](r, "c1")
				got.Detail = ""
				if diff := cmp.Diff(*c.end, got); diff != "" {
					t.Error(diff)
				}
			}
			s, err := r.Bus.State(r.Context(), toy.Org, "c1")
			r.Must(err)
			if s.Attempt != c.attempt || r.Carrier.Asked() != c.attempt {
				t.Errorf("attempt %d and %d requests, want %d", s.Attempt, r.Carrier.Asked(), c.attempt)
			}
		})
	}
}

func TestConnectionRefusedIsRepeated(t *testing.T) {
	r := toy.New(t)
	gone := toy.Start(t)
	gone.Close()
	r.PutTrunk(trunk.Trunk{Name: toy.Main, Provider: toy.Name, Country: "US", APIURL: gone.URL})
	start(r, func(c *callctl.Config) { c.Attempts = 1000 })
	r.Dial("c1")
	refusal, _ := toy.Await[event.CarrierReported](r, "c1")
	if refusal.ID != "dial-1" || refusal.Status != "unavailable" {
		t.Errorf("the log has %+v, want the proof that attempt 1 rang nobody", refusal)
	}
	r.PutTrunk(trunk.Trunk{Name: toy.Main, Provider: toy.Name, Country: "US"})
	toy.Await[event.CallInitiated](r, "c1")
	if n := r.Carrier.Asked(); n != 1 {
		t.Errorf("the carrier was asked for %d calls, want 1", n)
	}
}

func TestFinalRefusalsEndTheCall(t *testing.T) {
	for status, want := range map[int]call.Cause{400: call.CauseInvalid, 401: call.CauseUnauthorized, 404: call.CauseUnreachable, 422: call.CauseRejected} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			r := toy.New(t)
			start(r)
			r.Carrier.Fail(toy.Fault{Status: status})
			r.Dial("c1")
			end, _ := toy.Await[event.CallEnded](r, "c1")
			if end.Status != call.Failed || end.Cause != want || end.Detail == "" {
				t.Errorf("ended %+v, want failed, %s", end, want)
			}
			r.Dial("c1")
			r.Dial("c2")
			toy.Await[event.CallInitiated](r, "c2")
			if n := r.Carrier.Asked(); n != 2 {
				t.Errorf("the carrier was asked for %d calls, want 2", n)
			}
		})
	}
}

func TestDrain(t *testing.T) {
	r := toy.New(t)
	stop := start(r)
	hold := make(chan struct{})
	r.Carrier.Fail(toy.Fault{Hold: hold})
	r.Dial("c1")
	r.AwaitCarrier("the dial", func() bool { return r.Carrier.Asked() == 1 })
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	r.Dial("c2") // for whoever comes next
	close(hold)
	<-stopped
	if !toy.Has[event.CallInitiated](r, "c1") {
		t.Error("the order in hand was dropped")
	}
	start(r)
	toy.Await[event.CallInitiated](r, "c2")
	if n := r.Carrier.Asked(); n != 2 {
		t.Errorf("the carrier was asked for %d calls, want 2", n)
	}
}

func TestLimitsOfATrunk(t *testing.T) {
	r := toy.New(t)
	r.PutTrunk(trunk.Trunk{Name: toy.Main, Provider: toy.Name, Country: "US", MaxCalls: 1, CallsPerSecond: 20})
	start(r, func(c *callctl.Config) { c.Quiet = time.Minute })
	r.Dial("c1")
	_, first := toy.Await[event.CallInitiated](r, "c1")
	r.Dial("late", func(c *command.CallDial) { c.ExpiresAt = time.Now().Add(1500 * time.Millisecond) })
	if failed, _ := toy.Await[event.CommandFailed](r, "late"); failed.Code != "expired" {
		t.Errorf("refused with %+v, want expired", failed)
	}
	if end, _ := toy.Await[event.CallEnded](r, "late"); end.Status != call.Failed || end.Cause != call.CauseExpired {
		t.Errorf("ended %+v, want expired", end)
	}
	r.Dial("c2")
	toy.Await[event.CallRequested](r, "c2")
	if n := r.Carrier.Asked(); n != 1 {
		t.Errorf("%d calls at once, want 1", n)
	}
	r.Record("c1", first.Leg, event.CallEnded{Status: call.Busy, Cause: call.CauseBusy})
	toy.Await[event.CallInitiated](r, "c2")
}

func TestSettingsThatCannotWork(t *testing.T) {
	r := toy.New(t)
	for name, change := range map[string]func(*callctl.Config){
		"no public URL":  func(c *callctl.Config) { c.Links.Hooks = "" },
		"no sweeps":      func(c *callctl.Config) { c.Sweep = 0 },
		"no workers":     func(c *callctl.Config) { c.Parallel = 0 },
		"no Redis there": func(c *callctl.Config) { c.RedisURL = "http://x" },
	} {
		t.Run(name, func(t *testing.T) {
			var cfg callctl.Config
			r.Must(config.Load(nil, &cfg))
			cfg.Links, cfg.Listen = r.Links, ""
			change(&cfg)
			if err := callctl.Run(t.Context(), cfg, r.Bus, bustest.Log(t)); err == nil {
				t.Error("callctl runs")
			}
		})
	}
}
