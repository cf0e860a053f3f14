package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
)

func TestServiceErrorsReachTheAskerByCode(t *testing.T) {
	b := bustest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- b.Serve(ctx, "registry", "1.0.0", []bus.Endpoint{
			{Noun: "trunk", Verb: "get", Handle: func(_ context.Context, req []byte) (any, error) {
				var in struct{ Name string }
				if err := json.Unmarshal(req, &in); err != nil {
					return nil, err
				}
				switch in.Name {
				case "none":
					return nil, command.Refuse("not_found", "there is no\ntrunk")
				case "broken":
					return nil, errors.New("secret internals")
				}
				return map[string]string{"name": in.Name}, nil
			}},
		})
	}()
	var got map[string]string
	for {
		err := b.Ask(ctx, "registry", "trunk", "get", map[string]string{"name": "main"}, &got)
		if err == nil {
			break
		}
		if !errors.Is(err, bus.ErrNoResponders) {
			t.Fatal(err)
		}
	}
	if got["name"] != "main" {
		t.Errorf("got %v", got)
	}
	var refused *command.Error
	if err := b.Ask(ctx, "registry", "trunk", "get", map[string]string{"name": "none"}, nil); !errors.As(err, &refused) || refused.Code != "not_found" {
		t.Errorf("got %v, want code not_found", err)
	}
	if err := b.Ask(ctx, "registry", "trunk", "get", map[string]string{"name": "broken"}, nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without internals", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestStoppingServiceFinishesWhatIsInHand holds that a request is not cut off.
func TestStoppingServiceFinishesWhatIsInHand(t *testing.T) {
	b := bustest.New(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- b.Serve(ctx, "registry", "1.0.0", []bus.Endpoint{
			{Noun: "trunk", Verb: "put", Handle: func(ctx context.Context, _ []byte) (any, error) {
				stop()
				_, _, err := b.Record(ctx, event.New("/test", "default", "c1", event.CallRinging{}))
				return "done", err
			}},
		})
	}()
	var got string
	for err := bus.ErrNoResponders; err != nil; {
		if err = b.Ask(t.Context(), "registry", "trunk", "put", nil, &got); err != nil && !errors.Is(err, bus.ErrNoResponders) {
			t.Fatal(err)
		}
	}
	if err := <-served; err != nil || got != "done" {
		t.Errorf("got %q, err %v", got, err)
	}
}

func TestAnswerThatIsTooLargeIsRefused(t *testing.T) {
	b := bustest.New(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- b.Serve(ctx, "registry", "1.0.0", []bus.Endpoint{
			{Noun: "call", Verb: "list", Handle: func(context.Context, []byte) (any, error) { return strings.Repeat("x", 2<<20), nil }},
		})
	}()
	err := bus.ErrNoResponders
	for errors.Is(err, bus.ErrNoResponders) {
		err = b.Ask(ctx, "registry", "call", "list", nil, nil)
	}
	var refused *command.Error
	if !errors.As(err, &refused) || refused.Code != "too_large" {
		t.Errorf("got %v, want code too_large", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
