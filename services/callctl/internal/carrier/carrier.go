// Package carrier answers what others ask of a carrier: registry does no REST
// itself, but asks at trunkline.svc.callctl.<noun>.<verb>.
package carrier

import (
	"context"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/strict"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
)

// Trunk is a request about a trunk.
type Trunk struct {
	Org  string `json:"org"`
	Name string `json:"name"`
	// Revision is the trunk's record that the asker has seen, 0 for any.
	Revision uint64 `json:"revision,omitempty"`
}

// Number is a request about a number of a trunk.
type Number struct {
	Org    string `json:"org"`
	Trunk  string `json:"trunk"`
	Number string `json:"number"`
	// Revision is the trunk's record that the asker has seen, 0 for any.
	Revision uint64 `json:"revision,omitempty"`
	// Inbound is where the carrier delivers calls; the trunk's own addresses
	// when empty.
	Inbound provider.Inbound `json:"inbound,omitzero"`
}

// Call is a request about a call.
type Call struct {
	Org  string `json:"org"`
	Call string `json:"call_id"`
}

// Status is what a carrier says of a call.
type Status struct {
	Status  call.Status `json:"status"`
	Cause   call.Cause  `json:"cause,omitempty"`
	Raw     string      `json:"raw,omitempty"` // the carrier's own word
	Seconds *int        `json:"seconds,omitempty"`
}

// Desk answers.
type Desk struct{ *ledger.Ledger }

// Endpoints are all requests.
func (d Desk) Endpoints() []bus.Endpoint {
	return []bus.Endpoint{
		{Noun: "trunk", Verb: "test", Handle: handle(d.testTrunk)},
		{Noun: "trunk", Verb: "numbers", Handle: handle(d.numbers)},
		{Noun: "trunk", Verb: "provision", Handle: handle(d.provision)},
		{Noun: "number", Verb: "owns", Handle: handle(d.owns)},
		{Noun: "number", Verb: "inbound", Handle: handle(d.inbound)},
		{Noun: "number", Verb: "set_inbound", Handle: handle(d.setInbound)},
		{Noun: "number", Verb: "clear_inbound", Handle: handle(d.clearInbound)},
		{Noun: "call", Verb: "status", Handle: handle(d.status)},
		{Noun: "call", Verb: "cost", Handle: handle(d.cost)},
	}
}

// handle decodes a request strictly, and makes a refusal of a carrier's error.
func handle[Q any](answer func(context.Context, Q) (any, error)) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, request []byte) (any, error) {
		var q Q
		if err := strict.Decode(request, &q); err != nil {
			return nil, command.Refuse("invalid_request", "%s", err)
		}
		reply, err := answer(ctx, q)
		return reply, ledger.Refuse(err)
	}
}

func (d Desk) testTrunk(ctx context.Context, q Trunk) (any, error) {
	line, err := d.LineOf(ctx, q.Org, q.Name, q.Revision)
	if err != nil {
		return nil, err
	}
	return q, line.Account.TestCredentials(ctx)
}

func (d Desk) numbers(ctx context.Context, q Trunk) (any, error) {
	line, err := d.LineOf(ctx, q.Org, q.Name, q.Revision)
	if err != nil {
		return nil, err
	}
	numbers, err := line.Account.Numbers(ctx)
	return map[string][]provider.Number{"numbers": numbers}, err
}

// provision makes what the trunk needs at its carrier and returns the values to
// keep in its configuration.
func (d Desk) provision(ctx context.Context, q Trunk) (any, error) {
	line, err := d.LineOf(ctx, q.Org, q.Name, q.Revision)
	if err != nil {
		return nil, err
	}
	values, err := line.Account.Provision(ctx, line.Name, d.ownInbound(line))
	return map[string]map[string]string{"values": values}, err
}

func (d Desk) owns(ctx context.Context, q Number) (any, error) {
	line, err := d.LineOf(ctx, q.Org, q.Trunk, q.Revision)
	if err != nil {
		return nil, err
	}
	owns, err := line.Account.Owns(ctx, q.Number)
	return map[string]bool{"owns": owns}, err
}

// inbound tells where calls to a number go, and whether that is here.
func (d Desk) inbound(ctx context.Context, q Number) (any, error) {
	line, err := d.LineOf(ctx, q.Org, q.Trunk, q.Revision)
	if err != nil {
		return nil, err
	}
	url, err := line.Account.Inbound(ctx, q.Number)
	return map[string]any{"url": url, "ours": url == d.target(line, q).AnswerURL}, err
}

func (d Desk) setInbound(ctx context.Context, q Number) (any, error) {
	line, err := d.LineOf(ctx, q.Org, q.Trunk, q.Revision)
	if err != nil {
		return nil, err
	}
	target := d.target(line, q)
	return map[string]string{"url": target.AnswerURL}, line.Account.SetInbound(ctx, q.Number, target)
}

func (d Desk) clearInbound(ctx context.Context, q Number) (any, error) {
	line, err := d.LineOf(ctx, q.Org, q.Trunk, q.Revision)
	if err != nil {
		return nil, err
	}
	return struct{}{}, line.Account.ClearInbound(ctx, q.Number, d.target(line, q).AnswerURL)
}

func (d Desk) target(line *trunk.Line, q Number) provider.Inbound {
	if q.Inbound != (provider.Inbound{}) {
		return q.Inbound
	}
	return d.ownInbound(line)
}

func (d Desk) ownInbound(line *trunk.Line) provider.Inbound {
	hook := func(h provider.Hook) string {
		return d.Links.Hook(trunk.HookPath{Provider: line.Provider, Org: line.Org, Trunk: line.Name, Hook: h})
	}
	return provider.Inbound{AnswerURL: hook(provider.HookInbound), StatusURL: hook(provider.HookStatus)}
}

func (d Desk) status(ctx context.Context, q Call) (any, error) {
	line, leg, err := d.leg(ctx, q)
	if err != nil {
		return nil, err
	}
	s, err := line.Account.Status(ctx, leg)
	return Status{Status: s.Status, Cause: s.Cause, Raw: s.Raw, Seconds: s.Seconds}, err
}

// cost tells what a call costs; null where the carrier has not priced it yet.
func (d Desk) cost(ctx context.Context, q Call) (any, error) {
	line, leg, err := d.leg(ctx, q)
	if err != nil {
		return nil, err
	}
	cost, err := line.Account.Cost(ctx, leg)
	return map[string]*call.Cost{"cost": cost}, err
}

func (d Desk) leg(ctx context.Context, q Call) (*trunk.Line, provider.Leg, error) {
	c, err := d.Read(ctx, q.Org, q.Call)
	switch {
	case err != nil:
		return nil, provider.Leg{}, err
	case c.Status == "":
		return nil, provider.Leg{}, command.Refuse("unknown_call", "there is no call %q in org %q; calls are remembered for %s", q.Call, q.Org, bus.EventsAge)
	case !c.Located():
		return nil, provider.Leg{}, command.Refuse("call_not_live", "call %q is %s; no carrier has it", q.Call, c.Status)
	}
	line, err := d.Line(q.Org, c.Trunk)
	return line, d.Leg(c), err
}
