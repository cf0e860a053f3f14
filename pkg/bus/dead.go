package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/trunkline-io/trunkline/pkg/subject"
)

// Headers of a message in DEAD.
const (
	HeaderCode    = "Trunkline-Code"
	HeaderReason  = "Trunkline-Reason"
	HeaderSubject = "Trunkline-Subject" // where the message was published at first
)

// Dead is a message that could not be used.
type Dead struct {
	Subject string
	Code    string
	Reason  string
	Data    []byte
}

// KeepWebhook keeps a callback that belongs to no call of Trunkline.
func (b *Bus) KeepWebhook(ctx context.Context, org, trunk, code, reason string, raw []byte) error {
	return b.keep(ctx, subject.DeadWebhook(org, trunk), "", raw, code, reason)
}

// bury keeps a message of a stream that could not be used.
func (b *Bus) bury(ctx context.Context, stream, subj string, data []byte, code, reason string) error {
	return b.keep(ctx, subject.Dead(stream, subj), subj, data, code, reason)
}

func (b *Bus) keep(ctx context.Context, to, from string, data []byte, code, reason string) error {
	msg := nats.NewMsg(to)
	msg.Data = data
	msg.Header.Set(HeaderCode, code)
	msg.Header.Set(HeaderReason, reason)
	if from != "" {
		msg.Header.Set(HeaderSubject, from)
	}
	if _, err := b.js.PublishMsg(ctx, msg); err != nil {
		return fmt.Errorf("dead letter: %w", err)
	}
	return nil
}

// deadLimit bounds what DeadLetters returns, in bytes of data: less than a NATS
// message takes, in base64 too.
const deadLimit = 512 << 10

// DeadLetters returns the newest messages of DEAD, oldest first: n of them, or
// fewer where they are large.
func (b *Bus) DeadLetters(ctx context.Context, n int) ([]Dead, error) {
	s, err := b.js.Stream(ctx, subject.StreamDead)
	if err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	state := s.CachedInfo().State
	list, size := []Dead{}, 0
	for seq := state.LastSeq; seq >= max(state.FirstSeq, 1) && len(list) < n; seq-- {
		msg, err := s.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("dead letters: %w", err)
		}
		if size += len(msg.Data); size > deadLimit {
			break
		}
		list = append(list, deadOf(msg))
	}
	slices.Reverse(list)
	return list, nil
}

func deadOf(msg *jetstream.RawStreamMsg) Dead {
	return Dead{Subject: cmp.Or(msg.Header.Get(HeaderSubject), msg.Subject), Code: msg.Header.Get(HeaderCode),
		Reason: msg.Header.Get(HeaderReason), Data: msg.Data}
}
