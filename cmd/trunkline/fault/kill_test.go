package fault_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/twilio"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// killPoint is a moment around a dial at which callctl is killed. arm watches
// for the moment and calls kill once.
type killPoint struct {
	name string
	arm  func(r *rig, kill func())
}

// killPoints are moments in the order in which a dial meets them.
func killPoints() []killPoint {
	points := []killPoint{{"order published", func(_ *rig, kill func()) { kill() }}}
	for _, typ := range []string{"call.requested", "call.dialing"} {
		points = append(points, atFact(typ))
	}
	for _, stage := range []carriersim.Stage{carriersim.Accepted, carriersim.Read, carriersim.Acted, carriersim.Replied} {
		points = append(points, atStage(stage))
	}
	for _, typ := range []string{"call.initiated", "call.ringing", "call.answered", "call.ended"} {
		points = append(points, atFact(typ))
	}
	for _, after := range []time.Duration{2 * time.Millisecond, 5 * time.Millisecond, 9 * time.Millisecond} {
		points = append(points, killPoint{"after " + after.String(), func(_ *rig, kill func()) { time.AfterFunc(after, kill) }})
	}
	return points
}

// atFact kills when the first fact of a type is recorded.
func atFact(typ string) killPoint {
	return killPoint{"fact " + typ, func(r *rig, kill func()) {
		r.run(func(ctx context.Context) error {
			var once sync.Once
			return r.bus.Tail(ctx, bus.Span{Filters: subject.EventsOfType(org, "", typ)}, nil, func(*event.Event) error {
				once.Do(kill)
				return nil
			})
		})
	}}
}

// atStage kills at a stage of the first request that dials.
func atStage(stage carriersim.Stage) killPoint {
	return killPoint{"request " + stage.String(), func(r *rig, kill func()) {
		var once sync.Once
		r.carrier.Faults().OnREST(func(at carriersim.Stage, req *http.Request) {
			if at == stage && (req == nil || dials(req)) {
				once.Do(kill)
			}
		})
	}}
}

func dials(req *http.Request) bool {
	return req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/Calls.json")
}

// TestNobodyIsRungTwice kills callctl around a dial, at a carrier whose API
// times out for one request in ten: no callee is ever called twice, and every
// order comes to one definite end.
func TestNobodyIsRungTwice(t *testing.T) {
	const orders = 4
	for i, point := range killPoints() {
		t.Run(strings.ReplaceAll(point.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			carrier, err := twilio.New(twilio.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = carrier.Close() })
			carrier.Faults().Seed(uint64(i))
			carrier.Faults().REST(carriersim.RESTFault{When: carriersim.When{Rate: 0.05}, Match: dials, Hang: true})
			carrier.Faults().REST(carriersim.RESTFault{When: carriersim.When{Rate: 0.05}, Match: dials, Hang: true, After: true})
			r := newRig(t, carrier)
			killed := make(chan struct{})
			r.startCallctl()
			var once sync.Once
			point.arm(r, func() { once.Do(func() { go func() { r.killCallctl(); close(killed) }() }) })

			var ids []string
			for n := range orders {
				to := fmt.Sprintf("+1415555%04d", 1000+n)
				carrier.Expect(to, carriersim.Person{Ring: 100 * time.Millisecond})
				ids = append(ids, r.order(to))
			}
			select {
			case <-killed:
			case <-time.After(60 * time.Second):
				t.Fatal("the kill point was never met")
			}
			r.startCallctl()
			t.Cleanup(r.killCallctl)
			ends := r.awaitEnds(ids, 2*time.Minute)
			checkCarrier(t, carrier, ends)
		})
	}
}

// checkCarrier holds what the carrier saw against what was ordered.
func checkCarrier(t *testing.T, carrier carriersim.Carrier, ends map[string]event.CallEnded) {
	t.Helper()
	rung := map[string]int{}
	for _, c := range carrier.Calls() {
		rung[c.To()]++
		select {
		case <-c.Done():
		case <-time.After(30 * time.Second):
			t.Errorf("leg %s to %s is still up after its call has ended:\n%s", c.ID(), c.To(), c)
		}
	}
	for to, times := range rung {
		if times > 1 {
			t.Errorf("%s was rung %d times", to, times)
		}
	}
	outcome := map[string]int{}
	for _, end := range ends {
		outcome[string(end.Status)]++
	}
	t.Logf("%d orders, %d calls at the carrier, ends %v", len(ends), len(carrier.Calls()), outcome)
}
