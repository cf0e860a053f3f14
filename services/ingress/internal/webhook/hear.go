package webhook

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// hookEvents is the label of what came over a carrier's own socket.
const hookEvents provider.Hook = "events"

// Hear is the story of a notice that came by no webhook: a carrier told it over
// the socket that a node holds. It is recorded like one, and whoever waits for
// an instruction gets it as an order to answer over REST. An error means that
// it is not recorded.
func (r *Receiver) Hear(ctx context.Context, line *trunk.Line, n provider.Notice) error {
	w := r.pool.Get().(*webhook)
	w.start, w.outcome = time.Now(), "ok"
	w.line, w.base, w.notice, w.path.Hook = line, r.links.Hooks, n, hookEvents
	err := r.hear(ctx, w)
	if err != nil {
		w.outcome = "unavailable"
	}
	r.metrics.observe(w, time.Since(w.start))
	w.end()
	r.pool.Put(w)
	return err
}

func (r *Receiver) hear(ctx context.Context, w *webhook) error {
	ctx, cancel := context.WithTimeout(ctx, recordIn)
	defer cancel()
	found, err := r.identify(ctx, w)
	if err != nil {
		return err
	}
	if !found {
		w.outcome = "foreign"
		if r.log.IsLevelEnabled(logrus.DebugLevel) {
			r.entry(w).WithField("kind", w.notice.Kind).Debug("event is about no call")
		}
		return nil
	}
	if w.notice.Status == call.Uncertain {
		if err := r.settle(ctx, w); err != nil {
			return err
		}
	}
	in, err := r.record(ctx, w)
	if err != nil || len(in.Steps) == 0 {
		return err
	}
	return r.order(w, in)
}

// settle makes a completed call of one that was answered and has ended while
// nobody listened.
func (r *Receiver) settle(ctx context.Context, w *webhook) error {
	state, err := r.bus.State(ctx, w.line.Org, w.call)
	if err == nil && !state.AnsweredAt.IsZero() {
		w.notice.Status = call.Completed
	}
	return err
}
