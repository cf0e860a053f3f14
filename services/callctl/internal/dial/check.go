package dial

import (
	"slices"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/phone"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// behind is how far this node's copy of the configuration may lag.
const behind = 500 * time.Millisecond

// check turns an order into what will be requested, or refuses it. What the
// order names may have been configured a moment ago, so an order that names
// what is not known is looked at twice.
func (d *Dialer) check(o *bus.Order, c command.CallDial) (*trunk.Line, event.CallRequested, error) {
	line, want, err := d.plan(o, c)
	if err != nil && o.Delivery == 1 {
		err = &bus.Again{After: behind, Err: err}
	}
	return line, want, err
}

func (d *Dialer) plan(o *bus.Order, c command.CallDial) (*trunk.Line, event.CallRequested, error) {
	want := event.CallRequested{Application: c.Application, Variables: c.Variables, RingSeconds: c.RingSeconds,
		LimitSeconds: c.LimitSeconds, ExpiresAt: c.ExpiresAt}
	if want.RingSeconds == 0 {
		want.RingSeconds = command.DefaultRingSeconds
	}
	if want.ExpiresAt.IsZero() {
		want.ExpiresAt = o.Published.Add(command.DefaultExpiry)
	}
	want.ExpiresAt = want.ExpiresAt.UTC()
	if err := checkExpiry(want.ExpiresAt, o.Published); err != nil {
		return nil, want, err
	}
	line, err := d.Line(o.Org, c.Trunk)
	if err != nil {
		return nil, want, err
	}
	if missing := line.Account.Missing(); missing != "" {
		return nil, want, command.Refuse("trunk_incomplete", "trunk %q cannot make calls yet: %s", line.Name, missing)
	}
	if _, ok := d.Lines.Application(o.Org, c.Application); !ok {
		return nil, want, command.Refuse("unknown_application", "there is no application %q in org %q; `trunkline application list` shows those there are", c.Application, o.Org)
	}
	if want.To, err = callee(c.To, line); err != nil {
		return nil, want, command.Refuse("invalid_number", "to: %s", err)
	}
	want.From, err = d.callerID(line, c.From)
	return line, want, err
}

// callee reads whom an order is for. An endpoint exists at a PBX only.
func callee(to string, line *trunk.Line) (string, error) {
	if line.Account.Spec().Connectivity == provider.SIP {
		return phone.NormalizeOnPBX(to, line.Country)
	}
	return phone.Normalize(to, line.Country)
}

func checkExpiry(at, published time.Time) error {
	switch {
	case !at.After(time.Now()):
		return command.Refuse("expired", "it expired at %s, before anybody took it; is callctl running, and is expires_at in the future?", at.Format(time.RFC3339))
	case at.After(published.Add(bus.CommandsAge)):
		return command.Refuse("invalid_expires_at", "expires_at is %s; orders are kept for %s, so set it to an earlier time", at.Format(time.RFC3339), bus.CommandsAge)
	}
	return nil
}

// callerID picks the number that is shown to the callee.
func (d *Dialer) callerID(line *trunk.Line, from string) (string, error) {
	numbers := d.Lines.CallerIDs(line.Org, line.Name)
	switch {
	case from == "" && len(numbers) > 0:
		return numbers[0], nil
	case from == "" && line.Account.Spec().RequiresCallerID:
		return "", command.Refuse("missing_caller_id", "trunk %q has no number, and %s needs one to show; set from, or add a number with `trunkline number add`", line.Name, line.Account.Spec().DisplayName)
	case from == "":
		return "", nil
	}
	number, err := phone.Normalize(from, line.Country)
	if err != nil {
		return "", command.Refuse("invalid_caller_id", "from: %s", err)
	}
	if len(numbers) > 0 && !slices.Contains(numbers, number) {
		return "", command.Refuse("unknown_caller_id", "from %s is no number of trunk %q; it has %s", number, line.Name, shorten(numbers))
	}
	return number, nil
}

// shorten lists numbers for a message, of many only the first.
func shorten(numbers []string) string {
	const most = 5
	if len(numbers) <= most {
		return strings.Join(numbers, ", ")
	}
	return strings.Join(numbers[:most], ", ") + " and more"
}
