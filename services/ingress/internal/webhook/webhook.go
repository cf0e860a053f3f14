// Package webhook takes the carriers' webhooks: it finds the trunk, proves the
// sender, records what happened, and tells the carrier what to do.
package webhook

import (
	"context"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

const (
	// recordIn bounds how long the log may take to keep a fact or to tell what
	// it holds. Behind it a caller still gets an answer in time.
	recordIn = 1200 * time.Millisecond
	// decideIn bounds how long a caller waits for an instruction, counted from
	// the webhook. The most impatient carrier waits 5 seconds.
	decideIn = 2 * time.Second
)

// Receiver takes webhooks. It holds no state but a watched copy of what is
// configured, so that any number of them may run beside each other.
type Receiver struct {
	links   trunk.Links
	public  *Public
	cache   *trunk.Cache
	bus     *bus.Bus
	legs    *bus.Bucket
	log     *logrus.Logger
	metrics *metrics
	pool    sync.Pool // of *webhook
}

// New makes a receiver. The cache must be loaded before the first webhook.
func New(ctx context.Context, links trunk.Links, public *Public, cache *trunk.Cache, b *bus.Bus, reg prometheus.Registerer, log *logrus.Logger) (*Receiver, error) {
	legs, err := b.Bucket(ctx, subject.BucketLegs)
	if err != nil {
		return nil, err
	}
	r := &Receiver{links: links, public: public, cache: cache, bus: b, legs: legs, log: log, metrics: newMetrics(reg)}
	r.pool.New = func() any { return newWebhook(r) }
	return r, nil
}

// Mount adds the routes to an app.
func (r *Receiver) Mount(app *fiber.App) {
	for _, method := range []string{fiber.MethodGet, fiber.MethodPost} {
		app.Add(method, "/v1/inbound", func(c *fiber.Ctx) error { return r.serve(c, r.byAccount) })
		app.Add(method, "/v1/:provider/:org/:trunk/:hook/:call/:mac", func(c *fiber.Ctx) error { return r.serve(c, r.byPath) })
	}
}

// router finds the trunk that a webhook is for.
type router func(*fiber.Ctx, *webhook) error

// serve lends a webhook what it needs, and measures it.
func (r *Receiver) serve(c *fiber.Ctx, route router) error {
	start := time.Now()
	w := r.pool.Get().(*webhook)
	w.begin(c, start)
	reply, err := r.receive(c, w, route)
	if err != nil {
		reply = r.refuse(c, w, err)
	}
	resp := c.Response()
	resp.SetStatusCode(reply.Status)
	resp.Header.SetContentType(reply.ContentType)
	resp.SetBodyRaw(reply.Body)
	r.metrics.observe(w, time.Since(start))
	w.end()
	r.pool.Put(w)
	return nil
}

// receive is the story of a webhook. Its error is a *refusal.
func (r *Receiver) receive(c *fiber.Ctx, w *webhook, route router) (provider.Response, error) {
	if err := route(c, w); err != nil {
		return provider.Response{}, err
	}
	var err error
	if w.notice, err = w.line.Account.Receive(&w.req, w.known); err != nil {
		return provider.Response{}, refusalOf(err)
	}
	if w.unread != nil { // what was parsed without the log may be wrong
		return r.away(w, w.unread)
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordIn)
	defer cancel()
	found, err := r.identify(ctx, w)
	if err != nil {
		return r.away(w, err)
	}
	if !found {
		return r.foreign(ctx, w)
	}
	in, err := r.record(ctx, w)
	if err != nil {
		return r.away(w, err)
	}
	return r.answer(w, in)
}

// record writes down what happened and returns what the carrier shall do now:
// nothing, where the webhook only tells.
func (r *Receiver) record(ctx context.Context, w *webhook) (call.Instruction, error) {
	switch w.notice.Kind {
	case provider.InboundCall:
		return r.inbound(ctx, w)
	case provider.Answer:
		return r.answered(ctx, w)
	}
	if err := r.keep(ctx, w, factsOf(&w.notice, w.line.Account.Spec())...); err != nil {
		return call.Instruction{}, err
	}
	return r.next(ctx, w)
}

// next is how the leg goes on after what the webhook told. Who waits gets the
// instruction in the reply; at a carrier that is driven over REST, what is left
// of an instruction becomes an order.
func (r *Receiver) next(ctx context.Context, w *webhook) (call.Instruction, error) {
	next, given := w.notice.Next, w.notice.Next != nil && len(w.notice.Next.Steps) > 0
	switch {
	case w.notice.Reply && given:
		return *next, nil
	case w.notice.Reply:
		return hangup, nil
	case !given:
		return call.Instruction{}, nil
	}
	var order command.Command = command.CallRedirect{Instruction: *next}
	if next.Steps[0].Hangup != nil {
		order = command.CallHangup{}
	}
	return call.Instruction{}, r.bus.SendOnce(ctx, w.line.Org, w.call, key(&w.notice), order)
}

// inbound takes a call to one of the trunk's numbers. A repeated webhook goes
// on with the call as it was stored at first.
func (r *Receiver) inbound(ctx context.Context, w *webhook) (call.Instruction, error) {
	number, ok := r.cache.Number(w.line.Org, w.line.Name, w.notice.To)
	if !ok || number.Application == "" {
		w.outcome = "unknown_number"
		r.entry(w).WithField("to", mask(w.notice.To)).Warn("call rejected: no application answers this number")
		return reject, nil
	}
	stored, won, err := r.bus.Record(ctx, w.event(receivedOf(&w.notice, number.Application)))
	if err != nil {
		return call.Instruction{}, err
	}
	state := event.Fold(stored)
	if won {
		r.entry(w).WithFields(logrus.Fields{"from": mask(w.notice.From), "to": mask(w.notice.To), "application": number.Application}).Info("call received")
	} else if state, err = r.bus.State(ctx, w.line.Org, w.call); err != nil {
		return call.Instruction{}, err
	}
	return r.connect(w, &state, func() (*event.Event, bool, error) { return stored, won, nil })
}

// answered takes an outbound call that was answered. That it was is often told
// by a status callback too, so the node that connects the call is the one that
// records the question "what now?".
func (r *Receiver) answered(ctx context.Context, w *webhook) (call.Instruction, error) {
	if err := r.keep(ctx, w, factsOf(&w.notice, w.line.Account.Spec())...); err != nil {
		return call.Instruction{}, err
	}
	state, err := r.bus.State(ctx, w.line.Org, w.call)
	if err != nil {
		return call.Instruction{}, err
	}
	if state.End != nil {
		r.entry(w).WithField("cause", state.End.Cause).Warn("call was answered after its end and is hung up")
		order := command.CallHangup{Cause: state.End.Cause, Trunk: w.line.Name, Leg: w.notice.LegID}
		return hangup, r.bus.SendOnce(ctx, w.line.Org, w.call, order.Leg, order)
	}
	return r.connect(w, &state, func() (*event.Event, bool, error) {
		return r.bus.Record(ctx, w.event(event.CarrierReported{ID: string(provider.Answer), Kind: string(provider.Answer)}))
	})
}

// keep records facts. A fact that the log holds already is none of interest.
func (r *Receiver) keep(ctx context.Context, w *webhook, facts ...event.Fact) error {
	for _, fact := range facts {
		_, won, err := r.bus.Record(ctx, w.event(fact))
		if err != nil {
			return err
		}
		if end, ok := fact.(event.CallEnded); ok && won {
			r.entry(w).WithFields(logrus.Fields{"status": end.Status, "cause": end.Cause}).Info("call ended")
		} else if r.log.IsLevelEnabled(logrus.DebugLevel) {
			r.entry(w).WithFields(logrus.Fields{"fact": fact.Type(), "first": won}).Debug("webhook recorded")
		}
	}
	return nil
}

// foreign keeps a webhook about a leg that is none of Trunkline's calls, which
// is normal in an account that others use too.
func (r *Receiver) foreign(ctx context.Context, w *webhook) (provider.Response, error) {
	w.outcome = "foreign"
	reason := string(w.notice.Kind) + " about leg " + w.notice.LegID + ", which belongs to no call"
	if err := r.bus.KeepWebhook(ctx, w.line.Org, w.line.Name, "foreign_leg", reason, w.payload()); err != nil {
		return r.away(w, err)
	}
	return r.render(w, call.Instruction{}), nil
}

// answer brings an instruction to the carrier: in the reply where it waits for
// one, else as an order to answer over REST.
func (r *Receiver) answer(w *webhook, in call.Instruction) (provider.Response, error) {
	if w.notice.Reply || len(in.Steps) == 0 {
		return r.render(w, in), nil
	}
	if err := r.order(w, in); err != nil {
		return r.away(w, err)
	}
	return r.render(w, call.Instruction{}), nil
}

// order has a leg answered over REST.
func (r *Receiver) order(w *webhook, in call.Instruction) error {
	ctx, cancel := context.WithTimeout(context.Background(), recordIn)
	defer cancel()
	order := command.CallAnswer{Trunk: w.line.Name, Leg: w.notice.LegID, Instruction: in}
	return r.bus.SendOnce(ctx, w.line.Org, w.call, order.Leg, order)
}

// away answers a webhook that could not be recorded. Who waits on the line
// gets an instruction that needs nothing of ours: the one answer of 200
// without a fact. Everybody else is asked to send it again.
func (r *Receiver) away(w *webhook, cause error) (provider.Response, error) {
	if !w.notice.Reply {
		return provider.Response{}, &refusal{fiber.StatusServiceUnavailable, "unavailable", cause}
	}
	in, next := hangup, w.notice.Next
	switch kind := w.notice.Kind; {
	case kind == provider.InboundCall, kind == provider.Answer:
		in = r.fallbackAway(w)
	case next != nil && len(next.Steps) > 0 && next.Fallback():
		in = *next
	}
	w.outcome = "fallback"
	r.metrics.fallbacks.WithLabelValues("nats").Inc()
	r.entry(w).WithError(cause).Error("fallback given: the event log cannot be reached")
	return r.render(w, in), nil
}

// fallbackAway is what a caller gets while nothing can be recorded. Which
// application an outbound call belongs to is known to the log alone.
func (r *Receiver) fallbackAway(w *webhook) call.Instruction {
	number, ok := r.cache.Number(w.line.Org, w.line.Name, w.notice.To)
	if w.notice.Kind != provider.InboundCall || !ok {
		return trunk.DefaultFallback
	}
	app, _ := r.cache.Application(w.line.Org, number.Application)
	if in := app.FallbackOf(); in.Fallback() {
		return in
	}
	return trunk.DefaultFallback
}
