package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/echo"
	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/stack"
	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// What is configured.
const (
	org         = call.DefaultOrg
	application = "demo"
	greeting    = "greeting"
	ambient     = "ambient"
	ambientGain = 0.2
)

// gateway is a whole Trunkline in a folder of its own, with an echo agent and a
// reader of its event log.
type gateway struct {
	stack *stack.Stack
	dir   string
	agent *bus.Bus // the connection of the echo agent

	// ctx ends when anything of the gateway does, with the reason as its cause.
	ctx     context.Context
	end     context.CancelCauseFunc
	clients sync.WaitGroup // the agent and the reader
	server  sync.WaitGroup
}

// openGateway starts everything that does not depend on the carrier. The
// caller closes it.
func openGateway(ctx context.Context, log *logrus.Logger, j *journal) (_ *gateway, err error) {
	g := &gateway{}
	g.ctx, g.end = context.WithCancelCause(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	if g.dir, err = os.MkdirTemp("", "trunkline-demo-"); err != nil {
		return nil, fmt.Errorf("folder for what is kept: %w", err)
	}
	if err := writePrompts(filepath.Join(g.dir, "prompts")); err != nil {
		return nil, err
	}
	started, err := stack.Start(ctx, stack.Config{Dir: g.dir, Listen: "127.0.0.1:0", Log: log})
	if err != nil {
		return nil, fmt.Errorf("start trunkline: %w", err)
	}
	g.stack = started
	g.server.Go(func() { g.failed("trunkline", g.stack.Wait()) })
	g.clients.Go(func() {
		g.failed("event log", g.stack.Bus.Tail(g.ctx, bus.Span{Filters: []string{subject.Events(org, "")}}, nil, j.add))
	})
	if err := g.joinAgent(log); err != nil {
		return nil, err
	}
	app := trunk.Application{Org: org, Name: application, Agent: trunk.Agent{Kind: trunk.AgentNATS}, Format: trunk.DefaultFormat,
		Greeting: greeting, Ambient: ambient, AmbientGain: ambientGain}
	return g, g.ask("application", "put", app)
}

// joinAgent starts the echo agent, which reaches NATS as one anywhere else would.
func (g *gateway) joinAgent(log *logrus.Logger) (err error) {
	g.agent, err = bus.Connect(g.ctx, bus.Config{URL: g.stack.NATSURL, Client: true, MediaConn: 1}, "trunkline-demo-agent", log)
	if err != nil {
		return fmt.Errorf("echo agent: %w", err)
	}
	leave, err := (&echo.Agent{Bus: g.agent, Log: log, Org: org, Application: application}).Join(g.ctx)
	if err != nil {
		return fmt.Errorf("echo agent: %w", err)
	}
	g.clients.Go(func() {
		<-g.ctx.Done()
		g.failed("echo agent", leave())
	})
	return nil
}

// failed ends the demonstration with an error, unless it is nil.
func (g *gateway) failed(who string, err error) {
	if err != nil {
		g.end(fmt.Errorf("%s: %w", who, err))
	}
}

// close ends everything and removes what was kept. What was never started is
// passed over.
func (g *gateway) close() error {
	g.end(nil)
	g.clients.Wait()
	if g.agent != nil {
		g.agent.Close()
	}
	var stopped, removed error
	if g.stack != nil {
		stopped = g.stack.Stop()
	}
	g.server.Wait()
	if g.dir != "" {
		removed = os.RemoveAll(g.dir)
	}
	return errors.Join(stopped, removed)
}

// setUp configures a trunk and a number for a carrier, as a user does.
func (g *gateway) setUp(c carriersim.Carrier) error {
	t := trunk.Trunk{Org: org, Name: c.Name(), Provider: c.Name(), Config: c.Config(), Country: "US", APIURL: c.APIURL()}
	if err := g.ask("trunk", "put", t); err != nil {
		return err
	}
	if err := g.ask("trunk", "test", map[string]string{"org": org, "name": t.Name}); err != nil {
		return err
	}
	err := g.ask("number", "put", struct {
		trunk.Number
		Configure bool `json:"configure"` // point it here at the carrier as well
	}{trunk.Number{Org: org, Trunk: t.Name, Address: c.Numbers()[0], Application: application}, provider.Lookup(t.Provider).Has(provider.CanConfigure)})
	if pbx, ok := c.(listened); ok && err == nil {
		ctx, stop := context.WithTimeout(g.ctx, factLimit)
		defer stop()
		err = pbx.AwaitListener(ctx)
	}
	return err
}

// listened is a carrier that turns callers away until somebody listens to it.
type listened interface {
	AwaitListener(ctx context.Context) error
}

func (g *gateway) ask(noun, verb string, request any) error {
	ctx, stop := context.WithTimeout(g.ctx, factLimit)
	defer stop()
	return g.stack.Bus.Ask(ctx, "registry", noun, verb, request, nil)
}

func writePrompts(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("prompts: %w", err)
	}
	for name, content := range map[string]string{greeting: speech.GreetingMP3, ambient: speech.AmbientMP3} {
		if err := os.WriteFile(filepath.Join(dir, name+".mp3"), []byte(content), 0o644); err != nil {
			return fmt.Errorf("prompts: %w", err)
		}
	}
	return nil
}
