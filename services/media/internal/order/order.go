// Package order takes the orders to dial a carrier's media socket, where the
// carrier is the one to be dialled. Any media node takes one. It is done as soon
// as the socket is open; an order that is refused leaves the fact
// command.failed, and a dead letter.
package order

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/lookup"
	"github.com/trunkline-io/trunkline/services/media/internal/session"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

// patience is how long after its publication an order is good. The side of the
// caller has given up then.
const patience = 5 * time.Second

// pause is how long an order rests that cannot be carried out now.
const pause = 100 * time.Millisecond

// queue is what nodes share. An order in hand takes patience at most, and what
// recording its refusal takes.
var queue = bus.Queue{Name: "media", Types: []string{command.MediaConnect{}.Type()}, Parallel: 64, AckWait: 2 * patience}

// Config of a desk.
type Config struct {
	Book     *lookup.Book
	Sockets  *socket.Server
	Node     *session.Node
	Log      *logrus.Logger
	Sessions context.Context // of all sessions, which outlive their orders
}

// Desk is where a node's orders are taken.
type Desk struct {
	Config
	orders *prometheus.CounterVec

	mu   sync.Mutex
	open map[target]bool // being dialled, or served
}

// target is one socket of one stream. A leg that is made anew has another URL.
type target struct {
	trunk.StreamPath
	url string
}

// New makes a desk and registers its metrics.
func New(c Config, metrics prometheus.Registerer) *Desk {
	d := &Desk{Config: c, open: map[target]bool{}, orders: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "trunkline_media_orders_total", Help: "Orders to dial a media socket, by what became of them: done, again, or why they were refused.",
	}, []string{"result"})}
	metrics.MustRegister(d.orders)
	return d
}

// Run takes orders until ctx ends, and returns when those in hand are settled.
// A queue that is lost ends no calls: it is made anew.
func (d *Desk) Run(ctx context.Context) {
	for {
		err := d.Book.Bus.Work(ctx, queue, d.take)
		if ctx.Err() != nil {
			return
		}
		d.Log.WithError(err).Error("orders are not taken")
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// take carries out one order; its result decides what becomes of it, see
// bus.Work.
func (d *Desk) take(ctx context.Context, o *bus.Order) error {
	c, err := decode(o)
	if err == nil {
		err = d.connect(ctx, o, c)
	}
	var again *bus.Again
	var refused *command.Error
	switch {
	case err == nil:
		d.orders.WithLabelValues("done").Inc()
		return nil
	case errors.As(err, &again) && time.Since(o.Published)+again.After < patience, !errors.As(err, &refused):
		d.orders.WithLabelValues("again").Inc()
		return err
	}
	// Where it would be too late to try again, why it failed is the reason.
	d.orders.WithLabelValues(refused.Code).Inc()
	d.Log.WithFields(logrus.Fields{
		"org": o.Org, "call_id": o.Call, "trunk": c.Trunk, "leg_id": c.Leg, "stream_id": c.StreamID,
		"order": o.ID, "code": refused.Code, "reason": refused.Message,
	}).Warn("media socket is not dialled")
	if err := d.record(ctx, o, c, refused); err != nil {
		return fmt.Errorf("%s is refused: %w", o.Type, err) // without the fact there is no refusal yet
	}
	return refused
}

func decode(o *bus.Order) (c command.MediaConnect, err error) {
	if err := errors.Join(call.CheckID("org", o.Org), call.CheckID("call id", o.Call)); err != nil {
		return c, command.Refuse("invalid_subject", "%s", err)
	}
	decoded, err := o.Decode()
	c, ok := decoded.(command.MediaConnect)
	if err == nil && !ok {
		err = command.Refuse("unknown_command", "media does not take %s", o.Type)
	}
	return c, err
}

// record writes a refusal into the log.
func (d *Desk) record(ctx context.Context, o *bus.Order, c command.MediaConnect, why *command.Error) error {
	e := event.New(session.Source, o.Org, o.Call, event.CommandFailed{ID: o.ID, Command: o.Type, Code: why.Code, Message: why.Message})
	e.Trunk, e.Leg = c.Trunk, c.Leg
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _, err := d.Book.Bus.Record(ctx, e)
	return err
}
