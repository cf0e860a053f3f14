package session

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio/mix"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/agent"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// defaultAmbientGain is for applications that name none: 14 dB down.
const defaultAmbientGain = 0.2

// open waits for the carrier's announcement, checks it against the call, and
// records the stream as started. first is false where a leg comes back to its
// stream. Its error is an *ending.
func (s *session) open() (first bool, err error) {
	if s.start, err = s.announcement(); err != nil {
		return false, err
	}
	s.leg = cmp.Or(s.start.LegID, s.leg)
	if !s.start.In.Valid() || !s.start.Out.Valid() {
		return false, broken(fmt.Errorf("formats %s in and %s out cannot be handled", s.start.In, s.start.Out))
	}
	if err := s.checkLeg(); err != nil {
		return false, err
	}
	if err := s.pumps(); err != nil {
		return false, failed(err)
	}
	return s.admit()
}

// announcement reads up to the carrier's start.
func (s *session) announcement() (*media.Start, error) {
	late := time.AfterFunc(s.node.Announce, func() {
		s.end(refused(fmt.Sprintf("the carrier announced no stream within %s", s.node.Announce)))
	})
	defer late.Stop()
	for {
		events, err := s.read()
		if err != nil {
			return nil, err
		}
		for i := range events {
			switch e := &events[i]; e.Kind {
			case media.EventStarted:
				s.rest = events[i+1:]
				return e.Start, nil
			case media.EventStopped:
				return nil, stopped("before the start")
			case media.EventWarning:
				s.warn(warnCodec, e.Reason)
			}
		}
	}
}

// checkLeg compares the leg that the carrier announces with the one that the
// log knows of the call. A log that knew none at the upgrade is asked again:
// the reply to a dial and the stream may race.
func (s *session) checkLeg() error {
	known := s.call.Leg
	if known == "" && s.start.LegID != "" {
		ctx, cancel := s.patience()
		defer cancel()
		state, err := s.node.Bus.State(ctx, s.call.Org, s.call.ID)
		if err != nil {
			return failed(err)
		}
		known = state.Leg
	}
	if known != "" && s.start.LegID != "" && known != s.start.LegID {
		return refused("the socket is of another leg than the call")
	}
	return nil
}

// admit uses up the stream's token. Whoever comes after must be the same leg,
// and takes over from the socket before.
func (s *session) admit() (first bool, err error) {
	ctx, cancel := s.patience()
	defer cancel()
	stored, first, err := s.node.Bus.Record(ctx, s.event(event.StreamStarted{
		StreamID: s.call.Stream, CarrierStreamID: s.start.StreamID, Node: s.node.Name,
		InFormat: s.start.In.String(), OutFormat: s.start.Out.String(),
	}))
	switch {
	case err != nil:
		return false, failed(err)
	case !first && stored.Leg != s.leg:
		return false, refused("the stream is another leg's")
	}
	if before := s.node.claim(s); before != nil {
		before.end(&ending{reason: reasonReplaced, code: socket.Normal})
		if why(before.ctx).reason != reasonReplaced {
			<-before.done // it was ending anyway: its farewell to the agent comes first
		}
	}
	return first, nil
}

// pumps makes both pumps, in the formats that the carrier announced.
func (s *session) pumps() (err error) {
	app := &s.call.Application
	if app.Format == (media.Format{}) {
		app.Format = trunk.DefaultFormat
	}
	if s.caller, err = newCallerPump(s.start.In, app.Format, s.tellAgent); err != nil {
		return err
	}
	s.caller.sparse = s.call.Trunk.Account.Spec().Sparse
	if s.agent, err = newAgentPump(app.Format, s.start.Out, s.node.Lead); err != nil {
		return err
	}
	s.agent.send, s.agent.signal, s.agent.keys = s.send, s.signal, s.press
	if app.Ambient == "" {
		return nil
	}
	loop, err := s.node.Prompts.Loop(app.Ambient, app.Format.Rate)
	if err != nil {
		s.warn(warnPrompt, err.Error())
		return nil
	}
	s.agent.ambient = mix.NewLoop(loop)
	s.agent.gain = mix.Gain(math.Round(cmp.Or(app.AmbientGain, defaultAmbientGain) * float64(mix.Unity)))
	return nil
}

// connect opens the line to the agent and tells it of the call. The greeting
// is heard once, and before anything the agent says. Its error is an *ending.
func (s *session) connect(first bool) (err error) {
	app := &s.call.Application
	if first && app.Greeting != "" {
		s.play(app.Greeting)
	}
	switch app.Agent.Kind {
	case trunk.AgentWebSocket:
		if s.link, err = agent.WebSocket(s.ctx, app.Agent.URL); err != nil {
			return noAgent(err)
		}
	case trunk.AgentNATS, "":
		s.link = agent.NATS(s.node.Bus.Line(s.call.ID), s.call.Org, s.call.ID)
	default:
		return noAgent(fmt.Errorf("application %s has an agent of kind %q", app.Name, app.Agent.Kind))
	}
	if err := s.link.Listen(s); err != nil {
		return noAgent(err)
	}
	s.talks.Store(true)
	if _, err := s.send(media.Command{Kind: media.CommandAnswer}); err != nil {
		return lost(err)
	}
	state := &s.call.State
	s.signal(media.Signal{Started: &media.Started{
		StreamID: s.call.Stream, Org: s.call.Org, Call: s.call.ID, Application: app.Name, Direction: state.Direction,
		From: state.From, To: state.To, Provider: s.call.Trunk.Provider, Trunk: s.call.Trunk.Name, Format: app.Format,
		Variables: state.Variables,
	}})
	s.node.Metrics.started.WithLabelValues(s.call.Trunk.Provider).Inc()
	s.log.WithField("leg_id", s.leg).WithField("pipeline", s.String()).Info("stream started")
	return nil
}

// patience bounds what waits for NATS.
func (s *session) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(s.ctx), 2*time.Second)
}
