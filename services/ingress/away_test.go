package ingress_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/bus/natsd"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// newAwaySite is a site with all that away asks for.
func newAwaySite(t testing.TB, b *bus.Bus) *site {
	s := newSite(t, b)
	s.addTrunk("desk", "deskphone", map[string]any{"account": "D1", "secret": toySecret})
	s.addNumber("desk", number)
	s.addApplication(trunk.Agent{Kind: trunk.AgentWebSocket})
	elsewhere := call.Instruction{Steps: []call.Step{{Redirect: &call.Redirect{URL: publicURL}}}}
	s.put(subject.BucketApplications, subject.ApplicationKey(org, "moved"), trunk.Application{Org: org, Name: "moved", Fallback: elsewhere})
	s.put(subject.BucketNumbers, subject.NumberKey(org, "main", "+14155550103"), trunk.Number{Org: org, Trunk: "main", Address: "+14155550103", Application: "moved"})
	return s
}

// away checks what carriers are told while nothing can be recorded.
func (s *site) away(n *node) {
	s.t.Helper()
	status := toyBody(provider.Notice{Kind: provider.CallStatus, LegID: "L2", Status: call.Ringing})
	action := toyBody(provider.Notice{Kind: provider.DialAction, LegID: "L4", Reply: true})
	fetched := toyBody(provider.Notice{Kind: provider.RedirectDone, LegID: "L4", Reply: true, Next: &unable})
	answeredByREST := ringing("L5")
	answeredByREST.Reply = false
	needsUs := ringing("L6")
	needsUs.To = "+14155550103"
	cases := []struct {
		name, path, body string
		want             *call.Instruction // nil for 503
		got              answer
	}{
		{"inbound", s.hook("main", "toy", provider.HookInbound, ""), toyBody(ringing("L2")), &unable, answer{}},
		{"fallback needs us", s.hook("main", "toy", provider.HookInbound, ""), toyBody(needsUs), &trunk.DefaultFallback, answer{}},
		{"answer", s.hook("main", "toy", provider.HookAnswer, "c1"), toyBody(picked("L3")), &trunk.DefaultFallback, answer{}},
		{"dial action", s.hook("main", "toy", provider.HookDialAction, "c1"), action, &hangup, answer{}},
		{"fetched instruction", s.hook("main", "toy", provider.HookAnswer, "c1"), fetched, &unable, answer{}},
		{"status of a call", s.hook("main", "toy", provider.HookStatus, "c2"), status, nil, answer{}},
		{"status of a leg", s.hook("main", "toy", provider.HookStatus, ""), status, nil, answer{}},
		{"REST-answered call", s.hook("desk", "deskphone", provider.HookInbound, ""), toyBody(answeredByREST), nil, answer{}},
	}
	var wg sync.WaitGroup
	for i := range cases {
		wg.Go(func() { cases[i].got = n.toy(cases[i].path, cases[i].body) })
	}
	wg.Wait()
	for _, c := range cases {
		if c.want == nil && c.got.Status != http.StatusServiceUnavailable {
			s.t.Errorf("%s: answer is %+v, want 503", c.name, c.got)
		} else if c.want != nil {
			if diff := cmp.Diff(*c.want, told(s.t, c.got)); diff != "" {
				s.t.Errorf("%s: %s", c.name, diff)
			}
		}
	}
	s.logged("fallback given", "log cannot be reached")
	if got := n.send("GET", "/metrics", nil, "").Body; !strings.Contains(got, `trunkline_ingress_fallbacks_total{reason="nats"} 5`) {
		s.t.Error("fallbacks are not counted")
	}
}

// back waits until calls are recorded again.
func (s *site) back(n *node) {
	s.t.Helper()
	path := s.hook("main", "toy", provider.HookStatus, "c9")
	status := toyBody(provider.Notice{Kind: provider.CallStatus, LegID: "L9", Status: call.Ringing})
	for deadline := time.Now().Add(20 * time.Second); ; {
		a := n.toy(path, status)
		if a.Status == http.StatusNoContent {
			break
		}
		if a.Status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			s.t.Fatalf("answer is %+v", a)
		}
	}
	if in := told(s.t, n.toy(s.hook("main", "toy", provider.HookInbound, ""), toyBody(ringing("L8")))); in.Steps[0].Stream == nil {
		s.t.Errorf("told %+v, want a stream as before", in)
	}
}

func TestNATSKilledAndBack(t *testing.T) {
	dir := t.TempDir()
	server, err := natsd.Start(natsd.Config{Dir: dir, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s := newAwaySite(t, bustest.Connect(t, server))
	n := s.start(s.bus)
	server.Stop()
	s.away(n)
	if got := n.send("GET", "/readyz", nil, ""); got.Status != http.StatusServiceUnavailable {
		t.Errorf("ready without NATS: %+v", got)
	}
	again, err := natsd.Start(natsd.Config{Dir: dir, Name: "test", Port: port(t, server.ClientURL())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Stop)
	s.back(n)
}

// reconfigured waits until a node has seen a change of what is configured.
func (s *site) reconfigured(n *node) {
	s.t.Helper()
	s.addNumber("main", "+14155550102")
	notice := ringing("L20")
	notice.To = "+14155550102"
	for deadline := time.Now().Add(30 * time.Second); ; {
		in := told(s.t, n.toy(s.hook("main", "toy", provider.HookInbound, ""), toyBody(notice)))
		if in.Steps[0].Reject == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("a number that was added after NATS came back is not known")
		}
	}
}

func TestNATSFrozenAndBack(t *testing.T) {
	address, freeze, thaw := natsProcess(t)
	s := newAwaySite(t, connect(t, address))
	n := s.start(s.bus)
	freeze()
	s.away(n)
	thaw()
	s.back(n)
	s.reconfigured(n)
}

func connect(t testing.TB, address string) *bus.Bus {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	b, err := bus.Connect(ctx, bus.Config{URL: address, Replicas: 1, MediaConn: 1}, t.Name(), bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// natsProcess runs a NATS server in a process of its own.
func natsProcess(t testing.TB) (address string, freeze, thaw func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "INGRESS_TEST_NATS_DIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	signal := func(sig os.Signal) {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() {
		signal(syscall.SIGCONT)
		signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	freeze = func() {
		signal(syscall.SIGSTOP)
		var status syscall.WaitStatus // the signal takes its time
		if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
			t.Errorf("wait for the process to stop: %v, %v", status, err)
		}
	}
	return strings.TrimSpace(line), freeze, func() { signal(syscall.SIGCONT) }
}

func port(t testing.TB, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	_, text, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
