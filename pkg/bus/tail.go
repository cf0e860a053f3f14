package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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
			pending--
			// Some may have expired before they were read.
			if meta, err := msg.Metadata(); pending == 0 || err == nil && meta.NumPending == 0 {
				pending = 0
				caughtUp()
			}
		}
	}
}

// ended tells an end that was asked for, which is no error, from one that was not.
func ended(ctx context.Context, what string, err error) error {
	if ctx.Err() == nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
