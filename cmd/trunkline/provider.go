package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

type providerCmd struct {
	List providerListCmd `cmd:"" help:"List providers and what they can."`
	Show providerShowCmd `cmd:"" help:"Show the fields that a trunk of a provider has."`
}

type providerListCmd struct {
	JSON   bool `name:"json" help:"Print JSON, for programs."`
	Matrix bool `help:"Print what each can as a Markdown table."`
}

type shownProvider struct {
	Name         string                `json:"name"`
	DisplayName  string                `json:"display_name"`
	DocsURL      string                `json:"docs_url,omitempty"`
	Connectivity provider.Connectivity `json:"connectivity"`
	Fields       []provider.FieldSpec  `json:"fields"`
	Can          []provider.Ability    `json:"can"`
}

// Run lists the providers that this program has built in.
func (c providerListCmd) Run(out io.Writer) error {
	if c.Matrix {
		_, err := io.WriteString(out, provider.Matrix())
		return err
	}
	var list []shownProvider
	for _, s := range provider.Specs() {
		list = append(list, shownProvider{s.Name, s.DisplayName, s.DocsURL, s.Connectivity, s.Fields, s.Can})
	}
	return show(out, c.JSON, list, "", []string{"NAME", "CARRIER", "REACHED BY", "CAN"}, func(s shownProvider) []string {
		can := make([]string, len(s.Can))
		for i, a := range s.Can {
			can[i] = string(a)
		}
		return []string{s.Name, s.DisplayName, string(s.Connectivity), strings.Join(can, " ")}
	})
}

type providerShowCmd struct {
	Name string `arg:"" help:"Name of the provider."`
	JSON bool   `name:"json" help:"Print JSON, for programs."`
}

// Run shows a provider's form.
func (c providerShowCmd) Run(_ context.Context, out io.Writer) error {
	spec := provider.Lookup(c.Name)
	if spec == nil {
		return fmt.Errorf("there is no provider %q; `trunkline provider list` shows them", c.Name)
	}
	return show(out, c.JSON, spec.Fields, "", []string{"FIELD", "TYPE", "REQUIRED", "SECRET", "MEANING"}, func(f provider.FieldSpec) []string {
		return []string{f.Name, string(f.Type), yes(f.Required), yes(f.Secret), f.Label + ". " + f.Description}
	})
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}
