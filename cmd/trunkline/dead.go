package main

import (
	"context"
	"io"

	"github.com/trunkline-io/trunkline/pkg/bus"
)

type deadCmd struct{ client }

// Run lists the newest messages that could not be used.
func (c deadCmd) Run(ctx context.Context, out io.Writer) error {
	var list []bus.Dead
	if err := c.ask(ctx, "dead", "list", struct{}{}, &list); err != nil {
		return err
	}
	return show(out, c.JSON, list, "Nothing was refused.", []string{"SUBJECT", "CODE", "REASON"},
		func(d bus.Dead) []string { return []string{d.Subject, d.Code, d.Reason} })
}
