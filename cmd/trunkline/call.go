package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

type callCmd struct {
	client
	To          string            `arg:"" help:"Number (+14155550177), SIP URI, or endpoint of a PBX (PJSIP/100) to ring."`
	Trunk       string            `short:"t" help:"Trunk to call over; the only one there is when left out."`
	Application string            `short:"a" help:"Application that talks to whoever answers; the only one there is when left out."`
	From        string            `help:"Caller id: one of the trunk's numbers; its first one when left out."`
	Ring        time.Duration     `default:"30s" help:"How long to let it ring."`
	Limit       time.Duration     `help:"How long the call may last."`
	AMD         string            `enum:",detect,wait" default:"" help:"Answering-machine detection: detect, or wait for the end of a greeting."`
	Var         map[string]string `help:"Variables for the agent: --var name=value."`
	ID          string            `help:"Call id; a fresh one when left out. An id is dialled once."`
}

// Run places a call and follows it to its end.
func (c callCmd) Run(ctx context.Context, out io.Writer) error {
	if err := c.only(ctx, "trunk", &c.Trunk); err != nil {
		return err
	}
	if err := c.only(ctx, "application", &c.Application); err != nil {
		return err
	}
	b, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	id := c.ID
	if id == "" {
		id = call.NewID()
	}
	if err := call.CheckID("--id", id); err != nil {
		return err
	}
	dial := command.CallDial{Trunk: c.Trunk, To: c.To, From: c.From, Application: c.Application, Variables: c.Var,
		RingSeconds: call.Seconds(c.Ring), LimitSeconds: call.Seconds(c.Limit), AMD: c.AMD}
	if err := dial.Validate(); err != nil {
		return err
	}
	if err := b.Send(ctx, c.Org, id, dial); err != nil {
		return err
	}
	return c.follow(ctx, b, id, out)
}

// only fills in the name of a record that was left out: of the one there is.
func (c callCmd) only(ctx context.Context, noun string, name *string) error {
	if *name != "" {
		return nil
	}
	var records []recordName
	if err := c.ask(ctx, noun, "list", recordName{Org: c.Org}, &records); err != nil {
		return err
	}
	names := make([]string, len(records))
	for i, r := range records {
		names[i] = r.Name
	}
	switch len(names) {
	case 0:
		return fmt.Errorf("there is no %s: `trunkline %s add` makes one", noun, noun)
	case 1:
		*name = names[0]
		return nil
	}
	return fmt.Errorf("say which %s, with --%s: %s", noun, noun, strings.Join(names, ", "))
}

// follow prints a call's events until it is over.
func (c callCmd) follow(ctx context.Context, b *bus.Bus, id string, out io.Writer) error {
	over := errors.New("over")
	var outcome error
	err := b.Tail(ctx, bus.Span{Filters: []string{subject.Events(c.Org, id)}}, nil, func(e *event.Event) error {
		if err := printEvent(out, c.JSON, e); err != nil {
			return err
		}
		switch f := e.Data.(type) {
		case event.CallEnded:
			if f.Status != call.Completed {
				outcome = errSilent
			}
			return over
		case event.CommandFailed:
			outcome = &command.Error{Code: f.Code, Message: f.Message}
			return over
		}
		return nil
	})
	if errors.Is(err, over) {
		return outcome
	}
	if err == nil {
		return fmt.Errorf("stopped following call %s; it goes on: `trunkline hangup %s` ends it", id, id)
	}
	return err
}

type hangupCmd struct {
	client
	ID string `arg:"" help:"Call id."`
}

// Run orders the end of a call.
func (c hangupCmd) Run(ctx context.Context, out io.Writer) error {
	b, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := call.CheckID("call id", c.ID); err != nil {
		return err
	}
	if err := b.Send(ctx, c.Org, c.ID, command.CallHangup{}); err != nil {
		return err
	}
	return c.done(out, "Call "+c.ID+" is being hung up.")
}

type callsCmd struct {
	client
	Ended bool `help:"Also the newest calls that are over."`
}

type shownCall struct {
	ID          string         `json:"call_id"`
	Status      call.Status    `json:"status"`
	Direction   call.Direction `json:"direction,omitempty"`
	From        string         `json:"from,omitempty"`
	To          string         `json:"to,omitempty"`
	Application string         `json:"application,omitempty"`
	Agent       string         `json:"agent,omitempty"`
	Trunk       string         `json:"trunk,omitempty"`
	Leg         string         `json:"leg_id,omitempty"`
	StartedAt   time.Time      `json:"started_at"`
	AnsweredAt  time.Time      `json:"answered_at,omitzero"`
	EndedAt     time.Time      `json:"ended_at,omitzero"`
	Cause       call.Cause     `json:"cause,omitempty"`
}

// Run lists calls.
func (c callsCmd) Run(ctx context.Context, out io.Writer) error {
	var list []shownCall
	if err := c.ask(ctx, "call", "list", map[string]any{"org": c.Org, "ended": c.Ended}, &list); err != nil {
		return err
	}
	return show(out, c.JSON, list, "There are no calls.",
		[]string{"CALL", "STATUS", "DIRECTION", "FROM", "TO", "APPLICATION", "TRUNK", "STARTED"}, func(s shownCall) []string {
			return []string{s.ID, string(s.Status), string(s.Direction), orDash(s.From), orDash(s.To), orDash(s.Application),
				s.Trunk, s.StartedAt.Local().Format(time.TimeOnly)}
		})
}
