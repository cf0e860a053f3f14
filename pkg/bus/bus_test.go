package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
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

func TestMisspeltOrderIsRefusedAtPublish(t *testing.T) {
	b := bustest.New(t)
	err := b.SendRaw(t.Context(), "default", "c1", "call.dail", []byte(`{}`))
	if !errors.Is(err, bus.ErrNoResponders) {
		t.Fatalf("got %v, want the order to be refused at publish", err)
	}
}

func TestWorkSettlesOrders(t *testing.T) {
	b := bustest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	for _, id := range []string{"done", "refused", "again"} {
		if err := b.Send(ctx, "default", id, command.CallHangup{}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	taken := map[string]int{}
	finished := make(chan error, 1)
	go func() {
		finished <- b.Work(ctx, bus.Queue{Name: "w", Types: []string{"call.hangup"}, Parallel: 4, AckWait: 10 * time.Second},
			func(_ context.Context, o *bus.Order) error {
				mu.Lock()
				defer mu.Unlock()
				taken[o.Call]++
				switch {
				case o.Call == "refused":
					return command.Refuse("no_such_call", "say what to do")
				case o.Call == "again" && o.Delivery < 3:
					return &bus.Again{After: time.Millisecond, Err: errors.New("not yet")}
				case o.Call == "again":
					cancel()
				}
				return nil
			})
	}()
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"done": 1, "refused": 1, "again": 3}, taken); diff != "" {
		t.Error(diff)
	}
	dead, err := b.DeadLetters(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []bus.Dead{{Subject: "trunkline.cmd.default.refused.call.hangup", Code: "no_such_call", Reason: "say what to do", Data: []byte("{}")}}
	if diff := cmp.Diff(want, dead); diff != "" {
		t.Error(diff)
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

func TestServiceErrorsReachTheAskerByCode(t *testing.T) {
	b := bustest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- b.Serve(ctx, "registry", "1.0.0", []bus.Endpoint{
			{Noun: "trunk", Verb: "get", Handle: func(_ context.Context, req []byte) (any, error) {
				var in struct{ Name string }
				if err := json.Unmarshal(req, &in); err != nil {
					return nil, err
				}
				switch in.Name {
				case "none":
					return nil, command.Refuse("not_found", "there is no\ntrunk")
				case "broken":
					return nil, errors.New("secret internals")
				}
				return map[string]string{"name": in.Name}, nil
			}},
		})
	}()
	var got map[string]string
	for {
		err := b.Ask(ctx, "registry", "trunk", "get", map[string]string{"name": "main"}, &got)
		if err == nil {
			break
		}
		if !errors.Is(err, bus.ErrNoResponders) {
			t.Fatal(err)
		}
	}
	if got["name"] != "main" {
		t.Errorf("got %v", got)
	}
	var refused *command.Error
	if err := b.Ask(ctx, "registry", "trunk", "get", map[string]string{"name": "none"}, nil); !errors.As(err, &refused) || refused.Code != "not_found" {
		t.Errorf("got %v, want code not_found", err)
	}
	if err := b.Ask(ctx, "registry", "trunk", "get", map[string]string{"name": "broken"}, nil); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without internals", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestOfferWithoutAgentsIsKnownAtOnce(t *testing.T) {
	b := bustest.New(t)
	if _, err := b.Offer(t.Context(), media.Offer{Org: "default", Application: "echo"}); !errors.Is(err, bus.ErrNoResponders) {
		t.Fatalf("got %v, want ErrNoResponders", err)
	}
}
