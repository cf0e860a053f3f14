package bus_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/command"
)

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

// TestStoppedWorkerGivesBackWhatItHasNotBegun holds that another worker need
// not wait for AckWait, which is an hour here.
func TestStoppedWorkerGivesBackWhatItHasNotBegun(t *testing.T) {
	b := bustest.New(t)
	const parallel, all = 8, 24
	q := bus.Queue{Name: "w", Types: []string{"call.hangup"}, Parallel: parallel, AckWait: time.Hour}
	for i := range all {
		if err := b.Send(t.Context(), "default", strconv.Itoa(i), command.CallHangup{}); err != nil {
			t.Fatal(err)
		}
	}
	var begun, rest atomic.Int32
	ctx, stop := context.WithCancel(t.Context())
	err := b.Work(ctx, q, func(context.Context, *bus.Order) error {
		if begun.Add(1) == parallel { // and more are fetched by now
			stop()
		}
		<-ctx.Done()
		return b.Ping(t.Context()) // time for the worker to see it too
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop = context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	err = b.Work(ctx, q, func(context.Context, *bus.Order) error {
		if begun.Load()+rest.Add(1) == all {
			stop()
		}
		return nil
	})
	if got := begun.Load() + rest.Load(); err != nil || got != all {
		t.Errorf("%d orders were taken by one worker or the next, err %v; want all %d", got, err, all)
	}
}

// TestLostQueueEndsTheWork holds that a worker whose queue is gone does not
// look as if it worked.
func TestLostQueueEndsTheWork(t *testing.T) {
	b := bustest.New(t)
	worked := make(chan error, 1)
	go func() {
		worked <- b.Work(t.Context(), bus.Queue{Name: "w", Types: []string{"call.hangup"}, Parallel: 1, AckWait: time.Minute},
			func(context.Context, *bus.Order) error { return nil })
	}()
	if err := b.LoseQueue(t.Context(), "w"); err != nil {
		t.Fatal(err)
	}
	if err := <-worked; err == nil {
		t.Error("the work ended without an error")
	}
}

func TestDeadLettersFitAMessage(t *testing.T) {
	b := bustest.New(t)
	for _, code := range []string{"a", "b", "c", "d"} {
		if err := b.KeepWebhook(t.Context(), "default", "main", code, "not ours", make([]byte, 200<<10)); err != nil {
			t.Fatal(err)
		}
	}
	dead, err := b.DeadLetters(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var codes string
	for _, d := range dead {
		codes += d.Code
	}
	if codes != "cd" {
		t.Errorf("got %q, want the two newest, oldest first", codes)
	}
}
