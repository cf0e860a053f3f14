package webhook

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

const (
	// offerIn is how long an agent may take to accept.
	offerIn = time.Second
	// pollEvery is how often a repeated webhook looks for the agent that
	// another one is being found for.
	pollEvery = 50 * time.Millisecond
	// streamGrace is how much longer a media URL is good than the call rings.
	streamGrace = time.Minute
)

var (
	hangup = call.Instruction{Steps: []call.Step{{Hangup: &call.Hangup{}}}}
	reject = call.Instruction{Steps: []call.Step{{Reject: &call.Reject{}}}}
)

// connect finds an agent for a call and returns the instruction that joins the
// two, or the fallback where nobody takes it. An agent is offered a call once:
// by whoever wins claim. Whoever loses it answers what the winner decided.
func (r *Receiver) connect(w *webhook, s *event.State, claim func() (*event.Event, bool, error)) (call.Instruction, error) {
	ctx, cancel := context.WithDeadline(context.Background(), w.start.Add(decideIn))
	defer cancel()
	app, known := r.cache.Application(s.Org, s.Application)
	switch {
	case s.End != nil:
		return hangup, nil
	case s.Bound != nil:
		return r.stream(w, app, s), nil
	case !known:
		return r.fallback(w, app, "no_application"), nil
	case app.Agent.Kind == trunk.AgentWebSocket: // dialled by the media node, after the answer
		return r.bind(ctx, w, app, s, "")
	}
	claimed, won, err := claim()
	if err != nil {
		return call.Instruction{}, err
	}
	if !won {
		return r.follow(ctx, w, app, s, claimed.Time)
	}
	agent, outcome := r.offer(ctx, app, s)
	r.metrics.offers.WithLabelValues(outcome).Inc()
	if outcome != accepted {
		return r.fallback(w, app, outcome), nil
	}
	return r.bind(ctx, w, app, s, agent)
}

// accepted is the one outcome of an offer that connects a call.
const accepted = "accepted"

// offer asks the application's agents, and says what came of it.
func (r *Receiver) offer(ctx context.Context, app trunk.Application, s *event.State) (agent, outcome string) {
	ctx, cancel := context.WithTimeout(ctx, offerIn)
	defer cancel()
	accept, err := r.bus.Offer(ctx, media.Offer{Org: s.Org, Call: s.Call, Application: s.Application, Direction: s.Direction,
		From: s.From, To: s.To, Variables: s.Variables, Format: cmp.Or(app.Format, trunk.DefaultFormat)})
	switch {
	case errors.Is(err, bus.ErrNoResponders):
		return "", "no_agent"
	case errors.Is(err, context.DeadlineExceeded):
		return "", "timeout"
	case err != nil:
		r.log.WithError(err).WithFields(logrus.Fields{"org": s.Org, "call_id": s.Call}).Warn("offer failed")
		return "", "error"
	case !accept.Accept:
		return "", "declined"
	}
	return accept.Agent, accepted
}

// bind records who talks on the call. Where another was bound first, that one
// does.
func (r *Receiver) bind(ctx context.Context, w *webhook, app trunk.Application, s *event.State, agent string) (call.Instruction, error) {
	bound := event.New("/ingress", s.Org, s.Call, event.AgentBound{Application: s.Application, Agent: agent, StreamID: call.NewID()})
	bound.Trunk, bound.Provider, bound.Leg = w.line.Name, w.line.Provider, w.notice.LegID
	stored, won, err := r.bus.Record(ctx, bound)
	if err != nil {
		return call.Instruction{}, err
	}
	if won && r.log.IsLevelEnabled(logrus.DebugLevel) { // the fact tells; a line costs as much as a tenth of a call's webhook
		r.entry(w).WithFields(logrus.Fields{"application": s.Application, "agent": agent}).Debug("agent bound")
	}
	s.Add(stored)
	return r.stream(w, app, s), nil
}

// follow waits for what the node decides that took the call at the given time,
// and gives the same answer. It never offers: a repeated webhook wakes no
// second agent.
func (r *Receiver) follow(ctx context.Context, w *webhook, app trunk.Application, s *event.State, taken time.Time) (call.Instruction, error) {
	ctx, cancel := context.WithDeadline(ctx, taken.Add(decideIn))
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		facts, err := r.bus.Facts(ctx, s.Org, s.Call)
		switch now := event.Fold(facts...); {
		case ctx.Err() != nil:
			return r.fallback(w, app, "undecided"), nil
		case err != nil:
			return call.Instruction{}, err
		case now.End != nil:
			return hangup, nil
		case now.Bound != nil:
			return r.stream(w, app, &now), nil
		}
		select {
		case <-ctx.Done():
		case <-poll.C:
		}
	}
}

// stream is the instruction that joins a call with its agent. It is the same
// for every repeat of a webhook.
func (r *Receiver) stream(w *webhook, app trunk.Application, s *event.State) call.Instruction {
	links, id := r.links, s.Bound.StreamID
	links.Hooks = w.base
	ring := time.Duration(cmp.Or(s.RingSeconds, command.DefaultRingSeconds)) * time.Second
	stream := &call.Stream{
		URL:       links.Stream(trunk.StreamPath{Org: s.Org, Trunk: w.line.Name, Call: s.Call, Stream: id}, s.BoundAt.Add(ring+streamGrace)),
		StreamID:  id,
		StatusURL: links.Hook(trunk.HookPath{Provider: w.line.Provider, Org: s.Org, Trunk: w.line.Name, Hook: provider.HookStream, Call: s.Call}),
		Params:    map[string]string{"call": s.Call, "stream": id},
	}
	want := w.line.Asked(app)
	stream.Encoding, stream.Rate = string(want.Encoding), want.Rate
	return call.Instruction{Steps: []call.Step{{Stream: stream}, {Hangup: &call.Hangup{}}}}
}

// fallback is for a call that nobody takes. It is not recorded: the end of the
// call will come from the carrier. Where that cannot carry the fallback out the
// caller is turned away.
func (r *Receiver) fallback(w *webhook, app trunk.Application, why string) call.Instruction {
	w.outcome = "fallback"
	r.metrics.fallbacks.WithLabelValues(why).Inc()
	r.entry(w).WithField("reason", why).Warn("fallback given: no agent takes the call")
	if in := app.FallbackOf(); w.line.Account.Spec().Takes(in) {
		return in
	}
	return reject
}
