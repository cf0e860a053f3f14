package callctl_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl"
	"github.com/trunkline-io/trunkline/services/callctl/internal/toy"
)

// workerAt is the variable by which the test's own program becomes a worker on
// the NATS server named in it.
const workerAt = "CALLCTL_TEST_WORKER_AT"

// inHand is how many orders a worker of this test has in hand at once.
const inHand = 4

func TestMain(m *testing.M) {
	if url := os.Getenv(workerAt); url != "" {
		if err := worker(url); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func worker(url string) error {
	log, err := service.NewLog(os.Stderr, "error")
	if err != nil {
		return err
	}
	keys, err := trunk.NewKeys(toy.Secret)
	if err != nil {
		return err
	}
	ctx := context.Background()
	b, err := bus.Connect(ctx, bus.Config{URL: url, Replicas: 1}, "worker", log)
	if err != nil {
		return err
	}
	cfg, err := quick(trunk.Links{Keys: keys, Hooks: "https://hooks.example.net"})
	if err != nil {
		return err
	}
	cfg.Parallel = inHand
	return callctl.Run(ctx, cfg, b, log)
}

// TestKilledWorkers kills one worker after another, each while the carrier
// dials for it, and lets a last one clear up.
func TestKilledWorkers(t *testing.T) {
	const kills, calls = 4, 40
	r := toy.New(t)
	for i := range calls {
		r.Dial(callID(i), func(c *command.CallDial) { c.To = fmt.Sprintf("+1415555%04d", 1000+i) })
	}
	for range kills {
		hold := make(chan struct{})
		answer := sync.OnceFunc(func() { close(hold) })
		r.Cleanup(answer)
		r.Carrier.Fail(toy.Fault{}, toy.Fault{Status: 429}, toy.Fault{Hold: hold}, toy.Fault{}, toy.Fault{Hold: hold})
		asked := r.Carrier.Asked()
		cmd := exec.CommandContext(r.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), workerAt+"="+r.NATS.ClientURL())
		cmd.Stderr = os.Stderr
		r.Must(cmd.Start())
		r.AwaitCarrier("dials of the next worker", func() bool { return r.Carrier.Asked() >= asked+5 })
		r.Must(cmd.Process.Kill())
		_ = cmd.Wait() // killed
		answer()
	}
	start(r, func(c *callctl.Config) { c.Quiet = time.Hour })
	uncertain := 0
	for i := range calls {
		id := callID(i)
		switch s := outcome(r, id); {
		case s.Status == call.Uncertain:
			uncertain++ // killed between the lock and the request
		case s.Leg == "":
			t.Errorf("call %s is %s without a leg", id, s.Status)
		}
		if legs := r.Carrier.Legs(id); len(legs) > 1 {
			t.Errorf("call %s rang %d times", id, len(legs))
		}
	}
	t.Logf("of %d calls %d are uncertain after %d kills; the carrier was asked %d times", calls, uncertain, kills, r.Carrier.Asked())
	if uncertain > kills*inHand {
		t.Errorf("%d calls are uncertain, more than were in hand", uncertain)
	}
}

func callID(i int) string { return fmt.Sprintf("c%02d", i) }

// outcome waits until a call has a leg or an end.
func outcome(r *toy.Rig, id string) event.State {
	r.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		s, err := r.Bus.State(r.Context(), toy.Org, id)
		if err == nil && (s.Leg != "" || s.End != nil) {
			return s
		}
		if r.Context().Err() != nil {
			r.Fatalf("call %s has neither leg nor end: %+v, %v", id, s, err)
		}
	}
}
