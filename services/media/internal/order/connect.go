package order

import (
	"context"
	"errors"
	"net/http"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/lookup"
	"github.com/trunkline-io/trunkline/services/media/internal/session"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// connect dials, unless the order is carried out already. Its error is a
// *command.Error, in a *bus.Again where the order may still succeed.
func (d *Desk) connect(ctx context.Context, o *bus.Order, c command.MediaConnect) error {
	to := target{trunk.StreamPath{Org: o.Org, Trunk: c.Trunk, Call: o.Call, Stream: c.StreamID}, c.URL}
	if !d.begin(to) {
		return nil // this is the order again, whose acknowledgement was lost
	}
	served := false
	defer func() {
		if !served {
			d.end(to)
		}
	}()
	ctx, cancel := context.WithDeadline(ctx, o.Published.Add(patience))
	defer cancel()
	if ctx.Err() != nil {
		return d.late(context.WithoutCancel(ctx), to.StreamPath, c.Leg)
	}
	slot, err := d.Sockets.Reserve()
	if err != nil {
		return again(command.Refuse("no_room", "%s", err))
	}
	found, err := d.find(ctx, to.StreamPath, c.Leg)
	if err != nil {
		slot.Free()
		return err
	}
	err = slot.Dial(ctx, dialled(c), func(conn *socket.Conn) {
		defer d.end(to)
		d.Node.Serve(d.Sessions, *found, conn)
	})
	switch {
	case err == nil:
		served = true
		return nil
	case socket.Permanent(err):
		return command.Refuse("no_socket", "the carrier opens no socket: %s", err)
	}
	return again(command.Refuse("unreachable", "the carrier's media socket cannot be reached: %s", err))
}

func again(refused error) error { return &bus.Again{After: pause, Err: refused} }

// begin reports whether the socket was neither open nor being dialled.
func (d *Desk) begin(to target) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[to] {
		return false
	}
	d.open[to] = true
	return true
}

func (d *Desk) end(to target) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, to)
}

// late refuses an order that has expired, unless another node has carried it
// out, whose acknowledgement was lost.
func (d *Desk) late(ctx context.Context, path trunk.StreamPath, leg string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	started, err := d.Book.Bus.Fact(ctx, path.Org, path.Call, event.StreamStarted{}.Type(), path.Stream)
	if err == nil && started.Leg == leg || err != nil && !errors.Is(err, bus.ErrNotFound) {
		return err
	}
	return command.Refuse("expired", "it is more than %s old: the caller's side has given up", patience)
}

// find looks up the stream, and checks that the order may have it.
func (d *Desk) find(ctx context.Context, path trunk.StreamPath, leg string) (*session.Call, error) {
	line, err := d.Book.Trunk(path)
	if err != nil {
		return nil, refusal(err)
	}
	found, err := d.Book.Call(ctx, line, path, leg)
	if err != nil {
		return nil, refusal(err)
	}
	return found, nil
}

// refusal says in an order's words why a stream gets no socket.
func refusal(err error) error {
	var r *lookup.Refusal
	if !errors.As(err, &r) {
		return err
	}
	switch r.Status {
	case http.StatusNotFound:
		return command.Refuse("not_found", "%s", r)
	case http.StatusGone:
		return command.Refuse("call_ended", "%s", r)
	case http.StatusConflict:
		return command.Refuse("conflict", "%s", r)
	}
	return again(command.Refuse("unavailable", "%s", r))
}

// dialled is where an order sends us.
func dialled(c command.MediaConnect) socket.Target {
	to := socket.Target{URL: c.URL, Protocol: c.Protocol, Insecure: c.Insecure, Header: http.Header{}}
	for name, value := range c.Headers {
		to.Header.Set(name, value)
	}
	return to
}
