// Package record keeps trunks, numbers and applications in their buckets and
// answers the requests that read and write them. It is the only writer.
package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/strict"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// Records is what is configured.
type Records struct {
	bus                           *bus.Bus
	links                         trunk.Links
	trunks, numbers, applications *bus.Bucket
}

// Open opens the buckets.
func Open(ctx context.Context, b *bus.Bus, links trunk.Links) (*Records, error) {
	r := &Records{bus: b, links: links}
	for name, bucket := range map[string]**bus.Bucket{
		subject.BucketTrunks: &r.trunks, subject.BucketNumbers: &r.numbers, subject.BucketApplications: &r.applications,
	} {
		opened, err := b.Bucket(ctx, name)
		if err != nil {
			return nil, err
		}
		*bucket = opened
	}
	return r, nil
}

// Endpoints are all requests about records.
func (r *Records) Endpoints() []bus.Endpoint {
	return []bus.Endpoint{
		{Noun: "provider", Verb: "list", Handle: func(context.Context, []byte) (any, error) { return Providers(), nil }},
		{Noun: "trunk", Verb: "put", Handle: with(r.putTrunk)},
		{Noun: "trunk", Verb: "get", Handle: with(r.getTrunk)},
		{Noun: "trunk", Verb: "list", Handle: with(r.listTrunks)},
		{Noun: "trunk", Verb: "delete", Handle: with(r.deleteTrunk)},
		{Noun: "trunk", Verb: "test", Handle: with(r.testTrunk)},
		{Noun: "trunk", Verb: "provision", Handle: with(r.provisionTrunk)},
		{Noun: "number", Verb: "put", Handle: with(r.putNumber)},
		{Noun: "number", Verb: "get", Handle: with(r.getNumber)},
		{Noun: "number", Verb: "list", Handle: with(r.listNumbers)},
		{Noun: "number", Verb: "delete", Handle: with(r.deleteNumber)},
		{Noun: "application", Verb: "put", Handle: with(r.putApplication)},
		{Noun: "application", Verb: "get", Handle: with(r.getApplication)},
		{Noun: "application", Verb: "list", Handle: with(r.listApplications)},
		{Noun: "application", Verb: "delete", Handle: with(r.deleteApplication)},
	}
}

// Name selects one record, or all of an org where Name is empty.
type Name struct {
	Org   string `json:"org"`
	Name  string `json:"name,omitempty"`
	Trunk string `json:"trunk,omitempty"` // of a number
}

// check refuses what would select more than one org or trunk.
func (q Name) check() error {
	if q.Trunk == "" {
		return checkIDs("org", q.Org)
	}
	return checkIDs("org", q.Org, "trunk", q.Trunk)
}

// with decodes a request strictly before it is handled.
func with[Q any](handle func(context.Context, Q) (any, error)) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, request []byte) (any, error) {
		var q Q
		if err := strict.Decode(request, &q); err != nil {
			return nil, command.Refuse("invalid_request", "%s", err)
		}
		return handle(ctx, q)
	}
}

// checkIDs refuses names that cannot stand in a subject.
func checkIDs(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := call.CheckID(pairs[i], pairs[i+1]); err != nil {
			return command.Refuse("invalid_name", "%s", err)
		}
	}
	return nil
}

func get[R any](ctx context.Context, k *bus.Bucket, key, what string) (R, uint64, error) {
	var rec R
	doc, revision, err := k.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) {
		return rec, 0, command.Refuse("not_found", "there is no %s", what)
	}
	if err != nil {
		return rec, 0, err
	}
	if err := json.Unmarshal(doc, &rec); err != nil {
		return rec, 0, fmt.Errorf("read %s: %w", what, err)
	}
	return rec, revision, nil
}

// put writes a record over the revision that was read, 0 for a new one, and
// returns its new revision.
func put(ctx context.Context, k *bus.Bucket, key, what string, rec any, revision uint64) (uint64, error) {
	doc, err := json.Marshal(rec)
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", what, err)
	}
	if revision == 0 {
		revision, err = k.Create(ctx, key, doc)
	} else {
		revision, err = k.Update(ctx, key, doc, revision)
	}
	if errors.Is(err, bus.ErrExists) || errors.Is(err, bus.ErrChanged) {
		err = command.Refuse("conflict", "%s was changed by somebody else in between; read it and try again", what)
	}
	return revision, err
}

func list[R any](ctx context.Context, k *bus.Bucket, pattern string) ([]R, error) {
	keys, err := k.Keys(ctx, pattern)
	if err != nil {
		return nil, err
	}
	recs := []R{}
	for _, key := range keys {
		rec, _, err := get[R](ctx, k, key, key)
		var gone *command.Error
		if errors.As(err, &gone) {
			continue // deleted since the keys were listed
		}
		if err != nil {
			return nil, err
		}
		recs = append(recs, rec)
	}
	return recs, nil
}

func isNotFound(err error) bool {
	var refused *command.Error
	return errors.As(err, &refused) && refused.Code == "not_found"
}
