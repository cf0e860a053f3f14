// Package listener hears the carriers that call nobody back: of each trunk of
// such a carrier, one node holds the socket over which it tells what happens.
package listener

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// Hear records what happened on a trunk. An error means that it is not recorded.
type Hear func(ctx context.Context, line *trunk.Line, n provider.Notice) error

// Desk listens to all trunks that need it. Any number of nodes run one: a lease
// for each trunk decides which of them listens, and around a change of hands,
// where two may, facts happen once anyway.
type Desk struct {
	Bus   *bus.Bus
	Cache *trunk.Cache
	Hear  Hear
	Owner string // shown to operators who look into the bucket of leases
	Log   *logrus.Logger
	// Park is the pause after a listener gave up: its application was taken
	// over, or the carrier refuses it.
	Park time.Duration

	leases *bus.Bucket
	up     *prometheus.GaugeVec // org, trunk
}

// Open prepares a desk and registers its metrics.
func (d *Desk) Open(ctx context.Context, reg prometheus.Registerer) (err error) {
	d.up = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "trunkline_ingress_events_socket_up", Help: "1 where this node holds the open events socket of a trunk.",
	}, []string{"org", "trunk"})
	reg.MustRegister(d.up)
	d.leases, err = d.Bus.Bucket(ctx, subject.BucketLeases)
	return err
}

// Run keeps a turn for each trunk until ctx ends. A trunk whose record changes
// gets another one.
func (d *Desk) Run(ctx context.Context) {
	turns := map[string]*turn{}
	for {
		lines, changed := d.Cache.Trunks()
		wanted := map[string]*trunk.Line{}
		for _, line := range lines {
			if line.Account.Can(provider.CanListen) {
				wanted[subject.TrunkKey(line.Org, line.Name)] = line
			}
		}
		for key, t := range turns {
			if line := wanted[key]; line == nil || line.Revision != t.line.Revision {
				t.end()
				delete(turns, key)
			}
		}
		for key, line := range wanted {
			if turns[key] == nil {
				turns[key] = d.begin(ctx, key, line)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			for _, t := range turns {
				t.end()
			}
			return
		}
	}
}

// turn is a trunk as one node sees it: it waits for the lease, and listens
// while it has it.
type turn struct {
	*Desk
	line    *trunk.Line
	stop    context.CancelFunc
	running sync.WaitGroup
}

func (d *Desk) begin(ctx context.Context, key string, line *trunk.Line) *turn {
	t := &turn{Desk: d, line: line}
	ctx, t.stop = context.WithCancel(ctx)
	lease := bus.Lease{Bucket: d.leases, Key: "listen." + key, Owner: d.Owner, Log: d.Log}
	t.running.Go(func() { lease.Hold(ctx, t.listen) })
	return t
}

func (t *turn) end() {
	t.stop()
	t.running.Wait()
}

// listen holds the socket until ctx ends, that is, while this node has the
// lease.
func (t *turn) listen(ctx context.Context) {
	defer t.up.DeleteLabelValues(t.line.Org, t.line.Name)
	for ctx.Err() == nil {
		err := t.line.Account.Listen(ctx, t)
		if ctx.Err() != nil {
			return
		}
		t.entry().WithError(err).WithField("again_in", t.Park.String()).Error("trunk is not heard: calls do not come in over it")
		pause := time.NewTimer(t.Park)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// Notice implements provider.EventSink.
func (t *turn) Notice(ctx context.Context, n provider.Notice) error {
	err := t.Hear(ctx, t.line, n)
	if err != nil {
		t.entry().WithError(err).WithFields(logrus.Fields{"leg_id": n.LegID, "kind": n.Kind}).Warn("event is not recorded")
	}
	return err
}

// Live implements provider.EventSink. registry has the sum of the log.
func (t *turn) Live(ctx context.Context) ([]provider.Leg, error) {
	var calls []struct {
		ID  string `json:"call_id"`
		Leg string `json:"leg_id"`
	}
	query := map[string]string{"org": t.line.Org, "trunk": t.line.Name}
	if err := t.Bus.Ask(ctx, "registry", "call", "list", query, &calls); err != nil {
		t.entry().WithError(err).Warn("trunk is not compared with its live calls: registry does not tell them")
		return nil, err
	}
	legs := make([]provider.Leg, len(calls))
	for i, c := range calls {
		legs[i] = provider.Leg{ID: c.Leg, CallID: c.ID}
	}
	return legs, nil
}

// Socket implements provider.EventSink.
func (t *turn) Socket(err error) {
	up := t.up.WithLabelValues(t.line.Org, t.line.Name)
	if err != nil {
		up.Set(0)
		t.entry().WithError(err).Warn("events socket is lost")
		return
	}
	up.Set(1)
	t.entry().Info("events socket is open")
}

func (t *turn) entry() *logrus.Entry {
	return t.Log.WithFields(logrus.Fields{"org": t.line.Org, "trunk": t.line.Name, "provider": t.line.Provider})
}
