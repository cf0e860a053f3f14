package bus_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

func TestRecordKeepsTheFirstFact(t *testing.T) {
	b := bustest.New(t)
	ctx := t.Context()
	const racers = 8
	var wg sync.WaitGroup
	wins := make(chan string, racers)
	seen := make(chan string, racers)
	for range racers {
		wg.Go(func() {
			e := event.New("/test", "default", "c1", event.CallEnded{Status: call.Completed, Cause: call.CauseNormal})
			stored, won, err := b.Record(ctx, e)
			if err != nil {
				t.Error(err)
				return
			}
			if won {
				wins <- e.ID
			}
			seen <- stored.ID
		})
	}
	wg.Wait()
	close(wins)
	close(seen)
	winner := <-wins
	if winner == "" || len(wins) != 0 {
		t.Fatalf("%d more winners beside %q, want one alone", len(wins), winner)
	}
	for id := range seen {
		if id != winner {
			t.Errorf("a racer read back %s, want the winner %s", id, winner)
		}
	}
}

func TestRecordRecognisesItsOwnRepeat(t *testing.T) {
	b := bustest.New(t)
	e := event.New("/test", "default", "c1", event.CallDialing{Attempt: 1})
	for i := range 2 {
		if _, won, err := b.Record(t.Context(), e); err != nil || !won {
			t.Fatalf("try %d: won %v, err %v; want the same try to win again", i+1, won, err)
		}
	}
	other := event.New("/test", "default", "c1", event.CallDialing{Attempt: 1})
	if _, won, err := b.Record(t.Context(), other); err != nil || won {
		t.Fatalf("another try: won %v, err %v; want it refused", won, err)
	}
}

func TestStateAddsUpWhatTheLogHolds(t *testing.T) {
	b := bustest.New(t)
	ctx := t.Context()
	for _, f := range []event.Fact{
		event.CallRequested{To: "+14155550177", From: "+14155550101", Application: "echo", RingSeconds: 30},
		event.CallDialing{Attempt: 1},
		event.CallInitiated{CarrierRef: "ref"},
		event.CallAnswered{},
		event.CallRinging{}, // late
		event.DTMFReceived{ID: "1", Digit: "5"},
	} {
		e := event.New("/test", "default", "c1", f)
		e.Trunk, e.Provider, e.Leg = "main", "twilio", "CA1"
		if _, _, err := b.Record(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.State(ctx, "default", "c1")
	if err != nil {
		t.Fatal(err)
	}
	got := []any{s.Status, s.Direction, s.Leg, s.Ref, s.Attempt, s.Application, s.Trunk, s.End == nil}
	want := []any{call.Answered, call.Outbound, "CA1", "ref", 1, "echo", "main", true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := b.State(ctx, "default", "nobody"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("state of an unknown call: %v, want ErrNotFound", err)
	}
}

func TestTailTellsWhenItHasCaughtUp(t *testing.T) {
	b := bustest.New(t)
	for _, id := range []string{"a", "b"} {
		if _, _, err := b.Record(t.Context(), event.New("/test", "default", id, event.CallRinging{})); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	done := errors.New("done")
	err := b.Tail(t.Context(), bus.Span{Filters: []string{subject.Events("default", "")}}, func() {
		got = append(got, "caught up")
		if _, _, err := b.Record(t.Context(), event.New("/test", "default", "c", event.CallRinging{})); err != nil {
			t.Error(err)
		}
	}, func(e *event.Event) error {
		if got = append(got, e.Call); e.Call == "c" {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "caught up", "c"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBucketRevisions(t *testing.T) {
	b := bustest.New(t)
	ctx := t.Context()
	k, err := b.Bucket(ctx, subject.BucketTrunks)
	if err != nil {
		t.Fatal(err)
	}
	rev, err := k.Create(ctx, "default.main", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(ctx, "default.main", []byte("2")); !errors.Is(err, bus.ErrExists) {
		t.Errorf("create twice: %v, want ErrExists", err)
	}
	if _, err := k.Update(ctx, "default.main", []byte("2"), rev); err != nil {
		t.Error(err)
	}
	if _, err := k.Update(ctx, "default.main", []byte("3"), rev); !errors.Is(err, bus.ErrChanged) {
		t.Errorf("update of an old revision: %v, want ErrChanged", err)
	}
	if err := k.Delete(ctx, "default.main"); err != nil {
		t.Error(err)
	}
	if _, _, err := k.Get(ctx, "default.main"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("get after delete: %v, want ErrNotFound", err)
	}
}

func TestOfferWithoutAgentsIsKnownAtOnce(t *testing.T) {
	b := bustest.New(t)
	if _, err := b.Offer(t.Context(), media.Offer{Org: "default", Application: "echo"}); !errors.Is(err, bus.ErrNoResponders) {
		t.Fatalf("got %v, want ErrNoResponders", err)
	}
}

// TestClientLeavesStreamsAsTheyAre holds that a command line does not change
// how many copies the services keep.
func TestClientLeavesStreamsAsTheyAre(t *testing.T) {
	s := bustest.Server(t)
	ctx := t.Context()
	if _, err := bus.Connect(ctx, bus.Config{URL: s.ClientURL(), Client: true}, "client", bustest.Log(t)); err == nil || !strings.Contains(err.Error(), "no Trunkline has run") {
		t.Errorf("got %v, want a client to say that no Trunkline has run there", err)
	}
	bustest.Connect(t, s)
	c, err := bus.Connect(ctx, bus.Config{URL: s.ClientURL(), Client: true, Replicas: 3}, "client", bustest.Log(t)) // one server cannot keep three
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestKeyThatCannotBeIsNotFound(t *testing.T) {
	k, err := bustest.New(t).Bucket(t.Context(), subject.BucketTrunks)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.Get(t.Context(), "default.a b"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}
