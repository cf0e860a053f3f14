package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/echo"
	"github.com/trunkline-io/trunkline/pkg/service"
)

type agentCmd struct {
	Echo echoCmd `cmd:"" help:"Answer an application's calls and give back what is said."`
}

type echoCmd struct {
	client
	Application string `arg:"" help:"Application whose calls to take."`
}

// Run takes calls until it is interrupted.
func (c echoCmd) Run(ctx context.Context, out io.Writer) error {
	b, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	log, err := service.NewLog(os.Stderr, "info")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "The echo agent takes the calls of %s. Ctrl-C ends it.\n", c.Application); err != nil {
		return err
	}
	return (&echo.Agent{Bus: b, Log: log, Org: c.Org, Application: c.Application}).Run(ctx)
}
