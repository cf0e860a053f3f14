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

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/echo"
	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/ari"
	"github.com/trunkline-io/trunkline/pkg/config"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl"
	"github.com/trunkline-io/trunkline/services/ingress"
	"github.com/trunkline-io/trunkline/services/media"
	"github.com/trunkline-io/trunkline/services/registry"
)

// asIngress, set in the environment, makes the test binary an ingress process.
const asIngress = "FAULT_TEST_INGRESS"

func ingressMain() int {
	var cfg ingress.Config
	return service.Main("ingress", &cfg, func(ctx context.Context, keys *trunk.Keys, b *bus.Bus, log *logrus.Logger) error {
		cfg.Links.Keys = keys
		return ingress.Run(ctx, cfg, b, log)
	})
}

// takeoverIn is how long calls of a PBX may go unheard when the node that
// listened to it is killed.
const takeoverIn = 10 * time.Second

// TestListenerIsTakenOver kills the one of two ingress processes that listens
// to an Asterisk, in mid-call. The other takes over: it hears the calls that go
// on, takes new ones, and records the end that nobody heard, once.
func TestListenerIsTakenOver(t *testing.T) {
	pbx, err := ari.New(ari.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pbx.Close() })
	r := newPBXRig(t, pbx)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()

	first := r.startIngress()
	r.awaitListener(ctx, first)
	second := r.startIngress()
	unheard, hangUpUnheard := r.talk(ctx)
	goesOn, hangUp := r.talk(ctx)

	kill(first)
	killed := time.Now()
	hangUpUnheard()
	await(t, ctx, unheard, "ended")
	limit, done := context.WithDeadline(ctx, killed.Add(takeoverIn))
	defer done()
	r.awaitListener(limit, second)
	end := r.awaitEnd(limit, unheard)
	t.Logf("taken over %s after the kill", time.Since(killed).Round(time.Millisecond))
	if end.Status != call.Completed {
		t.Errorf("the call that ended unheard is %+v, want it completed", end)
	}

	select {
	case <-goesOn.Done():
		t.Error("a call is lost that should go on")
	default:
	}
	hangUp()
	if end := r.awaitEnd(ctx, goesOn); end.Status != call.Completed || end.Cause != call.CauseNormal {
		t.Errorf("the call that went on ends as %+v", end)
	}
	fresh, hangUp := r.talk(ctx)
	hangUp()
	if end := r.awaitEnd(ctx, fresh); end.Status != call.Completed {
		t.Errorf("the call after the takeover ends as %+v", end)
	}
	for len(pbx.Channels())+len(pbx.Bridges()) > 0 {
		select {
		case <-ctx.Done():
			t.Fatalf("channels %v and bridges %v are left over", pbx.Channels(), pbx.Bridges())
		case <-time.After(10 * time.Millisecond):
		}
	}
	if live := r.live(); live != "" {
		t.Errorf("calls that nobody has are live: %s", live)
	}
}

// newPBXRig starts all services but ingress, which runs as processes.
func newPBXRig(t *testing.T, pbx carriersim.Carrier) *rig {
	t.Helper()
	r := &rig{T: t, nats: bustest.Server(t), carrier: pbx}
	r.bus = bustest.Connect(t, r.nats)
	keys, err := trunk.NewKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.links = trunk.Links{Keys: keys, Hooks: "http://127.0.0.1:1", Media: "ws://" + ln.Addr().String()}
	log := bustest.Log(t)
	ready := make(chan struct{}, 3)
	isReady := func() { ready <- struct{}{} }
	r.run(func(ctx context.Context) error {
		return registry.Run(ctx, registry.Config{Links: r.links, Ready: isReady}, r.bus, log)
	})
	var control callctl.Config
	var sockets media.Config
	if err := config.Load(nil, &control, &sockets); err != nil {
		t.Fatal(err)
	}
	control.Links, control.Listen, control.Ready = r.links, "off", isReady
	sockets.DrainLimit = time.Second
	sockets.Links, sockets.Listener, sockets.Ready = r.links, ln, func(string) { isReady() }
	r.run(func(ctx context.Context) error { return callctl.Run(ctx, control, r.bus, log) })
	r.run(func(ctx context.Context) error { return media.Run(ctx, sockets, r.bus, log) })
	for range cap(ready) {
		<-ready
	}
	r.configure()
	agent := &echo.Agent{Bus: r.bus, Log: log, Org: org, Application: application}
	leave, err := agent.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = leave() })
	return r
}

// startIngress starts an ingress process, which is killed at the end.
func (r *rig) startIngress() *exec.Cmd {
	r.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asIngress+"=1", "TRUNKLINE_NATS_URL="+r.nats.ClientURL(), "TRUNKLINE_SECRET_KEY="+secret,
		"TRUNKLINE_LOG_LEVEL=error", "TRUNKLINE_PUBLIC_URL="+r.links.Hooks, "TRUNKLINE_PUBLIC_MEDIA_URL="+r.links.Media,
		"TRUNKLINE_INGRESS_LISTEN=127.0.0.1:0")
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { kill(c) })
	return c
}

func kill(c *exec.Cmd) {
	_ = c.Process.Kill()
	_ = c.Wait()
}

// awaitListener waits until a process has the lease of the trunk.
func (r *rig) awaitListener(ctx context.Context, c *exec.Cmd) {
	r.Helper()
	leases, err := r.bus.Bucket(ctx, subject.BucketLeases)
	if err != nil {
		r.Fatal(err)
	}
	owner := fmt.Sprintf("/%d", c.Process.Pid)
	held := errors.New("held")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = leases.Watch(ctx, func() {}, func(ch bus.Change) {
		if strings.HasPrefix(ch.Key, "listen.") && strings.HasSuffix(string(ch.Value), owner) {
			cancel(held)
		}
	})
	if !errors.Is(context.Cause(ctx), held) {
		r.Fatalf("process %d does not listen: %v, %v", c.Process.Pid, err, context.Cause(ctx))
	}
}

// talk makes somebody call, and returns when they are connected and the log
// knows it: of a call whose listener dies before that, nobody can tell whether it
// was answered.
func (r *rig) talk(ctx context.Context) (c *carriersim.Call, hangUp func()) {
	r.Helper()
	ctx, hangUp = context.WithCancel(ctx)
	r.Cleanup(hangUp)
	tone := make([]int16, 8000)
	for i := range tone {
		tone[i] = int16(8000 * (i / 10 % 2))
	}
	for {
		var err error
		c, err = r.carrier.Ring(ctx, somebody, r.carrier.Numbers()[0], carriersim.Person{Acts: []carriersim.Act{
			carriersim.Speak{PCM: tone, Rate: 8000}, carriersim.WaitHeard{Sound: 500 * time.Millisecond}, carriersim.Wait{For: time.Hour}}})
		if err != nil {
			r.Fatal(err)
		}
		ringing, over := context.WithCancel(ctx)
		go func() {
			defer over()
			select {
			case <-c.Done(): // nobody listens yet: the dialplan turns it away
			case <-ringing.Done():
			}
		}()
		err = c.Await(ringing, "answered")
		over()
		if ctx.Err() != nil {
			r.Fatalf("nobody answers: %v\n%s", err, c)
		}
		if err != nil {
			continue
		}
		r.awaitFact(ctx, c, event.CallAnswered{}.Type())
		return c, hangUp
	}
}

func await(t *testing.T, ctx context.Context, c *carriersim.Call, what string) {
	t.Helper()
	if err := c.Await(ctx, what); err != nil {
		t.Fatalf("waiting for %q: %v\n%s", what, err, c)
	}
}

// awaitEnd waits for the end of the call whose leg is given.
func (r *rig) awaitEnd(ctx context.Context, c *carriersim.Call) event.CallEnded {
	r.Helper()
	return r.awaitFact(ctx, c, event.CallEnded{}.Type()).(event.CallEnded)
}

// awaitFact waits for a fact of the call whose leg is given.
func (r *rig) awaitFact(ctx context.Context, c *carriersim.Call, typ string) (f event.Fact) {
	r.Helper()
	id := call.InboundID(org, trunkName, c.ID())
	found := errors.New("found")
	err := r.bus.Tail(ctx, bus.Span{Filters: subject.EventsOfType(org, id, typ)}, nil, func(e *event.Event) error {
		f = e.Data
		return found
	})
	if !errors.Is(err, found) {
		r.Fatalf("call has no %s: %v\n%s\n%s", typ, err, c, r.story(map[string]bool{id: true}))
	}
	return f
}

// live lists the calls that registry holds for alive, "" for none.
func (r *rig) live() string {
	var list []struct {
		ID string `json:"call_id"`
	}
	if err := r.bus.Ask(r.Context(), "registry", "call", "list", map[string]string{"org": org}, &list); err != nil {
		r.Error(err)
	}
	return strings.Trim(fmt.Sprint(list), "[]")
}
