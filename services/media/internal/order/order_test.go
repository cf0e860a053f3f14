package order

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	_ "github.com/trunkline-io/trunkline/pkg/provider/ari"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/media/internal/lookup"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

const (
	org    = "default"
	callID = "c1"
	leg    = "1795342530.43"
)

// newDesk is a desk of a node that knows one live call. Its orders are handed
// to it by the test, which so decides how old they are.
func newDesk(t *testing.T) *Desk {
	t.Helper()
	b := bustest.New(t)
	keys, err := trunk.NewKeys(strings.Repeat("k", trunk.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := keys.SealSecrets(trunk.Trunk{Org: org, Name: "pbx", Provider: "ari", Config: map[string]any{
		"ari_url": "http://127.0.0.1:1", "username": "u", "password": "p",
	}}, trunk.Trunk{})
	if err != nil {
		t.Fatal(err)
	}
	for bucket, record := range map[string]any{
		subject.BucketTrunks: sealed, subject.BucketApplications: trunk.Application{Org: org, Name: "app"},
	} {
		k, err := b.Bucket(t.Context(), bucket)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		key := subject.ApplicationKey(org, "app")
		if bucket == subject.BucketTrunks {
			key = subject.TrunkKey(org, "pbx")
		}
		if err := k.Put(t.Context(), key, doc); err != nil {
			t.Fatal(err)
		}
	}
	cache := trunk.NewCache(keys, bustest.Log(t))
	ctx, stop := context.WithCancel(t.Context())
	loaded, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- cache.Watch(ctx, b, func() { close(loaded) }) }()
	t.Cleanup(func() {
		stop()
		<-done
	})
	<-loaded
	record(t, b, leg, event.CallReceived{Application: "app"})
	return New(Config{
		Book: &lookup.Book{Cache: cache, Bus: b}, Sockets: socket.NewServer(socket.Defaults, 1, bustest.Log(t)),
		Log: bustest.Log(t), Sessions: t.Context(),
	}, prometheus.NewRegistry())
}

func record(t *testing.T, b *bus.Bus, leg string, f event.Fact) {
	t.Helper()
	e := event.New("/test", org, callID, f)
	e.Trunk, e.Leg = "pbx", leg
	if _, _, err := b.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// orderOf is an order of an age.
func orderOf(t *testing.T, id string, age time.Duration) *bus.Order {
	t.Helper()
	c := command.MediaConnect{Trunk: "pbx", Leg: leg, StreamID: "S1", URL: "ws://127.0.0.1:1/media/secret-id"}
	doc, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return &bus.Order{ID: id, Org: org, Call: callID, Type: c.Type(), Data: doc, Published: time.Now().Add(-age), Delivery: 1}
}

func TestOrderIsGoodForFiveSeconds(t *testing.T) {
	d := newDesk(t)
	for id, c := range map[string]struct {
		age  time.Duration
		code string // "" for again
	}{
		"young":   {age: 0},
		"old":     {age: patience - pause/2, code: "unreachable"}, // the reason of the last try
		"expired": {age: patience + time.Second, code: "expired"},
	} {
		t.Run(id, func(t *testing.T) {
			err := d.take(t.Context(), orderOf(t, id, c.age))
			if c.code == "" {
				var again *bus.Again
				if !errors.As(err, &again) || again.After != pause {
					t.Errorf("got %v, want it again in %s", err, pause)
				}
				return
			}
			var refused *command.Error
			if !errors.As(err, &refused) || refused.Code != c.code {
				t.Fatalf("got %v, want a refusal for %s", err, c.code)
			}
			var again *bus.Again
			if errors.As(err, &again) {
				t.Errorf("%v comes again", err)
			}
			e, err := d.Book.Bus.Fact(t.Context(), org, callID, event.CommandFailed{}.Type(), id)
			if err != nil {
				t.Fatal(err)
			}
			want := event.CommandFailed{ID: id, Command: "media.connect", Code: c.code, Message: refused.Message}
			if diff := cmp.Diff(want, e.Data); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
			if strings.Contains(refused.Message, "secret-id") {
				t.Errorf("the refusal gives the socket away: %s", refused.Message)
			}
		})
	}
	if n := d.Sockets.Live(); n != 0 {
		t.Errorf("%d slots are taken", n)
	}
	if len(d.open) != 0 {
		t.Errorf("sockets count as open: %v", d.open)
	}
}

// TestAcknowledgementOfAnotherNodeIsLost: the stream runs there.
func TestAcknowledgementOfAnotherNodeIsLost(t *testing.T) {
	d := newDesk(t)
	record(t, d.Book.Bus, leg, event.StreamStarted{StreamID: "S1", Node: "node-2", InFormat: "ulaw/8000", OutFormat: "ulaw/8000"})
	if err := d.take(t.Context(), orderOf(t, "1", 2*patience)); err != nil {
		t.Errorf("got %v, want that it is done", err)
	}
}

func TestFullNodeLeavesTheOrderToOthers(t *testing.T) {
	d := newDesk(t)
	slot, err := d.Sockets.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	for _, why := range []error{socket.ErrFull, socket.ErrDraining} {
		var again *bus.Again
		if err := d.take(t.Context(), orderOf(t, "1", 0)); !errors.As(err, &again) || again.After != pause || !strings.Contains(err.Error(), why.Error()) {
			t.Errorf("got %v, want it again for %q", err, why)
		}
		d.Sockets.Drain()
	}
	slot.Free()
}
