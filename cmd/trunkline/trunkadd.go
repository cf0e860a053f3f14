package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

type trunkAddCmd struct {
	client
	Name           string            `arg:"" help:"Name of the trunk."`
	Provider       string            `required:"" help:"Kind of carrier; see trunkline provider list."`
	Set            map[string]string `short:"s" help:"A field of the provider: --set account_sid=AC... A value @FILE is read from a file, env:NAME from the environment, so that secrets stay off the command line."`
	Country        string            `help:"Country (ISO 3166) by which national numbers are read, e.g. US."`
	APIURL         string            `name:"api-url" help:"Another address for the carrier's REST API: a proxy, a simulated carrier."`
	AllowUnsigned  bool              `help:"Let unsigned webhooks in. Laboratory only: anybody can forge calls."`
	Application    string            `short:"a" help:"Application that takes the calls to every number of the trunk without one of its own. At a PBX, when left out: the only one there is."`
	CallsPerSecond float64           `help:"Bound on how fast calls are dialled; 0 for none."`
	MaxCalls       int               `help:"Bound on calls at once; 0 for none."`
}

// addedTrunk is a trunk with what was done for it beside keeping it.
type addedTrunk struct {
	shownTrunk
	Application string `json:"application,omitempty"` // takes calls to numbers without one of their own
	Warning     string `json:"warning,omitempty"`
}

// Run adds or changes a trunk. A PBX has no numbers to be set up at it, so it is
// looked at and given an application at once: then it takes calls.
func (c trunkAddCmd) Run(ctx context.Context, out io.Writer) error {
	config, err := fieldValues(c.Provider, c.Set)
	if err != nil {
		return err
	}
	if c.Application != "" {
		if err := c.ask(ctx, "application", "get", recordName{Org: c.Org, Name: c.Application}, nil); err != nil {
			return err
		}
	}
	t := trunk.Trunk{Org: c.Org, Name: c.Name, Provider: c.Provider, Config: config, Country: c.Country, APIURL: c.APIURL,
		AllowUnsigned: c.AllowUnsigned, CallsPerSecond: c.CallsPerSecond, MaxCalls: c.MaxCalls}
	var added addedTrunk
	if err := c.ask(ctx, "trunk", "put", t, &added.shownTrunk); err != nil {
		return err
	}
	unusable := c.look(ctx, &added)
	if err := c.bind(ctx, &added); err != nil {
		return err
	}
	if err := c.report(out, added); err != nil {
		return err
	}
	return unusable
}

// isPBX reports whether the trunk is to a PBX of the user's own.
func (c trunkAddCmd) isPBX() bool {
	spec := provider.Lookup(c.Provider)
	return spec != nil && spec.Connectivity == provider.SIP
}

// look finds out what a PBX is, while somebody is there to read what it lacks.
// One that cannot be reached may be down for the moment: that is a warning.
// Every other refusal is an error, though the trunk is kept.
func (c trunkAddCmd) look(ctx context.Context, t *addedTrunk) error {
	if !c.isPBX() || !provider.Lookup(c.Provider).Has(provider.CanProvision) {
		return nil
	}
	var looked shownTrunk
	err := c.ask(ctx, "trunk", "provision", recordName{Org: c.Org, Name: c.Name}, &looked)
	var refused *command.Error
	switch {
	case err == nil:
		t.shownTrunk = looked
		return nil
	case !errors.As(err, &refused):
		return err
	case strings.HasSuffix(refused.Code, string(provider.KindUnavailable)): // the PBX is away, or callctl
		t.Warning = fmt.Sprintf("trunk %s is kept, but nobody could look at the PBX: %s. `trunkline trunk provision %s` does it when it can be reached.", c.Name, refused.Message, c.Name)
		return nil
	}
	return command.Refuse(refused.Code, "trunk %s is kept, but cannot be used: %s", c.Name, refused.Message)
}

// bind gives calls to numbers that have no application of their own to the one
// that was asked for or, at a PBX, to the only one there is. One that has the
// calls already keeps them.
func (c trunkAddCmd) bind(ctx context.Context, t *addedTrunk) error {
	t.Application = c.Application
	if t.Application == "" {
		if !c.isPBX() {
			return nil
		}
		bound, err := c.bound(ctx)
		if err != nil || bound != "" {
			t.Application = bound
			return err
		}
		var apps []trunk.Application
		if err := c.ask(ctx, "application", "list", recordName{Org: c.Org}, &apps); err != nil || len(apps) != 1 {
			return err
		}
		t.Application = apps[0].Name
	}
	return c.ask(ctx, "number", "put", c.anyNumber().request(c.Org, t.Application, false), nil)
}

// bound is the application that takes the calls by now, "" for none.
func (c trunkAddCmd) bound(ctx context.Context) (string, error) {
	var n trunk.Number
	err := c.ask(ctx, "number", "get", c.anyNumber().request(c.Org, "", false), &n)
	var refused *command.Error
	if errors.As(err, &refused) && refused.Code == "not_found" {
		return "", nil
	}
	return n.Application, err
}

func (c trunkAddCmd) anyNumber() address { return address{Trunk: c.Name, Address: trunk.AnyNumber} }

// report shows the trunk and, at a PBX, where its calls go.
func (c trunkAddCmd) report(out io.Writer, t addedTrunk) error {
	if c.JSON {
		return printJSON(out, t)
	}
	if err := c.show(out, t.shownTrunk); err != nil {
		return err
	}
	how := fmt.Sprintf("`trunkline number add %s '%s' --application NAME`", c.Name, trunk.AnyNumber)
	var lines []string
	switch {
	case t.Application != "":
		lines = append(lines, fmt.Sprintf("Calls to it go to application %s; %s changes that.", t.Application, how))
	case c.isPBX():
		lines = append(lines, "to do: Say which application takes its calls, or they are turned away: "+how+".")
	}
	if t.Warning != "" {
		lines = append(lines, "WARNING: "+t.Warning)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

// fieldValues turns texts into what the provider's fields take.
func fieldValues(providerName string, set map[string]string) (map[string]any, error) {
	config := map[string]any{}
	spec := provider.Lookup(providerName)
	for name, text := range set {
		text, err := readValue(text)
		if err != nil {
			return nil, fmt.Errorf("--set %s: %w", name, err)
		}
		config[name] = text
		if spec == nil {
			continue // registry names the providers there are
		}
		if f, ok := spec.Field(name); ok {
			if config[name], err = typed(f, text); err != nil {
				return nil, fmt.Errorf("--set %s: %w", name, err)
			}
		}
	}
	return config, nil
}

func readValue(text string) (string, error) {
	if file, ok := strings.CutPrefix(text, "@"); ok {
		content, err := os.ReadFile(file)
		return strings.TrimSpace(string(content)), err
	}
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		value, set := os.LookupEnv(name)
		if !set {
			return "", fmt.Errorf("the environment has no %s", name)
		}
		return value, nil
	}
	return text, nil
}

func typed(f provider.FieldSpec, text string) (any, error) {
	switch f.Type {
	case provider.Boolean, provider.NumberOf:
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, fmt.Errorf("%q is not a %s", text, f.Type)
		}
		return v, nil
	case provider.Strings:
		return strings.Split(text, ","), nil
	}
	return text, nil
}
