// Package event holds the facts that Trunkline records: one Go type per fact,
// in a file per noun, and the CloudEvents 1.0 envelope that carries them.
//
// A fact's type is its name everywhere: "call.answered" is the tail of its
// subject, the CloudEvents type, the file schemas/event/call.answered.json and
// the Go type CallAnswered.
package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// MaxRaw bounds what is kept of a carrier's payload, in bytes.
const MaxRaw = 16 << 10

// Fact is the data of an event.
type Fact interface {
	// Type is the fact's name, noun.verb.
	Type() string
	// Key tells facts of one type apart within a call, as the last token of
	// the subject. It is empty where a call has the fact at most once.
	Key() string
}

// Event is one fact of one call, as it is recorded. Its JSON form is a
// CloudEvents 1.0 structured-mode document.
type Event struct {
	ID       string    // random: of this very try to record the fact
	Source   string    // who recorded it: /ingress, /callctl, /media
	Time     time.Time // when it happened, as far as the carrier tells
	Org      string
	Call     string // CloudEvents subject
	Trunk    string
	Provider string
	Leg      string // the carrier's id of the leg, "" where there is none yet
	Data     Fact
	Raw      string // the carrier's payload, cut to MaxRaw
}

// New returns an event of now with a fresh id.
func New(source, org, callID string, data Fact) *Event {
	return &Event{ID: ulid.Make().String(), Source: source, Time: time.Now().UTC(), Org: org, Call: callID, Data: data}
}

// envelope is the wire form. Extension attributes are lower-case letters and
// digits only, as CloudEvents 1.0 (section "Attribute Naming Convention") asks.
type envelope struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject"`
	Time        time.Time       `json:"time"`
	ContentType string          `json:"datacontenttype"`
	Org         string          `json:"org"`
	Trunk       string          `json:"trunk,omitempty"`
	Provider    string          `json:"provider,omitempty"`
	Leg         string          `json:"legid,omitempty"`
	Key         string          `json:"key,omitempty"`
	Data        json.RawMessage `json:"data"`
	Raw         string          `json:"raw,omitempty"`
}

// MarshalJSON writes the CloudEvents document.
func (e *Event) MarshalJSON() ([]byte, error) {
	if e.Data == nil {
		return nil, fmt.Errorf("event %s of call %s has no data", e.ID, e.Call)
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Data.Type(), err)
	}
	return json.Marshal(envelope{
		SpecVersion: "1.0", ID: e.ID, Source: e.Source, Type: e.Data.Type(), Subject: e.Call, Time: e.Time.UTC(),
		ContentType: "application/json", Org: e.Org, Trunk: e.Trunk, Provider: e.Provider, Leg: e.Leg,
		Key: e.Data.Key(), Data: data, Raw: CutRaw(e.Raw),
	})
}

// UnmarshalJSON reads a CloudEvents document. Unknown fields are passed over,
// so that old readers survive new writers; an unknown type becomes Unknown.
func (e *Event) UnmarshalJSON(doc []byte) error {
	var env envelope
	if err := json.Unmarshal(doc, &env); err != nil {
		return err
	}
	if env.SpecVersion != "1.0" {
		return fmt.Errorf("specversion %q: want 1.0", env.SpecVersion)
	}
	data, err := decodeFact(env.Type, env.Key, env.Data)
	if err != nil {
		return err
	}
	*e = Event{ID: env.ID, Source: env.Source, Time: env.Time, Org: env.Org, Call: env.Subject, Trunk: env.Trunk,
		Provider: env.Provider, Leg: env.Leg, Data: data, Raw: env.Raw}
	return nil
}

// Unknown is a fact whose type this build does not know.
type Unknown struct {
	Name, ID string
	Fields   json.RawMessage
}

// Type is the name found in the document.
func (u Unknown) Type() string { return u.Name }

// Key is the key found in the document.
func (u Unknown) Key() string { return u.ID }

// MarshalJSON gives the data back as it was read; null where there was none.
func (u Unknown) MarshalJSON() ([]byte, error) {
	if len(u.Fields) == 0 {
		return []byte("null"), nil
	}
	return u.Fields, nil
}

// Types returns the names of all facts, sorted.
func Types() []string { return slices.Sorted(maps.Keys(decoders)) }

// Zero returns an empty fact of a type, nil when the type is unknown.
func Zero(name string) Fact {
	if d, ok := decoders[name]; ok {
		return d.zero
	}
	return nil
}

type decoder struct {
	zero   Fact
	decode func([]byte) (Fact, error)
}

var decoders = map[string]decoder{}

func register[F Fact]() struct{} {
	var zero F
	decoders[zero.Type()] = decoder{zero, func(doc []byte) (Fact, error) {
		var f F
		err := json.Unmarshal(doc, &f)
		return f, err
	}}
	return struct{}{}
}

func decodeFact(name, key string, doc []byte) (Fact, error) {
	d, ok := decoders[name]
	if !ok {
		return Unknown{Name: name, ID: key, Fields: bytes.Clone(doc)}, nil
	}
	f, err := d.decode(doc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// CutRaw shortens a payload to MaxRaw bytes without splitting a character.
func CutRaw(raw string) string {
	if len(raw) <= MaxRaw {
		return raw
	}
	cut := MaxRaw
	for i := range utf8.UTFMax { // what is no UTF-8 at all is cut anywhere
		if utf8.RuneStart(raw[MaxRaw-i]) {
			cut = MaxRaw - i
			break
		}
	}
	return raw[:cut]
}
