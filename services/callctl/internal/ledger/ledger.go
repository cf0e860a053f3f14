// Package ledger is what orders and the sweeper have in common: it reads what
// the log tells about a call, writes facts until they are kept, remembers which
// leg is whose, and asks a carrier whether a dial happened.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// Source is how callctl signs its facts.
const Source = "/callctl"

// How long one request to NATS may take, and how long it is repeated.
const (
	tryFor  = 2 * time.Second
	giveUp  = 10 * time.Second
	oneRest = 50 * time.Millisecond
	maxRest = time.Second
)

// Ledger is safe for concurrent use.
type Ledger struct {
	Bus     *bus.Bus
	Lines   *trunk.Cache
	Links   trunk.Links
	Log     *logrus.Logger
	Metrics *Metrics

	legs *bus.Bucket
}

// Open opens the bucket of legs.
func (l *Ledger) Open(ctx context.Context) (err error) {
	l.legs, err = l.Bus.Bucket(ctx, subject.BucketLegs)
	return err
}

// Read returns what the log tells about a call; its Status is empty where the
// log knows nothing.
func (l *Ledger) Read(ctx context.Context, org, id string) (*Call, error) {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	facts, err := l.Bus.Facts(ctx, org, id)
	if err != nil {
		return nil, err
	}
	c := &Call{State: event.State{Org: org, Call: id}}
	for _, e := range facts {
		c.Add(e)
	}
	if !c.InDoubt() {
		return c, nil
	}
	refusal, err := l.Bus.Fact(ctx, org, id, event.CarrierReported{}.Type(), refusalID(c.Attempt))
	if err == nil {
		c.Add(refusal)
	} else if !errors.Is(err, bus.ErrNotFound) {
		return nil, err
	}
	return c, nil
}

// Record writes a fact of a call and repeats the very same try while nobody
// answers, so that a lost acknowledgement does no harm. The stored fact is
// another one where somebody was first, and won is false then.
func (l *Ledger) Record(ctx context.Context, s event.State, fact event.Fact) (stored *event.Event, won bool, err error) {
	e := event.New(Source, s.Org, s.Call, fact)
	e.Trunk, e.Provider, e.Leg = s.Trunk, s.Provider, s.Leg
	ctx, cancel := context.WithTimeout(ctx, giveUp)
	defer cancel()
	for rest := oneRest; ; rest = min(2*rest, maxRest) {
		try, done := context.WithTimeout(ctx, tryFor)
		stored, won, err = l.Bus.Record(try, e)
		done()
		if err == nil {
			if won {
				l.Entry(s).Info(fact.Type())
			}
			return stored, won, nil
		}
		select {
		case <-ctx.Done():
			return nil, false, err
		case <-time.After(rest):
		}
	}
}

// End records the end of a call. Another end that is recorded already stays.
func (l *Ledger) End(ctx context.Context, s event.State, end event.CallEnded) error {
	_, won, err := l.Record(ctx, s, end)
	if won {
		l.Metrics.Ends.WithLabelValues(string(end.Status), string(end.Cause)).Inc()
	}
	return err
}

// Ended reports whether the end of a call is recorded.
func (l *Ledger) Ended(ctx context.Context, s event.State) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	_, err := l.Bus.Fact(ctx, s.Org, s.Call, event.CallEnded{}.Type(), "")
	if errors.Is(err, bus.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Initiated records what the carrier said to a dial: that it has the call. The
// leg is kept first: a carrier may tell about it on a URL that names no call.
func (l *Ledger) Initiated(ctx context.Context, s event.State, res provider.DialResult) error {
	if res.LegID != "" {
		// Another call may have guessed that the leg is its own; see Find.
		if err := l.own(ctx, s, res.LegID); err != nil {
			l.Entry(s).WithError(err).Warn("leg is not kept")
		}
	}
	return l.initiated(ctx, s, res)
}

func (l *Ledger) initiated(ctx context.Context, s event.State, res provider.DialResult) error {
	s.Leg = res.LegID
	_, _, err := l.Record(ctx, s, event.CallInitiated{CarrierRef: res.Ref})
	return err
}

// owner is a value of the bucket LEGS.
type owner struct {
	Org  string `json:"org"`
	Call string `json:"call_id"`
}

func (l *Ledger) own(ctx context.Context, s event.State, leg string) error {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	doc, err := json.Marshal(owner{s.Org, s.Call})
	if err != nil {
		return err
	}
	return l.legs.Put(ctx, subject.LegKey(s.Org, s.Trunk, leg), doc)
}

// Claim reports whether a leg is a call's: nobody's leg is the call's from now on.
func (l *Ledger) Claim(ctx context.Context, s event.State, leg string) (mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	me, it := owner{s.Org, s.Call}, owner{}
	doc, err := json.Marshal(me)
	if err != nil {
		return false, err
	}
	key := subject.LegKey(s.Org, s.Trunk, leg)
	_, err = l.legs.Create(ctx, key, doc)
	if !errors.Is(err, bus.ErrExists) {
		return err == nil, err
	}
	kept, _, err := l.legs.Get(ctx, key)
	if err != nil {
		return false, err
	}
	err = json.Unmarshal(kept, &it)
	return it == me, err
}

// Find asks the carrier whether the newest attempt to dial a call happened,
// and records the leg if it did. Nothing found proves nothing. A carrier that
// cannot tell two dials to one number apart may name a leg that is another
// call's: one that is known, or one that rival suspects. Without rival, which
// knows all dials that are under way, such a carrier is not asked.
func (l *Ledger) Find(ctx context.Context, line *trunk.Line, c *Call, rival func() bool) (found bool, err error) {
	if !line.Account.Can(provider.CanReconcile) || rival == nil && line.Account.Spec().FindsByNumber {
		return false, nil
	}
	res, found, err := line.Account.FindDial(ctx, l.Request(c), c.DialingAt)
	if err != nil || !found || rival != nil && rival() {
		return false, err
	}
	if res.LegID != "" {
		if mine, err := l.Claim(ctx, c.State, res.LegID); err != nil || !mine {
			return false, err
		}
	}
	return true, l.initiated(ctx, c.State, res)
}

// Request is the dial of a call as its provider takes it.
func (l *Ledger) Request(c *Call) provider.DialRequest {
	return provider.DialRequest{CallID: c.Call, To: c.To, From: c.From, RingSeconds: c.RingSeconds,
		LimitSeconds: c.Requested.LimitSeconds, URL: l.hooks(c.State)}
}

// Leg is the leg of a call as its provider takes it.
func (l *Ledger) Leg(c *Call) provider.Leg {
	return provider.Leg{ID: c.Leg, Ref: c.Ref, CallID: c.Call, URL: l.hooks(c.State), Connect: l.connect(c.State)}
}

// connect has a media node dial a socket of a call's leg.
func (l *Ledger) connect(s event.State) func(context.Context, provider.Socket) error {
	return func(ctx context.Context, to provider.Socket) error {
		return l.Bus.Send(ctx, s.Org, s.Call, command.MediaConnect{Trunk: s.Trunk, Leg: s.Leg, StreamID: to.StreamID,
			URL: to.URL, Protocol: to.Protocol, Insecure: to.Insecure})
	}
}

// hooks mints the callback URLs of a call.
func (l *Ledger) hooks(s event.State) func(provider.Hook) string {
	return func(h provider.Hook) string {
		return l.Links.Hook(trunk.HookPath{Provider: s.Provider, Org: s.Org, Trunk: s.Trunk, Hook: h, Call: s.Call})
	}
}

// Line returns a trunk. Its error is a *command.Error.
func (l *Ledger) Line(org, name string) (*trunk.Line, error) {
	return usable(l.Lines.Trunk(org, name))
}

// catchUp bounds how long the watched records may be behind those that an asker
// has seen.
const catchUp = 3 * time.Second

// LineOf is Line for an asker who has seen a record of the trunk already.
func (l *Ledger) LineOf(ctx context.Context, org, name string, revision uint64) (*trunk.Line, error) {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	return usable(l.Lines.Await(ctx, org, name, revision))
}

func usable(line *trunk.Line, err error) (*trunk.Line, error) {
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return nil, command.Refuse("unknown_trunk", "%s; `trunkline trunk list` shows those there are", err)
	case err != nil:
		return nil, command.Refuse("trunk_unusable", "%s; put it right with `trunkline trunk add`", err)
	}
	return line, nil
}

// Entry begins a line of the log about a call.
func (l *Ledger) Entry(s event.State) *logrus.Entry {
	fields := logrus.Fields{"org": s.Org, "call_id": s.Call}
	for key, value := range map[string]string{"leg_id": s.Leg, "trunk": s.Trunk, "provider": s.Provider} {
		if value != "" {
			fields[key] = value
		}
	}
	return l.Log.WithFields(fields)
}
