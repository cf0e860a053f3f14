package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

type eventsCmd struct {
	client
	Call    string `help:"Only events of this call."`
	Type    string `help:"Only events of this type, e.g. call.ended."`
	AllOrgs bool   `help:"Events of all tenants."`
	Past    bool   `help:"Print what is recorded already, too."`
	Exit    bool   `help:"Do not wait for more."`
}

// Run prints events as they are recorded.
func (c eventsCmd) Run(ctx context.Context, out io.Writer) error {
	b, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	org := c.Org
	if c.AllOrgs {
		org = ""
	}
	filters := []string{subject.Events(org, c.Call)}
	if c.Type != "" {
		if event.Zero(c.Type) == nil {
			return fmt.Errorf("there is no event type %q; there are %v", c.Type, event.Types())
		}
		filters = subject.EventsOfType(org, c.Call, c.Type)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	caughtUp := func() {
		if c.Exit {
			cancel()
		}
	}
	return b.Tail(ctx, bus.Span{Filters: filters, New: !c.Past}, caughtUp, func(e *event.Event) error {
		return printEvent(out, c.JSON, e)
	})
}

// printEvent prints one event on one line.
func printEvent(out io.Writer, asJSON bool, e *event.Event) error {
	if asJSON {
		return json.NewEncoder(out).Encode(e)
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		return err
	}
	if bytes.Equal(data, []byte("{}")) {
		data = nil
	}
	_, err = fmt.Fprintf(out, "%s  %-26s  %-18s %s\n", e.Time.Local().Format(time.StampMilli), e.Call, e.Data.Type(), data)
	return err
}
