// Package lookup finds what is known of a stream before it has a socket, and
// decides whether it may have one. Those who open sockets ask: the gate, where
// the carrier dials, and the order desk, where this node does.
package lookup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/session"
)

// patience bounds what waits for NATS while a carrier waits.
const patience = 2 * time.Second

// Refusal is the error where a stream gets no socket.
type Refusal struct {
	Status int // of HTTP; 503 where asking again may help
	Reason string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// Refuse returns a *Refusal.
func Refuse(status int, format string, args ...any) error {
	return &Refusal{status, fmt.Sprintf(format, args...)}
}

// Book is where the settings and the log are looked up.
type Book struct {
	Cache *trunk.Cache
	Bus   *bus.Bus
}

// Trunk returns the trunk of a stream. Its error is a *Refusal.
func (b *Book) Trunk(path trunk.StreamPath) (*trunk.Line, error) {
	line, err := b.Cache.Trunk(path.Org, path.Trunk)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return nil, Refuse(http.StatusNotFound, "%s", err)
	case err != nil:
		return nil, Refuse(http.StatusServiceUnavailable, "%s", err)
	case !line.Account.Can(provider.CanStream):
		return nil, Refuse(http.StatusNotFound, "%s has no media streams", line.Provider)
	}
	return line, nil
}

// Call returns the call of a stream, if it lives and the stream is free for its
// leg. leg is what the asker knows of that, "" for what the log knows. Its
// error is a *Refusal.
func (b *Book) Call(ctx context.Context, line *trunk.Line, path trunk.StreamPath, leg string) (*session.Call, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	state, err := b.state(ctx, path)
	if err != nil {
		return nil, err
	}
	switch {
	case leg == "":
		leg = state.Leg
	case state.Leg != "" && state.Leg != leg:
		return nil, Refuse(http.StatusConflict, "the call has another leg")
	}
	if err := b.free(ctx, path, leg); err != nil {
		return nil, err
	}
	app, ok := b.Cache.Application(path.Org, application(state))
	if !ok {
		return nil, Refuse(http.StatusNotFound, "there is no application %q", application(state))
	}
	return &session.Call{Org: path.Org, ID: path.Call, Stream: path.Stream, Leg: leg, Trunk: line, Application: app, State: state}, nil
}

// state asks the log whether the call lives.
func (b *Book) state(ctx context.Context, path trunk.StreamPath) (event.State, error) {
	state, err := b.Bus.State(ctx, path.Org, path.Call)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return state, Refuse(http.StatusNotFound, "there is no such call")
	case err != nil:
		return state, unasked(err)
	case state.End != nil:
		return state, Refuse(http.StatusGone, "the call has ended")
	}
	return state, nil
}

// free asks the log whether the stream was used by another leg.
func (b *Book) free(ctx context.Context, path trunk.StreamPath, leg string) error {
	used, err := b.Bus.Fact(ctx, path.Org, path.Call, event.StreamStarted{}.Type(), path.Stream)
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return nil
	case err != nil:
		return unasked(err)
	case leg != "" && used.Leg != "" && used.Leg != leg:
		return Refuse(http.StatusConflict, "the stream is another leg's")
	}
	return nil
}

func unasked(err error) error {
	return Refuse(http.StatusServiceUnavailable, "the log cannot be asked: %s", err)
}

// application is the one that took the call.
func application(s event.State) string {
	if s.Bound != nil && s.Bound.Application != "" {
		return s.Bound.Application
	}
	return s.Application
}
