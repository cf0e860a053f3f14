package carriersim

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const patience = 20 * time.Second

// inbox is a gateway that remembers what it got.
type inbox struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex
	got     []*http.Request
	status  []int // of the next replies; then 200
	changed chan struct{}
}

func newInbox(t testing.TB) *inbox {
	in := &inbox{t: t, changed: make(chan struct{})}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in.mu.Lock()
		in.got = append(in.got, r)
		close(in.changed)
		in.changed = make(chan struct{})
		status := http.StatusOK
		if len(in.status) > 0 {
			status, in.status = in.status[0], in.status[1:]
		}
		in.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(in.Close)
	return in
}

// await returns the paths of the first n requests.
func (in *inbox) await(n int) (paths []string) {
	in.t.Helper()
	limit := time.After(patience)
	for {
		in.mu.Lock()
		got, changed := slices.Clone(in.got), in.changed
		in.mu.Unlock()
		if len(got) >= n {
			for _, r := range got {
				paths = append(paths, strings.TrimPrefix(r.URL.Path, "/"))
			}
			return paths
		}
		select {
		case <-changed:
		case <-limit:
			in.t.Fatalf("%d requests, want %d", len(got), n)
		}
	}
}

func newTestExchange(t testing.TB) *Exchange {
	x := NewExchange("test", []string{"+1"})
	t.Cleanup(func() { x.Close() })
	return x
}

func newTestLeg(t testing.TB, x *Exchange, p Person) *Leg {
	t.Helper()
	l, err := x.NewLeg(Spec{ID: "leg", From: "+2", To: "+1", Person: p})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func hook(l *Leg, base, name string) *Webhook {
	w := &Webhook{
		Kind: KindStatus, Event: name, Method: http.MethodPost, URL: base + "/" + name, Body: []byte("a=b"),
		SignedBy: []string{"X-Signature"}, Sign: func(h http.Header) { h.Set("X-Signature", "c2lnbmF0dXJl") },
	}
	if l != nil {
		w.Call = l.Call
	}
	return w
}

func finish(l *Leg) {
	l.End("done")
	l.Finish()
}

func TestNotifyKeepsOrder(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	l := newTestLeg(t, x, Person{})
	for _, name := range []string{"a", "b", "c", "d"} {
		l.Notify(hook(l, in.URL, name))
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, in.await(4)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := l.Await(t.Context(), "webhook status d -> 200"); err != nil {
		t.Error(err)
	}
}

func TestReorder(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	x.Faults().Webhooks(WebhookFault{Reorder: true, Match: func(w *Webhook) bool { return w.Event == "b" || w.Event == "d" }})
	l := newTestLeg(t, x, Person{})
	for _, name := range []string{"a", "b", "c", "d"} {
		l.Notify(hook(l, in.URL, name))
	}
	in.await(3)
	finish(l) // d has no successor: it comes at the latest now
	if diff := cmp.Diff([]string{"a", "c", "b", "d"}, in.await(4)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	l.Notify(hook(l, in.URL, "d")) // and nothing is held back after the end
	in.await(5)
}

func TestDelayIsOvertaken(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	x.Faults().Webhooks(WebhookFault{Delay: time.Hour, When: When{Times: 1}})
	l := newTestLeg(t, x, Person{})
	l.Notify(hook(l, in.URL, "a"))
	l.Notify(hook(l, in.URL, "b"))
	if diff := cmp.Diff([]string{"b"}, in.await(1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDuplicates(t *testing.T) {
	x, in, second := newTestExchange(t), newInbox(t), newInbox(t)
	struck := x.Faults().Webhooks(WebhookFault{Copies: 4, Bases: []string{in.URL, second.URL}, When: When{Skip: 1, Times: 1}})
	for _, name := range []string{"a", "b", "c"} {
		reply, err := x.Send(t.Context(), hook(nil, in.URL, name))
		if err != nil || !reply.OK() {
			t.Fatalf("%v %v", reply, err)
		}
	}
	got := in.await(5)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"a", "b", "b", "b", "c"}, got); diff != "" {
		t.Errorf("first server (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b", "b"}, second.await(2)); diff != "" {
		t.Errorf("second server (-want +got):\n%s", diff)
	}
	second.mu.Lock()
	defer second.mu.Unlock()
	if host := second.got[0].Host; "http://"+host != in.URL {
		t.Errorf("the copy names host %s", host)
	}
	if struck.Count() != 1 {
		t.Errorf("struck %d times", struck.Count())
	}
}

func TestDrop(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	x.Faults().Webhooks(WebhookFault{Drop: true, When: When{Times: 1}})
	l := newTestLeg(t, x, Person{})
	if _, err := x.Send(t.Context(), hook(l, in.URL, "a")); !errors.Is(err, ErrConnect) {
		t.Errorf("error %v", err)
	}
	if _, err := x.Send(t.Context(), hook(l, in.URL, "b")); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"b"}, in.await(1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !l.Saw("webhook status a -> dropped") {
		t.Errorf("timeline:\n%s", l)
	}
}

func TestSignatureFaults(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	send := func(f WebhookFault) string {
		t.Helper()
		x.Faults().Clear()
		x.Faults().Webhooks(f)
		if _, err := x.Send(t.Context(), hook(nil, in.URL, "a")); err != nil {
			t.Fatal(err)
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		return in.got[len(in.got)-1].Header.Get("X-Signature")
	}
	const right = "c2lnbmF0dXJl"
	if got := send(WebhookFault{}); got != right {
		t.Errorf("signature %q", got)
	}
	if got := send(WebhookFault{Unsigned: true}); got != "" {
		t.Errorf("unsigned: %q", got)
	}
	if got := send(WebhookFault{Corrupt: true}); got == right || len(got) != len(right) {
		t.Errorf("corrupt: %q", got)
	}
}

// TestUnsignedOnce is a carrier that forgets to sign, and signs when it is asked
// to try again.
func TestUnsignedOnce(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	in.status = []int{503}
	x.Faults().Webhooks(WebhookFault{Unsigned: true})
	w := hook(nil, in.URL, "a")
	w.Policy = Policy{Retries: 1, Retry: RetryOn("5xx")}
	if _, err := x.Send(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	in.await(2)
	in.mu.Lock()
	defer in.mu.Unlock()
	if first, second := in.got[0].Header.Get("X-Signature"), in.got[1].Header.Get("X-Signature"); first != "" || second == "" {
		t.Errorf("signatures %q and %q", first, second)
	}
}

func TestCorruptAlwaysChanges(t *testing.T) {
	for _, s := range []string{"", "=", "a", "zz", "ff0", "Bearer eyJ.eyJ.sig", "////", "0a1B+/==", "++a"} {
		if corrupt(s) == s {
			t.Errorf("%q is the same", s)
		}
	}
}

func TestCutReply(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	x.Faults().Webhooks(WebhookFault{CutReply: true, When: When{Times: 1}})
	w := hook(nil, in.URL, "a")
	w.Policy = Policy{Retries: 1, Retry: RetryOn("rt")}
	if _, err := x.Send(t.Context(), w); !errors.Is(err, ErrNoReply) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"a", "a"}, in.await(2)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRate(t *testing.T) {
	count := func(seed uint64) (struck []bool) {
		f := newFaults()
		f.Seed(seed)
		rule := f.Webhooks(WebhookFault{Drop: true, When: When{Rate: 0.3}})
		before := 0
		for range 1000 {
			f.webhook(&Webhook{})
			struck = append(struck, rule.Count() > before)
			before = rule.Count()
		}
		if before < 200 || before > 400 {
			t.Errorf("seed %d struck %d of 1000", seed, before)
		}
		return struck
	}
	if !slices.Equal(count(7), count(7)) {
		t.Error("the same seed strikes elsewhere")
	}
	if slices.Equal(count(7), count(8)) {
		t.Error("another seed strikes at the same places")
	}
}

func TestRetryWhenNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + listener.Addr().String()
	listener.Close()
	x := newTestExchange(t)
	l := newTestLeg(t, x, Person{})
	w := hook(l, dead, "a")
	retries := 0
	w.Policy = Policy{Connect: time.Second, Retries: 2, Retry: RetryOn("ct"), Backoff: func(n int) time.Duration { retries = n; return 0 }}
	if _, err := x.Send(t.Context(), w); !errors.Is(err, ErrConnect) {
		t.Errorf("error %v", err)
	}
	if n := strings.Count(l.String(), "webhook status a"); n != 3 || retries != 2 {
		t.Errorf("%d tries, %d retries", n, retries)
	}
}

func TestRetryOnStatus(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	in.status = []int{503, 500, 204}
	w := hook(nil, in.URL, "a")
	w.Policy = Policy{Retries: 5, Retry: RetryOn("5xx")}
	if reply, err := x.Send(t.Context(), w); err != nil || reply.Status != 204 {
		t.Errorf("%v %v", reply, err)
	}
	in.await(3)
}

func TestReadTimeout(t *testing.T) {
	x := newTestExchange(t)
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	w := hook(nil, slow.URL, "a")
	w.Policy = Policy{Read: 50 * time.Millisecond}
	if _, err := x.Send(t.Context(), w); !errors.Is(err, ErrNoReply) {
		t.Errorf("error %v", err)
	}
	w.Policy = Policy{Total: 50 * time.Millisecond}
	if _, err := x.Send(t.Context(), w); !errors.Is(err, ErrNoReply) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestReach(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	x.Reach("https://hooks.example", in.URL)
	if _, err := x.Send(t.Context(), hook(nil, "https://hooks.example:8443", "a")); err == nil {
		t.Error("another port of that host was reached")
	}
	if _, err := x.Send(t.Context(), hook(nil, "https://hooks.example", "b")); err != nil {
		t.Fatal(err)
	}
	in.await(1)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.got[0].Host != "hooks.example" {
		t.Errorf("host %s", in.got[0].Host)
	}
}

// TestCompose moves to another path at the second try.
func TestCompose(t *testing.T) {
	x, in := newTestExchange(t), newInbox(t)
	in.status = []int{http.StatusInternalServerError}
	w := hook(nil, in.URL, "a")
	w.Policy = Policy{Retries: 1, Retry: RetryOn("5xx")}
	w.Compose = func(try int, h http.Header) (string, []byte) {
		h.Set("X-Try", strconv.Itoa(try))
		return in.URL + "/try" + strconv.Itoa(try), []byte("body")
	}
	if reply, err := x.Send(t.Context(), w); err != nil || !reply.OK() {
		t.Fatalf("%v %v", reply, err)
	}
	if diff := cmp.Diff([]string{"try1", "try2"}, in.await(2)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	last := in.got[1]
	if last.Header.Get("X-Try") != "2" || last.ContentLength != 4 || last.Header.Get("X-Signature") == "" || w.Header.Get("X-Try") != "" {
		t.Errorf("headers %v, length %d", last.Header, last.ContentLength)
	}
}
