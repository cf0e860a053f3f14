package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Bucket is one key-value bucket.
type Bucket struct {
	name string
	kv   jetstream.KeyValue
}

// Bucket opens a bucket by name; see package subject for the names.
func (b *Bus) Bucket(ctx context.Context, name string) (*Bucket, error) {
	kv, err := b.js.KeyValue(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", name, err)
	}
	return &Bucket{name: name, kv: kv}, nil
}

// Get returns a value and its revision, or ErrNotFound.
func (k *Bucket) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	entry, err := k.kv.Get(ctx, key)
	if err != nil {
		return nil, 0, k.wrap("get", key, err)
	}
	return entry.Value(), entry.Revision(), nil
}

// Put writes a value, whatever was there.
func (k *Bucket) Put(ctx context.Context, key string, value []byte) error {
	_, err := k.kv.Put(ctx, key, value)
	return k.wrap("put", key, err)
}

// Create writes a value where there is none, or returns ErrExists.
func (k *Bucket) Create(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	revision, err = k.kv.Create(ctx, key, value)
	return revision, k.wrap("create", key, err)
}

// Update writes a value over the given revision, or returns ErrChanged.
func (k *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	next, err := k.kv.Update(ctx, key, value, revision)
	if isCode(err, jetstream.JSErrCodeStreamWrongLastSequence) {
		err = ErrChanged
	}
	return next, k.wrap("update", key, err)
}

// Delete removes a key; one that does not exist is no error.
func (k *Bucket) Delete(ctx context.Context, key string) error {
	return k.wrap("delete", key, k.kv.Delete(ctx, key))
}

// Keys lists the keys that match a pattern.
func (k *Bucket) Keys(ctx context.Context, pattern string) ([]string, error) {
	lister, err := k.kv.ListKeysFiltered(ctx, pattern)
	if err != nil {
		return nil, k.wrap("list", pattern, err)
	}
	var keys []string
	for key := range lister.Keys() {
		keys = append(keys, key)
	}
	return keys, k.wrap("list", pattern, ctx.Err()) // it stops short when ctx ends, and does not tell
}

// Change is one write to a bucket.
type Change struct {
	Key      string
	Value    []byte // nil where the key was deleted
	Revision uint64
}

// Watch calls each with every value there is and then with every change, until
// ctx ends. loaded is called once, after the values there are.
func (k *Bucket) Watch(ctx context.Context, loaded func(), each func(Change)) error {
	w, err := k.kv.WatchAll(ctx)
	if err != nil {
		return k.wrap("watch", "*", err)
	}
	defer func() { _ = w.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case entry, ok := <-w.Updates():
			switch {
			case !ok:
				return ended(ctx, "watch "+k.name, errEnded)
			case entry == nil:
				loaded()
			case entry.Operation() == jetstream.KeyValuePut:
				each(Change{entry.Key(), entry.Value(), entry.Revision()})
			default:
				each(Change{entry.Key(), nil, entry.Revision()})
			}
		}
	}
}

func (k *Bucket) wrap(op, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted),
		op == "get" && errors.Is(err, jetstream.ErrInvalidKey): // what cannot be written is not there
		err = ErrNotFound
	case errors.Is(err, jetstream.ErrKeyExists):
		err = ErrExists
	}
	return fmt.Errorf("%s %s %s: %w", op, k.name, key, err)
}
