package cloudonix

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

func taken(t *testing.T, l *limiter, u urgency, times int) {
	t.Helper()
	for range times {
		if err := l.take(context.Background(), u); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHangupsHaveTheirOwnRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, start := &limiter{}, time.Now()
		taken(t, l, prompt, perWindow-reserved)
		taken(t, l, urgent, reserved)
		if waited := time.Since(start); waited != 0 {
			t.Fatalf("the first ten waited %s", waited)
		}
		taken(t, l, urgent, 1)
		if waited := time.Since(start); waited != window {
			t.Errorf("the eleventh waited %s, want %s", waited, window)
		}
	})
}

func TestHangupsOvertakeDialsAndDialsQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &limiter{}
		taken(t, l, urgent, perWindow)
		question, dial, hangup := l.join(idle), l.join(prompt), l.join(urgent)
		secondDial, secondHangup := l.join(prompt), l.join(urgent)
		l.mu.Lock()
		if !slices.Equal(l.queue, []*waiter{hangup, secondHangup, dial, secondDial, question}) {
			t.Errorf("the queue is out of order: %v", l.queue)
		}
		l.mu.Unlock()
		time.Sleep(window)
		synctest.Wait()
		for _, w := range []*waiter{question, dial, hangup, secondDial, secondHangup} {
			select {
			case <-w.turn:
			default:
				t.Errorf("after a window, one of urgency %d still waits", w.urgency)
			}
		}
	})
}

// TestNeverMoreThanTheCarrierTakes counts what arrives within any ten seconds.
func TestNeverMoreThanTheCarrierTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &limiter{}
		var lock sync.Mutex
		var at []time.Time
		var wait sync.WaitGroup
		for i := range 60 {
			time.Sleep(time.Duration(i*i%7) * 100 * time.Millisecond)
			wait.Go(func() {
				if err := l.take(context.Background(), urgency(i%3)); err != nil {
					t.Error(err)
				}
				lock.Lock()
				defer lock.Unlock()
				at = append(at, time.Now())
			})
		}
		wait.Wait()
		for i := perWindow; i < len(at); i++ {
			if gap := at[i].Sub(at[i-perWindow]); gap < 10*time.Second {
				t.Errorf("requests %d to %d went within %s", i-perWindow, i, gap)
			}
		}
		if took := at[len(at)-1].Sub(at[0]); took > 8*window {
			t.Errorf("60 requests took %s", took)
		}
	})
}

func TestPatienceLeavesTimeForTheReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &limiter{}
		taken(t, l, urgent, perWindow)
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		err := l.take(ctx, urgent)
		if provider.KindOf(err) != provider.KindRateLimited || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want rate limited and deadline exceeded", err)
		}
		if waited := time.Since(start); waited != 8*time.Second-replyIn {
			t.Errorf("gave up after %s", waited)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.queue) != 0 {
			t.Error("who gave up is still in the queue")
		}
	})
}

func TestRefusalHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, start := &limiter{}, time.Now()
		l.hold(afterRefusal)
		taken(t, l, urgent, 1)
		if waited := time.Since(start); waited != afterRefusal {
			t.Errorf("waited %s, want %s", waited, afterRefusal)
		}
	})
}

func TestDialThatCannotBeSentInTimeIsNeverWritten(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked.Add(1)
		_, _ = io.WriteString(w, `{"token":"tok1"}`)
	}))
	defer srv.Close()
	// The domain is the same, however it is written and whichever trunk it is of.
	first := testDriver(t, provider.Config{APIURL: srv.URL, Values: map[string]any{fieldDomain: "acme"}})
	second := testDriver(t, provider.Config{APIURL: srv.URL + "/", Values: map[string]any{fieldDomain: "ACME.cloudonix.net", fieldOutboundTrunk: "b"}})
	req := provider.DialRequest{CallID: "01JABC", To: "+15550100177", From: "+15550100101", RingSeconds: 30, URL: func(provider.Hook) string { return "https://h.example" }}
	for range perWindow - reserved {
		if _, err := first.Dial(context.Background(), req); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := second.Dial(ctx, req); provider.KindOf(err) != provider.KindRateLimited {
		t.Errorf("%v, want rate limited", err)
	}
	if n := asked.Load(); n != perWindow-reserved {
		t.Errorf("the carrier was asked %d times, want %d", n, perWindow-reserved)
	}
	if err := second.Hangup(ctx, provider.Leg{ID: "tok1"}); err != nil {
		t.Errorf("hang-up: %v", err)
	}
}

func TestRefusedRequestHoldsTheNextBack(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }))
	defer srv.Close()
	d := testDriver(t, provider.Config{APIURL: srv.URL})
	if err := d.TestCredentials(context.Background()); provider.KindOf(err) != provider.KindRateLimited {
		t.Fatalf("%v, want rate limited", err)
	}
	if wait := time.Until(d.api.limit.free(urgent)); wait <= 0 {
		t.Error("nothing is held back")
	}
}
