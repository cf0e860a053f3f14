package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// Span says which facts a reader wants.
type Span struct {
	Filters []string // subjects; all facts where empty
	New     bool     // only what is recorded from now on
}

// Tail reads facts in order until ctx ends or each returns an error, which
// Tail then returns. caughtUp, when not nil, is called once, when everything
// that was recorded before has been handed over. The reader keeps its place
// through reconnects.
func (b *Bus) Tail(ctx context.Context, span Span, caughtUp func(), each func(*event.Event) error) error {
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: span.Filters}
	if span.New {
		cfg.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	consumer, err := b.js.OrderedConsumer(ctx, subject.StreamEvents, cfg)
	if err != nil {
		return fmt.Errorf("tail facts: %w", err)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("tail facts: %w", err)
	}
	if caughtUp == nil {
		caughtUp = func() {}
	}
	pending := info.NumPending
	if pending == 0 {
		caughtUp()
	}
	msgs, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("tail facts: %w", err)
	}
	stop := context.AfterFunc(ctx, msgs.Stop)
	defer stop()
	defer msgs.Stop()
	for {
		msg, err := msgs.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return ended(ctx, "tail facts", err)
		}
		if err != nil {
			b.log.WithError(err).Warn("facts cannot be read")
			continue
		}
		e := new(event.Event)
		if err := json.Unmarshal(msg.Data(), e); err != nil {
			b.log.WithError(err).WithField("subject", msg.Subject()).Warn("fact is passed over")
		} else if err := each(e); err != nil {
			return err
		}
		if pending > 0 {
			if pending--; pending == 0 {
				caughtUp()
			}
		}
	}
}

// Follow hands every new fact that matches the filters to one of all readers
// that share the durable name, until ctx ends. A fact whose handling fails is
// given out again.
func (b *Bus) Follow(ctx context.Context, durable string, filters []string, parallel int, take func(context.Context, *event.Event) error) error {
	consumer, err := b.js.CreateOrUpdateConsumer(ctx, subject.StreamEvents, jetstream.ConsumerConfig{
		Durable: durable, FilterSubjects: filters, AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second,
		MaxAckPending: parallel, MaxDeliver: -1,
	})
	if err != nil {
		return fmt.Errorf("follow %s: %w", durable, err)
	}
	consuming, err := consumer.Consume(func(msg jetstream.Msg) {
		e := new(event.Event)
		err := json.Unmarshal(msg.Data(), e)
		if err == nil {
			err = take(ctx, e)
		}
		if err == nil {
			err = msg.Ack()
		} else {
			b.log.WithError(err).WithField("subject", msg.Subject()).Warn("fact is handled again")
			err = msg.NakWithDelay(time.Second)
		}
		if err != nil {
			b.log.WithError(err).WithField("subject", msg.Subject()).Warn("fact is not settled")
		}
	})
	if err != nil {
		return fmt.Errorf("follow %s: %w", durable, err)
	}
	select {
	case <-ctx.Done():
	case <-consuming.Closed():
		return ended(ctx, "follow "+durable, errEnded)
	}
	consuming.Drain()
	<-consuming.Closed()
	return nil
}

// ended tells an end that was asked for, which is no error, from one that was not.
func ended(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
