package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/stack"
	"github.com/trunkline-io/trunkline/pkg/service"
)

type upCmd struct {
	Data      string `default:"./data" env:"TRUNKLINE_DATA" help:"Folder for everything that is kept: streams, the secret key, prompts." type:"path"`
	Listen    string `default:":8080" help:"Address of webhooks and media sockets."`
	PublicURL string `name:"public-url" env:"TRUNKLINE_PUBLIC_URL" help:"Where carriers reach that address, e.g. the https:// URL of a tunnel."`
	NATSPort  int    `name:"nats-port" default:"4222" help:"Port of the NATS server on 127.0.0.1, for agents and applications."`
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
	_, err = fmt.Fprintf(out, "Trunkline is up: carriers reach it at %s, agents and applications at %s.\nCtrl-C lets calls end and stops it; a second one stops it at once.\n",
		s.Links.Hooks, s.NATSURL)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-s.Failed():
	}
	return s.Stop()
}

// serviceSettings leaves out the variables that this command reads itself.
func serviceSettings(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(line string) bool {
		return slices.ContainsFunc(ownSettings, func(own string) bool { return strings.HasPrefix(line, own) })
	})
}
