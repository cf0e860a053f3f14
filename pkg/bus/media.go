package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/nats-io/nats.go"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// Offer asks an application's agents whether one of them takes a call.
// ErrNoResponders: there is no agent at all, known at once.
func (b *Bus) Offer(ctx context.Context, o media.Offer) (media.Accept, error) {
	doc, err := json.Marshal(o)
	if err != nil {
		return media.Accept{}, fmt.Errorf("offer: %w", err)
	}
	msg, err := b.nc.RequestWithContext(ctx, subject.Offer(o.Org, o.Application), doc)
	if errors.Is(err, nats.ErrNoResponders) {
		err = ErrNoResponders
	}
	if err != nil {
		return media.Accept{}, fmt.Errorf("offer: %w", err)
	}
	var a media.Accept
	if err := json.Unmarshal(msg.Data, &a); err != nil {
		return media.Accept{}, fmt.Errorf("offer: the agent's answer: %w", err)
	}
	return a, nil
}

// Agents takes part in the queue of an application's agents until ctx ends.
// decide answers one offer and must not block.
func (b *Bus) Agents(ctx context.Context, org, application string, decide func(media.Offer) media.Accept) error {
	leave, err := b.Join(ctx, org, application, decide)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return leave()
}

// Join is Agents for who must know that offers come from now on: it returns
// when the server has them, and leave ends it.
func (b *Bus) Join(ctx context.Context, org, application string, decide func(media.Offer) media.Accept) (leave func() error, err error) {
	sub, err := b.nc.QueueSubscribe(subject.Offer(org, application), "agents", func(msg *nats.Msg) {
		var o media.Offer
		reply := media.Accept{Reason: "the offer cannot be read"}
		if err := json.Unmarshal(msg.Data, &o); err == nil {
			reply = decide(o)
		}
		if doc, err := json.Marshal(reply); err == nil {
			_ = msg.Respond(doc)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("agents of %s: %w", application, err)
	}
	if err := flush(ctx, b.nc); err != nil {
		_ = sub.Unsubscribe()
		return nil, fmt.Errorf("agents of %s: %w", application, err)
	}
	return sub.Unsubscribe, nil
}

// Line is the connection that carries one call's audio. Calls are spread over
// a pool, as one connection does not carry a thousand of them in time.
type Line struct{ nc *nats.Conn }

// Line returns the connection of a call.
func (b *Bus) Line(callID string) Line {
	return Line{b.pool[maphash.String(b.seed, callID)%uint64(len(b.pool))]}
}

// Publish sends to a media subject. It does not wait, and while the server is
// away what it sends is lost, as late audio is of no use.
func (l Line) Publish(subj string, data []byte) error { return l.nc.Publish(subj, data) }

// Flush waits until the server has seen everything published so far.
func (l Line) Flush(ctx context.Context) error { return flush(ctx, l.nc) }

// Subscribe hands every message of a subject to each, in order, until stop is
// called. each must not block and must not keep data.
func (l Line) Subscribe(subj string, each func(subject string, data []byte)) (stop func(), err error) {
	sub, err := l.nc.Subscribe(subj, func(msg *nats.Msg) { each(msg.Subject, msg.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", subj, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}
