package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// errSubjectFull is JetStream's "maximum messages exceeded". It is generic: a
// stream that is full altogether says it too.
const errSubjectFull = 10077

// Record writes a fact into the log and waits until it is kept. Facts happen
// once: where the log holds the fact already, Record returns the stored one
// and won is false, unless the stored one is this very try whose
// acknowledgement was lost. With an error the fact may or may not be kept.
func (b *Bus) Record(ctx context.Context, e *event.Event) (stored *event.Event, won bool, err error) {
	doc, err := e.MarshalJSON() // json.Marshal would read the document once more: a tenth of a webhook's time
	if err != nil {
		return nil, false, fmt.Errorf("record: %w", err)
	}
	subj := subject.Event(e.Org, e.Call, e.Data.Type(), e.Data.Key())
	switch err := b.publish(ctx, subj, doc); {
	case err == nil:
		return e, true, nil
	case !isCode(err, errSubjectFull):
		return nil, false, fmt.Errorf("record %s: %w", e.Data.Type(), err)
	}
	stored, err = b.lastFact(ctx, subj)
	if errors.Is(err, ErrNotFound) {
		err = ErrNotRecorded
	}
	if err != nil {
		return nil, false, fmt.Errorf("record %s: %w", e.Data.Type(), err)
	}
	return stored, stored.ID == e.ID, nil
}

// publish sends asynchronously and awaits the acknowledgement: the
// asynchronous path shares one reply subscription and costs half the CPU.
func (b *Bus) publish(ctx context.Context, subj string, doc []byte) error {
	ctx, cancel := within(ctx, replyLimit)
	defer cancel()
	ack, err := b.js.PublishMsgAsync(&nats.Msg{Subject: subj, Data: doc})
	if err != nil {
		return err
	}
	select {
	case <-ack.Ok():
		return nil
	case err := <-ack.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Fact returns one recorded fact, or ErrNotFound.
func (b *Bus) Fact(ctx context.Context, org, callID, typ, key string) (*event.Event, error) {
	return b.lastFact(ctx, subject.Event(org, callID, typ, key))
}

func (b *Bus) lastFact(ctx context.Context, subj string) (*event.Event, error) {
	facts, err := b.lastOf(ctx, subj)
	if err != nil {
		return nil, err
	}
	if len(facts) == 0 {
		return nil, ErrNotFound
	}
	return facts[0], nil
}

// Facts returns what the log holds of one call, in the order in which it was
// recorded: of the given types, or the call's own life and its agent where
// none are given.
func (b *Bus) Facts(ctx context.Context, org, callID string, types ...string) ([]*event.Event, error) {
	if len(types) == 0 {
		base := subject.Event(org, callID, "", "")
		return b.lastOf(ctx, base+"call.>", base+"agent.>")
	}
	var filters []string
	for _, typ := range types {
		filters = append(filters, subject.EventsOfType(org, callID, typ)...)
	}
	return b.lastOf(ctx, filters...)
}

// State adds up the facts of a call; ErrNotFound where there are none.
func (b *Bus) State(ctx context.Context, org, callID string) (event.State, error) {
	facts, err := b.Facts(ctx, org, callID)
	if err != nil {
		return event.State{}, err
	}
	if len(facts) == 0 {
		return event.State{}, fmt.Errorf("call %s: %w", callID, ErrNotFound)
	}
	return event.Fold(facts...), nil
}

// lastOf reads the last message of every subject that matches one of the
// filters, in one round trip: the server's direct get with "multi_last"
// (ADR-31), which ends with an empty message of status 204.
func (b *Bus) lastOf(ctx context.Context, filters ...string) ([]*event.Event, error) {
	ask, err := json.Marshal(map[string]any{"multi_last": filters})
	if err != nil {
		return nil, err
	}
	ctx, cancel := within(ctx, replyLimit)
	defer cancel()
	inbox := b.nc.NewRespInbox()
	sub, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := b.nc.PublishRequest("$JS.API.DIRECT.GET."+subject.StreamEvents, inbox, ask); err != nil {
		return nil, err
	}
	var facts []*event.Event
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("read facts: %w", err)
		}
		switch status := msg.Header.Get("Status"); status {
		case "":
			e := new(event.Event)
			if err := json.Unmarshal(msg.Data, e); err != nil {
				return nil, fmt.Errorf("read fact %s: %w", msg.Header.Get("Nats-Subject"), err)
			}
			facts = append(facts, e)
		case "204", "404":
			return facts, nil
		default:
			return nil, fmt.Errorf("read facts: status %s %s", status, msg.Header.Get("Description"))
		}
	}
}

func isCode(err error, code jetstream.ErrorCode) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == code
}
