package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/echo"
	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/stack"
	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/ari"
	"github.com/trunkline-io/trunkline/pkg/carriersim/cloudonix"
	"github.com/trunkline-io/trunkline/pkg/carriersim/plivo"
	"github.com/trunkline-io/trunkline/pkg/carriersim/telnyx"
	"github.com/trunkline-io/trunkline/pkg/carriersim/twilio"
	"github.com/trunkline-io/trunkline/pkg/carriersim/vobiz"
	"github.com/trunkline-io/trunkline/pkg/carriersim/vonage"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// carriers are the simulated carriers of the matrix.
var carriers = map[string]func() (carriersim.Carrier, error){
	"ari":       func() (carriersim.Carrier, error) { return ari.New(ari.Options{}) },
	"cloudonix": func() (carriersim.Carrier, error) { return cloudonix.New(cloudonix.Options{}) },
	"telnyx":    func() (carriersim.Carrier, error) { return telnyx.New(telnyx.Options{}) },
	"plivo":     func() (carriersim.Carrier, error) { return plivo.New(plivo.Options{}) },
	"twilio":    func() (carriersim.Carrier, error) { return twilio.New(twilio.Options{}) },
	"vobiz":     func() (carriersim.Carrier, error) { return vobiz.New(vobiz.Options{}) },
	"vonage":    func() (carriersim.Carrier, error) { return vonage.New(vonage.Options{}) },
}

// faults are what goes wrong, once the trunk is set up.
var faults = map[string]func(*carriersim.Faults) *carriersim.Struck{
	"none":           func(*carriersim.Faults) *carriersim.Struck { return nil },
	"webhooks twice": func(f *carriersim.Faults) *carriersim.Struck { return f.Webhooks(carriersim.WebhookFault{Copies: 2}) },
	"callbacks reorder": func(f *carriersim.Faults) *carriersim.Struck {
		return f.Webhooks(carriersim.WebhookFault{Match: tells, Reorder: true})
	},
	"callbacks late": func(f *carriersim.Faults) *carriersim.Struck {
		return f.Webhooks(carriersim.WebhookFault{Match: tells, Delay: 700 * time.Millisecond})
	},
	"callbacks lost": func(f *carriersim.Faults) *carriersim.Struck {
		return f.Webhooks(carriersim.WebhookFault{Match: tells, Drop: true})
	},
	"signature wrong": func(f *carriersim.Faults) *carriersim.Struck {
		return f.Webhooks(carriersim.WebhookFault{Match: tells, Corrupt: true, When: once})
	},
	"signature missing": func(f *carriersim.Faults) *carriersim.Struck {
		return f.Webhooks(carriersim.WebhookFault{Match: tells, Unsigned: true, When: once})
	},
	"replies cut": func(f *carriersim.Faults) *carriersim.Struck {
		return f.Webhooks(carriersim.WebhookFault{Match: tells, CutReply: true})
	},
	"REST hangs before": func(f *carriersim.Faults) *carriersim.Struck {
		return f.REST(carriersim.RESTFault{Match: acts, When: once, Hang: true})
	},
	"REST hangs after": func(f *carriersim.Faults) *carriersim.Struck {
		return f.REST(carriersim.RESTFault{Match: acts, When: once, Hang: true, After: true})
	},
	"REST cut before": func(f *carriersim.Faults) *carriersim.Struck {
		return f.REST(carriersim.RESTFault{Match: acts, When: once, Cut: true})
	},
	"REST cut after": func(f *carriersim.Faults) *carriersim.Struck {
		return f.REST(carriersim.RESTFault{Match: acts, When: once, Cut: true, After: true})
	},
	"REST 429": func(f *carriersim.Faults) *carriersim.Struck {
		return f.REST(carriersim.RESTFault{Match: acts, When: once, Status: 429})
	},
	"REST 503": func(f *carriersim.Faults) *carriersim.Struck {
		return f.REST(carriersim.RESTFault{Match: acts, When: once, Status: 503})
	},
	"REST 500 after": func(f *carriersim.Faults) *carriersim.Struck {
		return f.REST(carriersim.RESTFault{Match: acts, When: once, Status: 500, After: true})
	},
	"media socket is cut": func(f *carriersim.Faults) *carriersim.Struck {
		return f.Media(carriersim.MediaFault{After: 500 * time.Millisecond})
	},
}

var once = carriersim.When{Times: 1}

// tells matches webhooks that wait for no instruction.
func tells(w *carriersim.Webhook) bool {
	return w.Kind != carriersim.KindInbound && w.Kind != carriersim.KindAnswer && w.Kind != carriersim.KindAction
}

// acts matches the requests that change something at the carrier.
func acts(r *http.Request) bool { return r.Method != http.MethodGet }

// TestFaultMatrix makes an inbound and an outbound call at each carrier under
// each fault: no callee is called twice, each call has exactly one end, and
// nothing of ours answers a carrier with a 5xx but a 503.
func TestFaultMatrix(t *testing.T) {
	site := newSite(t)
	type cell struct {
		carrier, fault string
		direction      call.Direction
	}
	results := map[cell]*outcome{}
	var running sync.WaitGroup
	for carrier := range carriers {
		for fault := range faults {
			for _, direction := range []call.Direction{call.Inbound, call.Outbound} {
				c, o := cell{carrier, fault, direction}, &outcome{}
				results[c] = o
				running.Go(func() { site.play(o, c.carrier, c.fault, c.direction) })
			}
		}
	}
	running.Wait()
	for c, in := range results {
		out := results[cell{c.carrier, c.fault, call.Outbound}]
		if c.direction == call.Inbound && in.struck != nil && out.struck != nil && in.struck.Count()+out.struck.Count() == 0 {
			t.Errorf("%s: %q struck nothing, so it shows nothing", c.carrier, c.fault)
		}
	}
	for c, o := range results {
		t.Run(c.carrier+"/"+strings.ReplaceAll(c.fault, " ", "-")+"/"+string(c.direction), func(t *testing.T) {
			for _, problem := range o.problems {
				t.Error(problem)
			}
			if t.Failed() {
				t.Log(o.story)
			}
		})
	}
}

// outcome is what became of one cell.
type outcome struct {
	struck   *carriersim.Struck
	problems []string
	story    string
}

func (o *outcome) addf(format string, args ...any) {
	o.problems = append(o.problems, fmt.Sprintf(format, args...))
}

// site is a whole Trunkline with an echo agent.
type site struct {
	t     *testing.T
	stack *stack.Stack
}

func newSite(t *testing.T) *site {
	t.Helper()
	s, err := stack.Start(t.Context(), stack.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", Log: bustest.Log(t), Environ: []string{
		"TRUNKLINE_CALLCTL_SWEEP_EVERY=500ms", "TRUNKLINE_CALLCTL_GRACE=5s", "TRUNKLINE_CALLCTL_QUIET=2s",
		"TRUNKLINE_CALLCTL_FIND_EVERY=1s", "TRUNKLINE_CALLCTL_DIAL_BACKOFF=200ms", "TRUNKLINE_MEDIA_DRAIN_LIMIT=1s"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	agent := &echo.Agent{Bus: s.Bus, Log: bustest.Log(t), Org: org, Application: application}
	leave, err := agent.Join(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = leave()
		cancel()
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &site{t, s}
}

// patience bounds one cell.
const patience = 90 * time.Second

// play runs one cell: a carrier and a trunk of its own, a fault, one call.
func (s *site) play(o *outcome, carrierName, fault string, direction call.Direction) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	carrier, err := carriers[carrierName]()
	if err != nil {
		o.addf("carrier: %v", err)
		return
	}
	defer func() { _ = carrier.Close() }()
	name := strings.ReplaceAll(carrierName+"-"+fault+"-"+string(direction), " ", "-")
	if err := s.setUp(ctx, name, carrier); err != nil {
		o.addf("set up: %v", err)
		return
	}
	o.struck = faults[fault](carrier.Faults())
	id, err := s.begin(ctx, name, carrier, direction)
	if err != nil {
		o.addf("begin: %v", err)
		return
	}
	if err := s.awaitEnd(ctx, name, id); err != nil {
		o.addf("no end: %v", err)
	}
	s.judge(ctx, o, carrier)
}

func (s *site) setUp(ctx context.Context, name string, carrier carriersim.Carrier) error {
	for _, r := range []struct {
		noun    string
		request any
	}{
		{"trunk", trunk.Trunk{Org: org, Name: name, Provider: carrier.Name(), Config: carrier.Config(), Country: "US", APIURL: carrier.APIURL()}},
		{"application", trunk.Application{Org: org, Name: application, Agent: trunk.Agent{Kind: trunk.AgentNATS}, Format: trunk.DefaultFormat}},
		{"number", struct {
			trunk.Number
			Configure bool `json:"configure"`
		}{trunk.Number{Org: org, Trunk: name, Address: carrier.Numbers()[0], Application: application}, provider.Lookup(carrier.Name()).Has(provider.CanConfigure)}},
	} {
		for {
			err := s.stack.Bus.Ask(ctx, "registry", r.noun, "put", r.request, nil)
			if err == nil {
				break
			}
			if !strings.Contains(err.Error(), "conflict") { // cells share the application
				return fmt.Errorf("%s: %w", r.noun, err)
			}
		}
	}
	if pbx, ok := carrier.(interface{ AwaitListener(context.Context) error }); ok {
		return pbx.AwaitListener(ctx)
	}
	return nil
}

const (
	somebody = "+14155550177"
	callee   = "+14155550188"
)

// begin starts the call; id is "" for an inbound one, which has none yet.
func (s *site) begin(ctx context.Context, name string, carrier carriersim.Carrier, direction call.Direction) (id string, err error) {
	person := carriersim.Person{Ring: 200 * time.Millisecond, Acts: []carriersim.Act{carriersim.Wait{For: 1200 * time.Millisecond}, carriersim.Hangup{}}}
	if direction == call.Inbound {
		person.Ring = 0
		_, err := carrier.Ring(ctx, somebody, carrier.Numbers()[0], person)
		return "", err
	}
	carrier.Expect(callee, person)
	id = call.NewID()
	return id, s.stack.Bus.Send(ctx, org, id, command.CallDial{Trunk: name, To: callee, Application: application, RingSeconds: 5})
}

// awaitEnd waits for the end of a call, named by its id or, where that is not
// known, by its trunk.
func (s *site) awaitEnd(ctx context.Context, trunkName, id string) error {
	over := fmt.Errorf("over")
	err := s.stack.Bus.Tail(ctx, bus.Span{Filters: subject.EventsOfType(org, id, "call.ended")}, nil, func(e *event.Event) error {
		if e.Trunk == trunkName {
			return over
		}
		return nil
	})
	if errors.Is(err, over) {
		return nil
	}
	return fmt.Errorf("within %s: %w", patience, context.Cause(ctx))
}

// judge holds what the carrier saw against the rules.
func (s *site) judge(ctx context.Context, o *outcome, carrier carriersim.Carrier) {
	calls := 0
	for _, c := range carrier.Calls() {
		if c.Parent() == "" {
			calls++
		}
		select {
		case <-c.Done():
		case <-ctx.Done():
			o.addf("leg %s is still up after its call has ended", c.ID())
		}
		for _, e := range c.Timeline() {
			if strings.HasPrefix(e.What, "webhook ") && strings.Contains(e.What, "-> 5") && !strings.HasSuffix(e.What, "-> 503") {
				o.addf("a carrier was answered: %s", e.What)
			}
		}
		o.story += c.String() + "\n"
	}
	if calls > 1 {
		o.addf("%d calls at the carrier, want one at most", calls)
	}
}
