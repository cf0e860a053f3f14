package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// identify finds which call a webhook is about, and reports whether it is one
// of Trunkline's: the call in the verified path, the one that the carrier
// echoes, or the one whose leg this is. Only a webhook that is an inbound call
// makes an id, computed so that a repeated one names the same call.
func (r *Receiver) identify(ctx context.Context, w *webhook) (bool, error) {
	n := &w.notice
	switch {
	case n.Foreign:
		return false, nil
	case w.call != "":
		return true, nil
	case call.ValidID(n.CallID):
		w.call = strings.Clone(n.CallID)
		return true, nil
	case n.Kind == provider.InboundCall:
		w.call = call.InboundID(w.line.Org, w.line.Name, n.Identity())
		return true, nil
	}
	var err error
	w.call, err = r.callOf(ctx, w)
	return w.call != "", err
}

// callOf finds the call of a leg that a carrier names at a URL for all calls;
// "" where it has none. An outbound leg is in LEGS, an inbound one is known by
// its call.received.
func (r *Receiver) callOf(ctx context.Context, w *webhook) (string, error) {
	n := &w.notice
	seen := ""
	for _, leg := range []string{n.Identity(), n.LegID, n.RequestID} {
		if leg == "" || leg == seen {
			continue
		}
		seen = leg
		value, _, err := r.legs.Get(ctx, subject.LegKey(w.line.Org, w.line.Name, leg))
		if errors.Is(err, bus.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		var entry struct {
			Call string `json:"call_id"`
		}
		if err := json.Unmarshal(value, &entry); err != nil || !call.ValidID(entry.Call) {
			return "", fmt.Errorf("bucket %s names no call for leg %s", subject.BucketLegs, leg)
		}
		return entry.Call, nil
	}
	if n.Identity() == "" {
		return "", nil
	}
	inbound := call.InboundID(w.line.Org, w.line.Name, n.Identity())
	switch _, err := r.bus.Fact(ctx, w.line.Org, inbound, event.CallReceived{}.Type(), ""); {
	case errors.Is(err, bus.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	return inbound, nil
}

// history is what the log knows of the call in the path, for a provider that
// cannot parse without it.
func (w *webhook) history() provider.History {
	if w.call == "" {
		return provider.History{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordIn)
	defer cancel()
	s, err := w.receiver.bus.State(ctx, w.line.Org, w.call)
	if err != nil {
		if !errors.Is(err, bus.ErrNotFound) {
			w.unread = err
		}
		return provider.History{}
	}
	return provider.History{Direction: s.Direction, AnsweredAt: s.AnsweredAt, Status: s.Status, LegID: s.Leg, Ref: s.Ref, Variables: s.Variables}
}
