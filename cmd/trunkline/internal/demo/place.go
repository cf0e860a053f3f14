package demo

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/command"
)

// ringFor is how long the callee lets it ring.
const ringFor = 700 * time.Millisecond

// acts are what the person at the phone does: hear the greeting out, speak, and
// hang up when the echo is over.
func (s *stage) acts() []carriersim.Act {
	return []carriersim.Act{
		carriersim.WaitHeard{Sound: time.Second, Quiet: 400 * time.Millisecond},
		carriersim.Speak{PCM: s.sounds.caller.pcm, Rate: s.sounds.caller.rate},
		carriersim.WaitHeard{Quiet: 800 * time.Millisecond},
		carriersim.Hangup{},
	}
}

// place makes one call, waits for its end and judges it.
func (s *stage) place(p persona, c carriersim.Carrier, d call.Direction) (Call, error) {
	ctx, stop := context.WithTimeout(s.gateway.ctx, callLimit)
	defer stop()
	begin := s.ring
	if d == call.Outbound {
		begin = s.order
	}
	t, leg, err := begin(ctx, c)
	if err != nil {
		return Call{}, err
	}
	ev := evidence{direction: d, path: p.format, greeting: s.sounds.greeting}
	if leg != nil {
		s.follow(ctx, t, leg)
		ev.late = ctx.Err() != nil
		ev.hear(leg)
	}
	settled, stopWaiting := context.WithTimeout(s.gateway.ctx, factLimit)
	defer stopWaiting()
	if t.await(settled, "call.ended", "command.failed") && leg != nil && leg.Answered() {
		t.await(settled, "stream.stopped")
	}
	result := Call{Carrier: p.name, Direction: d, Format: p.format.String(), Sound: unheard, Greeting: unheard}
	result.ID, ev.facts = t.facts()
	if leg != nil {
		result.recall(leg, t.began)
	}
	ev.judge(&result)
	return result, s.save(&result, ev)
}

// ring makes a person call the carrier's first number.
func (s *stage) ring(ctx context.Context, c carriersim.Carrier) (*timeline, *carriersim.Call, error) {
	number := c.Numbers()[0]
	t := s.journal.begin(c.Name(), call.Inbound, "")
	t.note(t.began, "person", "dials", number)
	leg, err := c.Ring(ctx, caller, number, carriersim.Person{Acts: s.acts()})
	return t, leg, err
}

// order sends the command to call somebody. There is no leg where the order
// came to nothing; the facts tell why.
func (s *stage) order(ctx context.Context, c carriersim.Carrier) (*timeline, *carriersim.Call, error) {
	c.Expect(callee, carriersim.Person{Ring: ringFor, Acts: s.acts()})
	id := call.NewID()
	t := s.journal.begin(c.Name(), call.Outbound, id)
	dial := command.CallDial{Trunk: c.Name(), To: callee, Application: application}
	t.note(t.began, "program", "orders a call", callee)
	if err := s.gateway.stack.Bus.Send(ctx, org, id, dial); err != nil {
		return nil, nil, err
	}
	ctx, giveUp := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer giveUp()
	watching.Go(func() {
		if t.await(ctx, "call.ended", "command.failed") {
			giveUp()
		}
	})
	// Where it is never called, the facts tell why better than the error does.
	leg, _ := c.AwaitCall(ctx, func(c *carriersim.Call) bool { return c.Direction() == call.Outbound })
	return t, leg, nil
}

// follow shows what the person does until the call is over or ctx ends.
func (s *stage) follow(ctx context.Context, t *timeline, leg *carriersim.Call) {
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { t.watch(ctx, leg) })
	select {
	case <-leg.Done():
	case <-ctx.Done():
	}
	stop()
	watching.Wait()
	t.quote(leg, "hung up")
}

// watch shows the person's side of a call as it happens.
func (t *timeline) watch(ctx context.Context, leg *carriersim.Call) {
	if leg.Await(ctx, "answered") != nil {
		return
	}
	t.quote(leg, "answered")
	from := 0
	for _, step := range []struct {
		what      string
		recording func() []int16
	}{{"hears the greeting", leg.Heard}, {"speaks", leg.Said}, {"hears the echo", leg.Heard}} {
		at, when, ok := awaitSound(ctx, leg.Rate(), step.recording, from)
		if !ok {
			return
		}
		t.note(when, "person", step.what, "")
		from = at
	}
}

// awaitSound waits until a recording has sound behind a sample, and tells
// where and when.
func awaitSound(ctx context.Context, rate int, recording func() []int16, from int) (at int, when time.Time, ok bool) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		pcm := recording()
		fresh := clip{pcm, rate}.part(from, len(pcm))
		if start, _ := fresh.span(); start < len(fresh.pcm) {
			return from + start, time.Now().Add(-audio.Duration(len(fresh.pcm)-start, rate)), true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, time.Time{}, false
		}
	}
}

// quote shows the first entry of the carrier's own timeline that begins with
// what.
func (t *timeline) quote(leg *carriersim.Call, what string) {
	for _, e := range leg.Timeline() {
		if strings.HasPrefix(e.What, what) {
			t.note(e.At, "carrier", e.What, "")
			return
		}
	}
}

// recall copies what the carrier knows of the call.
func (c *Call) recall(leg *carriersim.Call, began time.Time) {
	c.Leg, c.From, c.To = leg.ID(), leg.From(), leg.To()
	if leg.Answered() {
		ms := leg.AnsweredAt().Sub(began).Milliseconds()
		c.AnsweredMS = &ms
	}
	for _, e := range leg.Timeline() {
		c.CarrierLog = append(c.CarrierLog, Note{e.At.Sub(began).Milliseconds(), e.What})
	}
}
