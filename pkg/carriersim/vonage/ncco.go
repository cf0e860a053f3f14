package vonage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// script is a flow: its actions, or where to ask for them.
type script struct {
	actions  []action
	warnings []string // about what Vonage passes over

	kind     carriersim.Kind
	hook     hook
	fallback hook
}

// action is one step of an NCCO.
type action interface {
	check() error
	// run returns what replaces the rest of the flow, if anything does.
	run(ctx context.Context, s *session) *script
}

// newAction makes an empty action by its name. There is none that hangs up.
var newAction = map[string]func() action{
	"talk":         func() action { return &talk{} },
	"stream":       func() action { return &stream{} },
	"wait":         func() action { return &wait{} },
	"input":        func() action { return &input{} },
	"notify":       func() action { return &notify{} },
	"connect":      func() action { return &connect{} },
	"conversation": func() action { return &conversation{} },
	"record":       func() action { return &unsimulated{name: "record"} },
	"transfer":     func() action { return &unsimulated{name: "transfer"} },
}

// parseNCCO reads a whole flow. One wrong action spoils all of it; a field that
// is not known is only worth a warning.
func parseNCCO(doc []byte) (actions []action, warnings []string, err error) {
	var items []json.RawMessage
	if err := json.Unmarshal(doc, &items); err != nil {
		return nil, nil, fmt.Errorf("not a JSON array: %w", err)
	}
	for i, item := range items {
		var head struct {
			Action string `json:"action"`
		}
		if err := json.Unmarshal(item, &head); err != nil {
			return nil, nil, fmt.Errorf("action %d: %w", i, err)
		}
		empty, ok := newAction[head.Action]
		if !ok {
			return nil, nil, fmt.Errorf("action %d: unknown action %q", i, head.Action)
		}
		a := empty()
		if err := json.Unmarshal(item, a); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", head.Action, err)
		}
		if err := a.check(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", head.Action, err)
		}
		if err := strictly(item, empty()); err != nil {
			warnings = append(warnings, fmt.Sprintf("%s: %v", head.Action, err))
		}
		actions = append(actions, a)
	}
	return actions, warnings, nil
}

func strictly(item json.RawMessage, a action) error {
	d := json.NewDecoder(bytes.NewReader(item))
	d.DisallowUnknownFields()
	return d.Decode(a)
}

// runOne runs one script and returns what to run after it. Where nothing
// follows and the call still runs, it is hung up.
//
// A flow answers the call, an empty one as well. One page of Vonage's says that
// the call is answered before the flow is asked for, another that it is not.
func (s *session) runOne(ctx context.Context, from *script) *script {
	flow, err := s.load(ctx, from)
	if err != nil {
		if ctx.Err() == nil {
			s.Warn("%v", err)
			s.Hangup(hungUpByVonage)
		}
		if !s.Answered() && s.HungUpBy() == hungUpByVonage {
			s.end(ctx, statusFailed, "internal_error", sipError)
		}
		return nil
	}
	for _, w := range flow.warnings {
		s.Warn("%s", w)
	}
	s.answer()
	for _, a := range flow.actions {
		if next := a.run(ctx, s); next != nil || ctx.Err() != nil {
			return next
		}
	}
	if ctx.Err() == nil {
		s.Hangup(hungUpByMarkup)
	}
	return nil
}

// head is what all actions have.
type head struct {
	Action string `json:"action"`
}

// asks is what actions have that ask the gateway.
type asks struct {
	EventURL    []string `json:"eventUrl"`
	EventMethod string   `json:"eventMethod"`
}

func (a *asks) check() error {
	if len(a.EventURL) > 1 || len(a.EventURL) == 1 && !isWebURL(a.EventURL[0]) {
		return errors.New("eventUrl must be an array of one URL")
	}
	return nil
}

// unsimulated is an action that is passed over.
type unsimulated struct{ name string }

func (u *unsimulated) UnmarshalJSON([]byte) error { return nil }
func (u *unsimulated) check() error               { return nil }

func (u *unsimulated) run(_ context.Context, s *session) *script {
	s.Warn("%s is not simulated", u.name)
	return nil
}
