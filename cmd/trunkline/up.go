package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/echo"
	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/stack"
	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/service"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

type upCmd struct {
	Data      string `default:"./data" env:"TRUNKLINE_DATA" help:"Folder for everything that is kept: streams, the secret key, prompts." type:"path"`
	Listen    string `default:":8080" help:"Address of webhooks and media sockets."`
	PublicURL string `name:"public-url" env:"TRUNKLINE_PUBLIC_URL" help:"Where carriers reach that address, e.g. the https:// URL of a tunnel."`
	NATSPort  int    `name:"nats-port" default:"4222" help:"Port of the NATS server on 127.0.0.1, for agents and applications."`
	Echo      bool   `default:"true" negatable:"" help:"Run the echo agent for the application echo, which the first start makes, so that a first call has somebody to talk to."`
	LogLevel  string `default:"info" env:"TRUNKLINE_LOG_LEVEL" help:"debug, info, warn or error."`
}

// ownSettings are the variables of this command; the rest of the environment
// is for the services.
var ownSettings = []string{"TRUNKLINE_DATA=", "TRUNKLINE_PUBLIC_URL=", "TRUNKLINE_LOG_LEVEL=", "TRUNKLINE_NATS_URL=", "TRUNKLINE_ORG="}

// Run runs everything until it is interrupted, then lets calls come to their end.
func (c upCmd) Run(ctx context.Context, out io.Writer) error {
	log, err := service.NewLog(os.Stderr, c.LogLevel)
	if err != nil {
		return err
	}
	s, err := stack.Start(ctx, stack.Config{
		Dir: c.Data, Listen: c.Listen, NATSPort: c.NATSPort, PublicURL: c.PublicURL, Log: log, Environ: serviceSettings(os.Environ()),
	})
	if err != nil {
		return err
	}
	// The echo agent is never told to leave: calls that end while the services
	// drain want to be heard to their end, and the bus takes it along.
	err = c.greet(ctx, s, log, out)
	if err == nil {
		select {
		case <-ctx.Done():
		case <-s.Failed():
		}
	}
	return errors.Join(err, s.Stop())
}

// greet says that everything is up, and who takes calls already.
func (c upCmd) greet(ctx context.Context, s *stack.Stack, log *logrus.Logger, out io.Writer) error {
	echoes := false
	if c.Echo {
		var err error
		if echoes, err = startEcho(ctx, s.Bus, log); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "Trunkline is up: carriers reach it at %s, agents and applications at %s.\n", s.Links.Hooks, s.NATSURL)
	if err == nil && echoes {
		_, err = fmt.Fprintf(out, "The echo agent takes the calls of application %s; --no-echo leaves them to an agent of yours.\n", echoApp)
	}
	if err == nil {
		_, err = fmt.Fprintln(out, "Ctrl-C lets calls end and stops it; a second one stops it at once.")
	}
	return err
}

// The application that the first start makes.
const (
	echoOrg = "default"
	echoApp = "echo"
)

// startEcho runs the echo agent where its application is one for agents on
// NATS. Where there is no application at all, it makes that one.
func startEcho(ctx context.Context, b *bus.Bus, log *logrus.Logger) (runs bool, err error) {
	var apps []trunk.Application
	if err := b.Ask(ctx, "registry", "application", "list", recordName{Org: echoOrg}, &apps); err != nil {
		return false, err
	}
	if len(apps) == 0 {
		made := trunk.Application{Org: echoOrg, Name: echoApp, Agent: trunk.Agent{Kind: trunk.AgentNATS}, Format: trunk.DefaultFormat}
		if err := b.Ask(ctx, "registry", "application", "put", made, nil); err != nil {
			return false, err
		}
		apps = append(apps, made)
	}
	if !slices.ContainsFunc(apps, func(a trunk.Application) bool { return a.Name == echoApp && a.Agent.Kind == trunk.AgentNATS }) {
		return false, nil
	}
	_, err = (&echo.Agent{Bus: b, Log: log, Org: echoOrg, Application: echoApp}).Join(ctx)
	return err == nil, err
}

// serviceSettings leaves out the variables that this command reads itself.
func serviceSettings(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(line string) bool {
		return slices.ContainsFunc(ownSettings, func(own string) bool { return strings.HasPrefix(line, own) })
	})
}
