package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// How long things are kept.
const (
	// EventsAge is longer than an order's life plus a call's longest one.
	EventsAge = 24 * time.Hour
	// CommandsAge is below EventsAge: an order never outlives its facts.
	CommandsAge = 12 * time.Hour
	DeadAge     = 7 * 24 * time.Hour
	LegsAge     = EventsAge
	// LiveAge is how long a call counts as alive after its last heartbeat.
	LiveAge = 30 * time.Second
	// LeaseAge is how long a lease outlives its holder.
	LeaseAge = 4 * time.Second
)

// streams is the one table of streams.
func streams(replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name: subject.StreamEvents, Description: "facts: one message per subject, a second is refused",
			Subjects: []string{subject.AllEvents}, MaxAge: EventsAge, Replicas: replicas,
			// Bounded by age and never by size: under DiscardNew a full stream
			// would refuse facts.
			MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
			AllowDirect: true, Duplicates: time.Second,
		},
		{
			Name: subject.StreamCommands, Description: "orders: each is carried out by one worker",
			Subjects: orderSubjects(), MaxAge: CommandsAge, Replicas: replicas,
			Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew,
		},
		{
			Name: subject.StreamDead, Description: "what could not be used, with the reason",
			Subjects: []string{subject.AllDead}, MaxAge: DeadAge, MaxBytes: 1 << 30, Replicas: replicas,
			Discard: jetstream.DiscardOld, AllowDirect: true,
		},
	}
}

// orderSubjects lists the exact orders there are, so that a misspelt one is
// refused at publish instead of waiting for ever.
func orderSubjects() []string {
	var list []string
	for _, typ := range command.Types() {
		list = append(list, subject.Commands(typ))
	}
	return list
}

// buckets is the one table of buckets.
func buckets(replicas int) []jetstream.KeyValueConfig {
	return []jetstream.KeyValueConfig{
		{Bucket: subject.BucketTrunks, History: 5, Replicas: replicas},
		{Bucket: subject.BucketNumbers, History: 5, Replicas: replicas},
		{Bucket: subject.BucketApplications, History: 5, Replicas: replicas},
		{Bucket: subject.BucketLegs, TTL: LegsAge, Replicas: replicas},
		{Bucket: subject.BucketLive, TTL: LiveAge, Replicas: replicas},
		{Bucket: subject.BucketLeases, TTL: LeaseAge, Replicas: replicas},
	}
}

// prepare declares what the services need, or holds that they have done so.
func (b *Bus) prepare(ctx context.Context) error {
	if !b.cfg.Client {
		return b.declare(ctx)
	}
	if _, err := b.js.Stream(ctx, subject.StreamEvents); err != nil {
		return fmt.Errorf("no Trunkline has run on this nats: stream %s: %w", subject.StreamEvents, err)
	}
	return nil
}

// declare creates or updates the streams and buckets, and reads back what
// must hold: a server may accept a setting and ignore it.
func (b *Bus) declare(ctx context.Context) error {
	for _, cfg := range streams(b.cfg.Replicas) {
		s, err := b.js.CreateOrUpdateStream(ctx, cfg)
		if err != nil {
			return fmt.Errorf("stream %s: %w", cfg.Name, err)
		}
		if got := s.CachedInfo().Config; got.DiscardNewPerSubject != cfg.DiscardNewPerSubject || got.MaxMsgsPerSubject != cfg.MaxMsgsPerSubject && cfg.MaxMsgsPerSubject != 0 {
			return fmt.Errorf("stream %s: the server does not keep one message per subject", cfg.Name)
		}
	}
	for _, cfg := range buckets(b.cfg.Replicas) {
		if _, err := b.js.CreateOrUpdateKeyValue(ctx, cfg); err != nil && !errors.Is(err, jetstream.ErrBucketExists) {
			return fmt.Errorf("bucket %s: %w", cfg.Bucket, err)
		}
	}
	return nil
}
