// Package fault_test holds whole-program stories in which something breaks:
// real services over a real NATS server, simulated carriers, killed processes.
package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/bus/natsd"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	_ "github.com/trunkline-io/trunkline/pkg/provider/all"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl"
	"github.com/trunkline-io/trunkline/services/ingress"
	"github.com/trunkline-io/trunkline/services/registry"
)

// asCallctl, set in the environment, makes the test binary a callctl process,
// so that a test can kill one.
const asCallctl = "FAULT_TEST_CALLCTL"

func TestMain(m *testing.M) {
	if os.Getenv(asCallctl) != "" {
		var cfg callctl.Config
		os.Args = os.Args[:1]
		os.Exit(service.Main("callctl", &cfg, func(ctx context.Context, keys *trunk.Keys, b *bus.Bus, log *logrus.Logger) error {
			cfg.Links.Keys = keys
			return callctl.Run(ctx, cfg, b, log)
		}))
	}
	if os.Getenv(asIngress) != "" {
		os.Args = os.Args[:1]
		os.Exit(ingressMain())
	}
	os.Exit(m.Run())
}

const (
	org         = call.DefaultOrg
	trunkName   = "main"
	application = "app"
)

var secret = strings.Repeat("s", trunk.MinSecret)

// rig is a Trunkline whose services run in the test, but for callctl, which
// runs as a process of its own.
type rig struct {
	*testing.T
	nats    *natsd.Server
	bus     *bus.Bus
	links   trunk.Links
	carrier carriersim.Carrier
	child   *exec.Cmd
}

// newRig starts NATS, ingress and registry, and configures a trunk.
func newRig(t *testing.T, carrier carriersim.Carrier) *rig {
	t.Helper()
	r := &rig{T: t, nats: bustest.Server(t), carrier: carrier}
	r.bus = bustest.Connect(t, r.nats)
	keys, err := trunk.NewKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.links = trunk.Links{Keys: keys, Hooks: "http://" + ln.Addr().String(), Media: "ws://127.0.0.1:1"}
	ready := make(chan struct{}, 2)
	r.run(func(ctx context.Context) error {
		return ingress.Run(ctx, ingress.Config{Links: r.links, Listener: ln, Drain: time.Second, Ready: func(string) { ready <- struct{}{} }}, r.bus, bustest.Log(t))
	})
	r.run(func(ctx context.Context) error {
		return registry.Run(ctx, registry.Config{Links: r.links, Ready: func() { ready <- struct{}{} }}, r.bus, bustest.Log(t))
	})
	<-ready
	<-ready
	r.configure()
	return r
}

// run runs a service until the test ends.
func (r *rig) run(service func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	done := make(chan error, 1)
	go func() { done <- service(ctx) }()
	r.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.Error(err)
		}
	})
}

func (r *rig) configure() {
	r.Helper()
	r.ask("trunk", "put", trunk.Trunk{Org: org, Name: trunkName, Provider: r.carrier.Name(), Config: r.carrier.Config(), Country: "US", APIURL: r.carrier.APIURL()})
	r.ask("application", "put", trunk.Application{Org: org, Name: application, Fallback: call.Instruction{Steps: []call.Step{{Hangup: &call.Hangup{}}}}})
	for _, number := range r.carrier.Numbers() {
		r.ask("number", "put", trunk.Number{Org: org, Trunk: trunkName, Address: number, Application: application})
	}
}

func (r *rig) ask(noun, verb string, request any) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	for {
		err := r.bus.Ask(ctx, "registry", noun, verb, request, nil)
		if err == nil {
			return
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), bus.ErrNoResponders.Error()) {
			r.Fatalf("%s.%s: %v", noun, verb, err)
		}
	}
}

// startCallctl starts a callctl process with short times.
func (r *rig) startCallctl() {
	r.Helper()
	r.child = exec.Command(os.Args[0])
	r.child.Env = append(os.Environ(), asCallctl+"=1",
		"TRUNKLINE_NATS_URL="+r.nats.ClientURL(), "TRUNKLINE_SECRET_KEY="+secret, "TRUNKLINE_LOG_LEVEL=error",
		"TRUNKLINE_PUBLIC_URL="+r.links.Hooks, "TRUNKLINE_PUBLIC_MEDIA_URL="+r.links.Media, "TRUNKLINE_CALLCTL_LISTEN=off",
		"TRUNKLINE_CALLCTL_SWEEP_EVERY=200ms", "TRUNKLINE_CALLCTL_GRACE=3s", "TRUNKLINE_CALLCTL_QUIET=2s",
		"TRUNKLINE_CALLCTL_FIND_EVERY=500ms", "TRUNKLINE_CALLCTL_ACK_WAIT=2s", "TRUNKLINE_CALLCTL_DIAL_BACKOFF=100ms")
	r.child.Stderr = os.Stderr
	if err := r.child.Start(); err != nil {
		r.Fatal(err)
	}
}

// killCallctl sends SIGKILL and waits until the process is gone.
func (r *rig) killCallctl() {
	_ = r.child.Process.Kill()
	_ = r.child.Wait()
}

// order sends a dial and returns the id of its call.
func (r *rig) order(to string) string {
	r.Helper()
	id := call.NewID()
	err := r.bus.Send(r.Context(), org, id, command.CallDial{Trunk: trunkName, To: to, Application: application, RingSeconds: 2})
	if err != nil {
		r.Fatal(err)
	}
	return id
}

// awaitEnds waits until each call has its one terminal fact.
func (r *rig) awaitEnds(ids []string, limit time.Duration) map[string]event.CallEnded {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	open := map[string]bool{}
	for _, id := range ids {
		open[id] = true
	}
	ends := map[string]event.CallEnded{}
	done := fmt.Errorf("all ended")
	err := r.bus.Tail(ctx, bus.Span{Filters: []string{subject.Events(org, "")}}, nil, func(e *event.Event) error {
		switch f := e.Data.(type) {
		case event.CallEnded:
			ends[e.Call] = f
			delete(open, e.Call)
		case event.CommandFailed:
			r.Errorf("order %s is refused: %s", e.Call, f.Message)
			return done
		}
		if len(open) == 0 {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		r.Fatalf("calls without an end after %s: %v (%v)\n%s", limit, open, err, r.story(open))
	}
	return ends
}

// story tells what is recorded of calls, for a failure's message.
func (r *rig) story(ids map[string]bool) string {
	var b strings.Builder
	for id := range ids {
		facts, err := r.bus.Facts(context.WithoutCancel(r.Context()), org, id)
		fmt.Fprintf(&b, "call %s (%v):\n", id, err)
		for _, e := range facts {
			fmt.Fprintf(&b, "  %s %s %s %+v\n", e.Time.Format(time.StampMilli), e.Source, e.Data.Type(), e.Data)
		}
	}
	return b.String()
}
