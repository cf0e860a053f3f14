package main

import (
	"context"
	"io"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

type applicationCmd struct {
	Add    applicationAddCmd    `cmd:"" help:"Add an application, or change one."`
	List   applicationListCmd   `cmd:"" help:"List applications."`
	Show   applicationShowCmd   `cmd:"" help:"Show one application."`
	Remove applicationRemoveCmd `cmd:"" help:"Remove an application that answers no number."`
}

type applicationAddCmd struct {
	client
	Name        string  `arg:"" help:"Name of the application."`
	Agent       string  `default:"nats" help:"How its agent is reached: nats (it joins a queue), or the ws:// or wss:// URL to dial."`
	Format      string  `default:"l16/16000" help:"Audio for the agent: l16/8000, l16/16000, l16/24000 or ulaw/8000."`
	Greeting    string  `help:"Prompt that is played first; a file in the prompt folder, without its ending."`
	Ambient     string  `help:"Prompt that is looped under the agent's voice."`
	AmbientGain float64 `default:"0.2" help:"Loudness of the ambient prompt, 0 to 1."`
	FallbackSay string  `help:"What callers are told when nobody can take the call, before it is hung up."`
}

// Run adds or changes an application.
func (c applicationAddCmd) Run(ctx context.Context, out io.Writer) error {
	format, err := media.ParseFormat(c.Format)
	if err != nil {
		return err
	}
	a := trunk.Application{Org: c.Org, Name: c.Name, Agent: trunk.Agent{Kind: trunk.AgentNATS}, Format: format, Greeting: c.Greeting}
	if strings.Contains(c.Agent, "://") {
		a.Agent = trunk.Agent{Kind: trunk.AgentWebSocket, URL: c.Agent}
	} else {
		a.Agent.Kind = trunk.AgentKind(c.Agent)
	}
	if c.Ambient != "" {
		a.Ambient, a.AmbientGain = c.Ambient, c.AmbientGain
	}
	if c.FallbackSay != "" {
		a.Fallback = call.Spoken(c.FallbackSay)
	}
	var stored trunk.Application
	if err := c.ask(ctx, "application", "put", a, &stored); err != nil {
		return err
	}
	return showApplications(out, c.JSON, []trunk.Application{stored})
}

type applicationListCmd struct{ client }

// Run lists applications.
func (c applicationListCmd) Run(ctx context.Context, out io.Writer) error {
	var list []trunk.Application
	if err := c.ask(ctx, "application", "list", recordName{Org: c.Org}, &list); err != nil {
		return err
	}
	return showApplications(out, c.JSON, list)
}

func showApplications(out io.Writer, asJSON bool, list []trunk.Application) error {
	return show(out, asJSON, list, "There are no applications. `trunkline application add` makes one.",
		[]string{"NAME", "AGENT", "FORMAT", "GREETING", "AMBIENT"}, func(a trunk.Application) []string {
			agent := string(a.Agent.Kind)
			if a.Agent.URL != "" {
				agent = a.Agent.URL
			}
			return []string{a.Name, agent, a.Format.String(), orDash(a.Greeting), orDash(a.Ambient)}
		})
}

type applicationShowCmd struct {
	client
	Name string `arg:"" help:"Name of the application."`
}

// Run shows one application.
func (c applicationShowCmd) Run(ctx context.Context, out io.Writer) error {
	var a trunk.Application
	if err := c.ask(ctx, "application", "get", recordName{Org: c.Org, Name: c.Name}, &a); err != nil {
		return err
	}
	return showApplications(out, c.JSON, []trunk.Application{a})
}

type applicationRemoveCmd struct {
	client
	Name string `arg:"" help:"Name of the application."`
}

// Run removes an application.
func (c applicationRemoveCmd) Run(ctx context.Context, out io.Writer) error {
	if err := c.ask(ctx, "application", "delete", recordName{Org: c.Org, Name: c.Name}, nil); err != nil {
		return err
	}
	return c.done(out, "Application "+c.Name+" is removed.")
}
