package main

import (
	"context"
	"io"

	"github.com/trunkline-io/trunkline/pkg/trunk"
)

type numberCmd struct {
	Add    numberAddCmd    `cmd:"" help:"Add a number to a trunk, or change which application answers it."`
	List   numberListCmd   `cmd:"" help:"List numbers."`
	Show   numberShowCmd   `cmd:"" help:"Show one number."`
	Remove numberRemoveCmd `cmd:"" help:"Remove a number."`
}

// address is how a number is named on the command line.
type address struct {
	Trunk   string `arg:"" help:"Name of the trunk."`
	Address string `arg:"" help:"Number (+14155550101), extension or SIP URI; '*' for every other number of the trunk."`
}

type numberRequest struct {
	trunk.Number
	Configure bool `json:"configure,omitempty"`
}

func (a address) request(org, application string, configure bool) numberRequest {
	return numberRequest{trunk.Number{Org: org, Trunk: a.Trunk, Address: a.Address, Application: application}, configure}
}

type numberAddCmd struct {
	client
	address
	Application string `short:"a" help:"Application that answers calls to the number; none for a caller id only."`
	Configure   bool   `help:"Point the number at this Trunkline at the carrier as well."`
}

// Run adds or changes a number.
func (c numberAddCmd) Run(ctx context.Context, out io.Writer) error {
	var n trunk.Number
	if err := c.ask(ctx, "number", "put", c.request(c.Org, c.Application, c.Configure), &n); err != nil {
		return err
	}
	return showNumbers(out, c.JSON, []trunk.Number{n})
}

type numberListCmd struct {
	client
	Trunk string `help:"Only numbers of this trunk."`
}

// Run lists numbers.
func (c numberListCmd) Run(ctx context.Context, out io.Writer) error {
	var list []trunk.Number
	if err := c.ask(ctx, "number", "list", recordName{Org: c.Org, Trunk: c.Trunk}, &list); err != nil {
		return err
	}
	return showNumbers(out, c.JSON, list)
}

func showNumbers(out io.Writer, asJSON bool, list []trunk.Number) error {
	return show(out, asJSON, list, "There are no numbers. `trunkline number add` makes one.", []string{"TRUNK", "NUMBER", "APPLICATION"},
		func(n trunk.Number) []string { return []string{n.Trunk, n.Address, orDash(n.Application)} })
}

type numberShowCmd struct {
	client
	address
}

// Run shows one number.
func (c numberShowCmd) Run(ctx context.Context, out io.Writer) error {
	var n trunk.Number
	if err := c.ask(ctx, "number", "get", c.request(c.Org, "", false), &n); err != nil {
		return err
	}
	return showNumbers(out, c.JSON, []trunk.Number{n})
}

type numberRemoveCmd struct {
	client
	address
	Configure bool `help:"Clear the number at the carrier as well, if it still points here."`
}

// Run removes a number.
func (c numberRemoveCmd) Run(ctx context.Context, out io.Writer) error {
	if err := c.ask(ctx, "number", "delete", c.request(c.Org, "", c.Configure), nil); err != nil {
		return err
	}
	return c.done(out, "Number "+c.Address+" is removed.")
}
