package toy

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/bus/natsd"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// Org, trunks and application of a rig.
const (
	Org     = "default"
	Main    = "main"  // of provider Name, with Caller as its number
	Sure    = "exact" // of provider Exact, with Caller as its number
	Bare    = "plain" // of provider Plain
	App     = "echo"
	Caller  = "+14155550101"
	Callee  = "+14155550177"
	timeout = 14 * time.Second // below budget.Lease: a slot that is not given back is seen
)

// Secret is what the rig's keys are made of.
const Secret = "0123456789abcdef0123456789abcdef"

// Rig is a NATS server with a configured trunk at a carrier.
type Rig struct {
	*testing.T
	NATS    *natsd.Server
	Bus     *bus.Bus
	Carrier *Carrier
	Links   trunk.Links

	ctx context.Context
}

// New makes a rig. Whatever it is waited for must happen within 14 s.
func New(t *testing.T) *Rig {
	t.Helper()
	keys, err := trunk.NewKeys(Secret)
	if err != nil {
		t.Fatal(err)
	}
	server := bustest.Server(t)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	r := &Rig{T: t, NATS: server, Bus: bustest.Connect(t, server), Carrier: Start(t), ctx: ctx,
		Links: trunk.Links{Keys: keys, Hooks: "https://hooks.example.net", Media: "wss://media.example.net"}}
	r.PutTrunk(trunk.Trunk{Name: Main, Provider: Name, Country: "US"})
	r.PutTrunk(trunk.Trunk{Name: Sure, Provider: Exact, Country: "US"})
	r.PutTrunk(trunk.Trunk{Name: Bare, Provider: Plain})
	for _, name := range []string{Main, Sure} {
		r.Put(subject.BucketNumbers, subject.NumberKey(Org, name, Caller), trunk.Number{Org: Org, Trunk: name, Address: Caller})
	}
	r.Put(subject.BucketApplications, subject.ApplicationKey(Org, App), trunk.Application{Org: Org, Name: App})
	return r
}

// Context ends when the rig's patience does.
func (r *Rig) Context() context.Context { return r.ctx }

// PutTrunk writes a trunk of the rig's org; at the rig's carrier, unless it has
// an address of its own.
func (r *Rig) PutTrunk(t trunk.Trunk) {
	r.Helper()
	t.Org = Org
	if t.APIURL == "" {
		t.APIURL = r.Carrier.URL
	}
	r.Put(subject.BucketTrunks, subject.TrunkKey(Org, t.Name), t)
}

// Put writes a record.
func (r *Rig) Put(bucket, key string, record any) {
	r.Helper()
	doc, err := json.Marshal(record)
	r.Must(err)
	k, err := r.Bus.Bucket(r.ctx, bucket)
	r.Must(err)
	r.Must(k.Put(r.ctx, key, doc))
}

// Dial sends an order to dial Callee.
func (r *Rig) Dial(callID string, change ...func(*command.CallDial)) {
	r.Helper()
	c := command.CallDial{Trunk: Main, To: Callee, Application: App, RingSeconds: 1}
	for _, f := range change {
		f(&c)
	}
	r.Send(callID, c)
}

// Send sends an order.
func (r *Rig) Send(callID string, c command.Command) {
	r.Helper()
	r.Must(r.Bus.Send(r.ctx, Org, callID, c))
}

// Record records a fact as a carrier's callback would.
func (r *Rig) Record(callID, leg string, f event.Fact) {
	r.Helper()
	e := event.New("/test", Org, callID, f)
	e.Trunk, e.Provider, e.Leg = Main, Name, leg
	_, _, err := r.Bus.Record(r.ctx, e)
	r.Must(err)
}

// Await waits for a fact of a call. Its type is F's.
func Await[F event.Fact](r *Rig, callID string) (F, *event.Event) {
	r.Helper()
	var zero F
	found := errors.New("found")
	var got *event.Event
	err := r.Bus.Tail(r.ctx, bus.Span{Filters: subject.EventsOfType(Org, callID, zero.Type())}, nil, func(e *event.Event) error {
		got = e
		return found
	})
	if !errors.Is(err, found) {
		facts, _ := r.Bus.Facts(context.WithoutCancel(r.ctx), Org, callID)
		for _, e := range facts {
			r.Logf("%s %+v", e.Data.Type(), e.Data)
		}
		r.Fatalf("call %s never saw %s: %v", callID, zero.Type(), err)
	}
	return got.Data.(F), got
}

// AwaitCarrier waits until a condition holds at the carrier.
func (r *Rig) AwaitCarrier(what string, holds func() bool) {
	r.Helper()
	if err := r.Carrier.await(r.ctx, holds); err != nil {
		r.Fatalf("the carrier never saw it: %s", what)
	}
}

// Has reports whether a call has a fact of F's type.
func Has[F event.Fact](r *Rig, callID string) bool {
	r.Helper()
	var zero F
	facts, err := r.Bus.Facts(r.ctx, Org, callID, zero.Type())
	r.Must(err)
	return len(facts) > 0
}

// Must ends the test at an error.
func (r *Rig) Must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}
