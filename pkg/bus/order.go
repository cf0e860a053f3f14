package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// Order is a command as it was taken from the queue.
type Order struct {
	ID        string // its place in the stream
	Org, Call string
	Type      string
	Data      []byte
	Published time.Time
	Delivery  int // from 1
}

// Decode reads the order's data strictly. Its error is a *command.Error.
func (o *Order) Decode() (command.Command, error) { return command.Decode(o.Type, o.Data) }

// Again is the error by which a worker asks to be given the order once more.
type Again struct {
	After time.Duration
	Err   error
}

// Error tells why.
func (a *Again) Error() string { return fmt.Sprintf("again in %s: %v", a.After, a.Err) }

// Unwrap returns the reason.
func (a *Again) Unwrap() error { return a.Err }

// Send publishes an order and waits until it is kept. An order whose type does
// not exist is refused.
func (b *Bus) Send(ctx context.Context, org, callID string, c command.Command) error {
	doc, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("send %s: %w", c.Type(), err)
	}
	return b.SendRaw(ctx, org, callID, c.Type(), doc)
}

// SendOnce is Send for an order that several may give at once, as when a
// webhook is repeated: of those that a call is given with one key, the first
// within two minutes is kept. The others count as sent.
func (b *Bus) SendOnce(ctx context.Context, org, callID, key string, c command.Command) error {
	doc, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("send %s: %w", c.Type(), err)
	}
	return b.send(ctx, org, callID, c.Type(), doc, jetstream.WithMsgID(subject.Command(org, callID, c.Type())+"."+key))
}

// SendRaw is Send for an order in its wire form.
func (b *Bus) SendRaw(ctx context.Context, org, callID, typ string, doc []byte) error {
	return b.send(ctx, org, callID, typ, doc)
}

func (b *Bus) send(ctx context.Context, org, callID, typ string, doc []byte, opts ...jetstream.PublishOpt) error {
	_, err := b.js.Publish(ctx, subject.Command(org, callID, typ), doc, opts...)
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) {
		return fmt.Errorf("send %s: %w: there is no such command", typ, ErrNoResponders)
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", typ, err)
	}
	return nil
}

// Queue is a worker's share of the orders.
type Queue struct {
	Name     string        // durable, shared by all workers of the kind
	Types    []string      // orders it takes; no two queues may take the same
	Parallel int           // orders in hand at once
	AckWait  time.Duration // after which an order in hand is given to another worker
}

// Work takes orders until ctx ends, then gives back those not begun and waits
// for those in hand. take may run Parallel times at once. Its result decides:
// nil, the order is done; *Again, it is given out once more; *command.Error, it
// is refused and kept in DEAD with the reason; any other error counts as Again
// in a few seconds.
func (b *Bus) Work(ctx context.Context, q Queue, take func(context.Context, *Order) error) error {
	filters := make([]string, len(q.Types))
	for i, typ := range q.Types {
		filters[i] = subject.Commands(typ)
	}
	consumer, err := b.js.CreateOrUpdateConsumer(ctx, subject.StreamCommands, jetstream.ConsumerConfig{
		Durable: q.Name, FilterSubjects: filters, AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.AckWait,
		MaxAckPending: -1, MaxDeliver: -1,
	})
	if err != nil {
		return fmt.Errorf("queue %s: %w", q.Name, err)
	}
	var inHand sync.WaitGroup
	defer inHand.Wait()
	slots := make(chan struct{}, q.Parallel)
	for {
		free := reserve(ctx, slots)
		if free == 0 {
			return nil
		}
		begun, err := b.pull(ctx, consumer, free, func(msg jetstream.Msg) {
			inHand.Go(func() {
				defer func() { <-slots }()
				b.carryOut(context.WithoutCancel(ctx), q, msg, take)
			})
		})
		for range free - begun {
			<-slots
		}
		if err := b.lost(ctx, q, consumer, err); err != nil {
			return fmt.Errorf("queue %s: %w", q.Name, err)
		}
	}
}

// reserve waits for a free slot and takes all there are; 0 when ctx ends.
func reserve(ctx context.Context, slots chan struct{}) (n int) {
	if ctx.Err() != nil {
		return 0
	}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n = 1; ; n++ {
		select {
		case slots <- struct{}{}:
		default:
			return n
		}
	}
}

// pullFor is how long a request for orders stays open at the server. Its end
// is awaited even when the worker stops: an order that is sent to somebody who
// listens no more would be given to another only when AckWait is over.
const pullFor = 500 * time.Millisecond

// pull asks for up to n orders and begins each as it comes. Those that come
// when ctx has ended are given back.
func (b *Bus) pull(ctx context.Context, consumer jetstream.Consumer, n int, begin func(jetstream.Msg)) (begun int, err error) {
	batch, err := consumer.Fetch(n, jetstream.FetchMaxWait(pullFor))
	if err != nil {
		return 0, err
	}
	for msg := range batch.Messages() {
		if ctx.Err() == nil {
			begin(msg)
			begun++
		} else if err := msg.Nak(); err != nil {
			b.log.WithError(err).WithField("subject", msg.Subject()).Warn("order is not given back")
		}
	}
	return begun, batch.Error()
}

// lost judges why orders could not be pulled. It returns an error where they
// never will be, and else pauses, so that it is not asked in vain all the time.
func (b *Bus) lost(ctx context.Context, q Queue, consumer jetstream.Consumer, err error) error {
	if err == nil {
		return nil
	}
	if b.Connected() {
		b.log.WithError(err).WithField("queue", q.Name).Warn("orders cannot be read")
		if _, gone := consumer.Info(ctx); errors.Is(gone, jetstream.ErrConsumerNotFound) {
			return err
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	return nil
}

// carryOut does one order and settles its message.
func (b *Bus) carryOut(ctx context.Context, q Queue, msg jetstream.Msg, take func(context.Context, *Order) error) {
	order, err := orderOf(msg)
	if err == nil {
		err = take(ctx, order)
	}
	var again *Again
	var refused *command.Error
	switch {
	case err == nil:
		err = msg.DoubleAck(ctx)
	case errors.As(err, &again):
		err = msg.NakWithDelay(again.After)
	case errors.As(err, &refused):
		if err = b.bury(ctx, subject.StreamCommands, msg.Subject(), msg.Data(), refused.Code, refused.Message); err == nil {
			err = msg.DoubleAck(ctx)
		}
	default:
		b.log.WithError(err).WithField("subject", msg.Subject()).Warn("order is tried again")
		// A bare refusal would be given out at once and spin.
		err = msg.NakWithDelay(min(time.Duration(order.Delivery)*time.Second, 30*time.Second))
	}
	if err != nil {
		b.log.WithError(err).WithField("queue", q.Name).WithField("subject", msg.Subject()).Warn("order is not settled")
	}
}

func orderOf(msg jetstream.Msg) (*Order, error) {
	o := &Order{Data: msg.Data(), Delivery: 1}
	if meta, err := msg.Metadata(); err == nil {
		o.ID, o.Published, o.Delivery = strconv.FormatUint(meta.Sequence.Stream, 10), meta.Timestamp, int(meta.NumDelivered)
	}
	var err error
	if o.Org, o.Call, o.Type, err = subject.ParseCommand(msg.Subject()); err != nil {
		return o, command.Refuse("invalid_subject", "%s", err)
	}
	return o, nil
}
