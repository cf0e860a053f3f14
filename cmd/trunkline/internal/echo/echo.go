// Package echo is an agent that gives back what it hears: the simplest proof
// that a call's audio goes both ways.
package echo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// Agent answers the calls of one application. Every key that the other side
// presses is an interruption: what is still to be said is dropped.
type Agent struct {
	Bus         *bus.Bus
	Log         *logrus.Logger
	Org         string
	Application string

	mu    sync.Mutex
	calls map[string]func() // stops the subscription of a call
}

// Run takes calls until ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	leave, err := a.Join(ctx)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return leave()
}

// Join takes calls from its return on until leave is called.
func (a *Agent) Join(ctx context.Context) (leave func() error, err error) {
	a.calls = map[string]func(){}
	stop, err := a.Bus.Join(ctx, a.Org, a.Application, a.take)
	if err != nil {
		return nil, err
	}
	return func() error {
		defer a.hangUp()
		return stop()
	}, nil
}

// take subscribes to the call before it accepts, so that nothing is missed.
func (a *Agent) take(o media.Offer) media.Accept {
	t := &talk{agent: a, offer: o, line: a.Bus.Line(o.Call)}
	stop, err := t.line.Subscribe(subject.Caller(o.Org, o.Call), t.hear)
	if err == nil {
		err = t.line.Flush(context.Background())
	}
	if err != nil {
		a.Log.WithError(err).WithField("call_id", o.Call).Error("call is declined")
		return media.Accept{Reason: "the agent cannot listen"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if former := a.calls[o.Call]; former != nil {
		former()
	}
	a.calls[o.Call] = stop
	return media.Accept{Accept: true, Agent: fmt.Sprintf("echo of %s", o.Application)}
}

func (a *Agent) forget(callID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if stop := a.calls[callID]; stop != nil {
		stop()
		delete(a.calls, callID)
	}
}

func (a *Agent) hangUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, stop := range a.calls {
		stop()
	}
}

// greeted is the mark behind what the caller hears before the echo.
const greeted = "greeted"

// HeldBack is how much of the echo is kept back at first, so that a frame that
// comes late leaves no gap in it. A voice that is made faster than it is heard
// needs nothing of the kind.
const HeldBack = 200 * time.Millisecond

// talk is one call. Its messages come one at a time.
type talk struct {
	agent   *Agent
	offer   media.Offer
	line    bus.Line
	open    bool   // the caller has heard the greeting out
	flows   bool   // nothing is kept back any more
	waiting []byte // what is kept back
}

func (t *talk) hear(subj string, data []byte) {
	if !strings.HasSuffix(subj, ".audio") {
		t.signal(data)
		return
	}
	// Behind a greeting that still plays, even silence would queue up, and every
	// echo would be late by it.
	if t.open {
		t.say(data)
	}
}

func (t *talk) say(data []byte) {
	if !t.flows {
		t.waiting = append(t.waiting, data...)
		if t.offer.Format.Duration(len(t.waiting)) < HeldBack {
			return
		}
		data, t.waiting, t.flows = t.waiting, nil, true
	}
	_ = t.line.Publish(subject.AgentAudio(t.offer.Org, t.offer.Call), data)
}

func (t *talk) signal(doc []byte) {
	var s media.Signal
	if err := json.Unmarshal(doc, &s); err != nil {
		t.agent.Log.WithError(err).WithField("call_id", t.offer.Call).Warn("signal cannot be read")
		return
	}
	switch {
	case s.Started != nil:
		t.control(media.Control{Mark: &media.MarkControl{Name: greeted}})
	case s.Mark != nil && s.Mark.Name == greeted:
		t.open = true
	case s.DTMF != nil:
		t.flows, t.waiting = false, nil
		t.control(media.Control{Clear: &media.Clear{}})
	case s.Stopped != nil:
		t.agent.forget(t.offer.Call)
	}
}

func (t *talk) control(c media.Control) {
	if doc, err := json.Marshal(c); err == nil {
		_ = t.line.Publish(subject.AgentControl(t.offer.Org, t.offer.Call), doc)
	}
}
