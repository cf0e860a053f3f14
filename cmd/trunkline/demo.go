package main

import (
	"context"
	"io"
	"os"

	"github.com/trunkline-io/trunkline/cmd/trunkline/internal/demo"
	"github.com/trunkline-io/trunkline/pkg/service"
)

type demoCmd struct {
	Out     string   `default:"./demo-out" help:"Folder for the recordings: what each person said and heard."`
	Carrier []string `help:"Simulated carrier to place calls over; may be repeated. All of them when left out."`
	JSON    bool     `name:"json" help:"Print one JSON document, for programs."`
	Verbose bool     `help:"Print what the services log, on stderr."`
}

// Run demonstrates Trunkline. It fails where a call did not do what it should.
func (c demoCmd) Run(ctx context.Context, out io.Writer) error {
	cfg := demo.Config{Out: c.Out, Carriers: c.Carrier}
	logTo := io.Discard
	if c.Verbose {
		logTo = os.Stderr
	}
	var err error
	if cfg.Log, err = service.NewLog(logTo, "debug"); err != nil {
		return err
	}
	if !c.JSON {
		cfg.Live = out
	}
	report, err := demo.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(out, report)
	} else {
		err = report.Print(out)
	}
	if err == nil && !report.OK {
		err = errSilent
	}
	return err
}
