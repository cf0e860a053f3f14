package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/ari"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

type trunkCmd struct {
	Add       trunkAddCmd       `cmd:"" help:"Add a trunk, or change one."`
	List      trunkListCmd      `cmd:"" help:"List trunks."`
	Show      trunkShowCmd      `cmd:"" help:"Show one trunk: its settings, its URLs, what is missing."`
	Test      trunkTestCmd      `cmd:"" help:"Ask the carrier whether it takes the trunk's credentials."`
	Provision trunkProvisionCmd `cmd:"" help:"Make at the carrier what must exist there once per trunk; number add --configure does it too."`
	Remove    trunkRemoveCmd    `cmd:"" help:"Remove a trunk that has no numbers."`
}

type shownTrunk struct {
	trunk.Trunk
	InboundURL string           `json:"inbound_url"`
	StatusURL  string           `json:"status_url"`
	MediaURL   string           `json:"media_url"`
	Checklist  []provider.Check `json:"checklist,omitempty"`
}

type recordName struct {
	Org   string `json:"org"`
	Name  string `json:"name,omitempty"`
	Trunk string `json:"trunk,omitempty"`
}

type trunkListCmd struct{ client }

// Run lists trunks.
func (c trunkListCmd) Run(ctx context.Context, out io.Writer) error {
	var list []shownTrunk
	if err := c.ask(ctx, "trunk", "list", recordName{Org: c.Org}, &list); err != nil {
		return err
	}
	return show(out, c.JSON, list, "There are no trunks. `trunkline trunk add` makes one.", []string{"NAME", "PROVIDER", "ACCOUNT", "MISSING"},
		func(t shownTrunk) []string {
			return []string{t.Name, t.Provider, orDash(t.account()), orDash(t.missing())}
		})
}

func (t shownTrunk) account() string {
	if spec := provider.Lookup(t.Provider); spec != nil {
		account, _ := t.Config[spec.AccountField].(string)
		return account
	}
	return ""
}

func (t shownTrunk) missing() string {
	var texts []string
	for _, c := range t.Checklist {
		if c.Blocking {
			texts = append(texts, c.Text)
		}
	}
	return strings.Join(texts, "; ")
}

type trunkShowCmd struct {
	client
	Name           string `arg:"" help:"Name of the trunk."`
	AsteriskConfig bool   `name:"asterisk-config" help:"Print what has to stand in the configuration files of the trunk's Asterisk."`
}

// Run shows one trunk.
func (c trunkShowCmd) Run(ctx context.Context, out io.Writer) error {
	var t shownTrunk
	if err := c.ask(ctx, "trunk", "get", recordName{Org: c.Org, Name: c.Name}, &t); err != nil {
		return err
	}
	if !c.AsteriskConfig {
		return c.show(out, t)
	}
	if t.Provider != "ari" {
		return fmt.Errorf("trunk %s is of provider %s; --asterisk-config is for those of ari", t.Name, t.Provider)
	}
	_, err := io.WriteString(out, ari.PBXConfig(t.ProviderConfig(), t.MediaURL))
	return err
}

func (c client) show(out io.Writer, t shownTrunk) error {
	if c.JSON {
		return printJSON(out, t)
	}
	rows := [][]string{{"provider", t.Provider}}
	fields := make([]string, 0, len(t.Config))
	for name := range t.Config {
		fields = append(fields, name)
	}
	slices.Sort(fields)
	for _, name := range fields {
		rows = append(rows, []string{name, fmt.Sprint(t.Config[name])})
	}
	for _, r := range []struct {
		label, value string
		set          bool
	}{
		{"country", t.Country, t.Country != ""}, {"api url", t.APIURL, t.APIURL != ""}, {"allow unsigned", "yes", t.AllowUnsigned},
		{"calls a second", fmt.Sprint(t.CallsPerSecond), t.CallsPerSecond != 0}, {"calls at once", fmt.Sprint(t.MaxCalls), t.MaxCalls != 0},
	} {
		if r.set {
			rows = append(rows, []string{r.label, r.value})
		}
	}
	if spec := provider.Lookup(t.Provider); spec == nil || spec.Has(provider.CanReceive) {
		rows = append(rows, []string{"inbound url", t.InboundURL}, []string{"status url", t.StatusURL})
	}
	if err := table(out, "", []string{"trunk", t.Name}, rows); err != nil {
		return err
	}
	for _, check := range t.Checklist {
		mark := "to do"
		if check.Blocking {
			mark = "MISSING"
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", mark, check.Text); err != nil {
			return err
		}
	}
	return nil
}

type trunkTestCmd struct {
	client
	Name string `arg:"" help:"Name of the trunk."`
}

// Run tests a trunk's credentials.
func (c trunkTestCmd) Run(ctx context.Context, out io.Writer) error {
	if err := c.ask(ctx, "trunk", "test", recordName{Org: c.Org, Name: c.Name}, nil); err != nil {
		return err
	}
	return c.done(out, "The carrier takes the credentials of trunk "+c.Name+".")
}

type trunkProvisionCmd struct {
	client
	Name string `arg:"" help:"Name of the trunk."`
}

// Run provisions a trunk.
func (c trunkProvisionCmd) Run(ctx context.Context, out io.Writer) error {
	var t shownTrunk
	if err := c.ask(ctx, "trunk", "provision", recordName{Org: c.Org, Name: c.Name}, &t); err != nil {
		return err
	}
	return c.show(out, t)
}

type trunkRemoveCmd struct {
	client
	Name string `arg:"" help:"Name of the trunk."`
}

// Run removes a trunk.
func (c trunkRemoveCmd) Run(ctx context.Context, out io.Writer) error {
	if err := c.ask(ctx, "trunk", "delete", recordName{Org: c.Org, Name: c.Name}, nil); err != nil {
		return err
	}
	return c.done(out, "Trunk "+c.Name+" is removed.")
}

// done says that something was done.
func (c client) done(out io.Writer, text string) error {
	if c.JSON {
		return printJSON(out, map[string]bool{"done": true})
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
