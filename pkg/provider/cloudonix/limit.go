package cloudonix

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// A domain takes ten requests in ten seconds, whatever they are about, and
// answers others with 429. A window of the last ten keeps that to the letter; a
// bucket of ten that fills up by one a second would let nearly twenty through.
const (
	perWindow = 10
	reserved  = 2 // of them are for hang-ups alone
	// window is longer by as much as requests may differ in how long they take
	// to arrive.
	window = 10*time.Second + 250*time.Millisecond
	// afterRefusal is how long to hold back after a 429: somebody else uses the
	// domain, too.
	afterRefusal = time.Second
	// replyIn is what must be left of a deadline for the request itself. A dial
	// that is written too late would end in doubt.
	replyIn = 3 * time.Second
)

// urgency orders the requests that wait.
type urgency int

const (
	idle   urgency = iota // questions and set-up
	prompt                // somebody waits on the line
	urgent                // hang-ups
)

// limiter lets the requests for one domain through, the most urgent first.
type limiter struct {
	mu     sync.Mutex
	sent   [perWindow]time.Time // when the last ones were let through, in a ring
	next   int                  // in the ring
	until  time.Time            // nothing is let through before
	queue  []*waiter            // by urgency, then in the order of arrival
	waking *time.Timer
}

type waiter struct {
	urgency urgency
	turn    chan struct{} // closed when it may go
}

// limiters holds one limiter for each domain at each address of the API: the
// limit is the domain's, however many trunks use it.
var limiters = struct {
	sync.Mutex
	of map[string]*limiter
}{of: map[string]*limiter{}}

func limiterOf(base, domain string) *limiter {
	limiters.Lock()
	defer limiters.Unlock()
	key := base + " " + domain
	l := limiters.of[key]
	if l == nil {
		l = &limiter{}
		limiters.of[key] = l
	}
	return l
}

// take waits for a turn, as long as ctx leaves time for the request. Its error
// is a proof that nothing was written.
func (l *limiter) take(ctx context.Context, u urgency) error {
	w := l.join(u)
	select {
	case <-w.turn:
		return nil
	default:
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-replyIn))
		defer cancel()
	}
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
		l.leave(w)
		return &provider.Error{Kind: provider.KindRateLimited, Err: fmt.Errorf("not sent, as the domain takes %d requests in 10 seconds: %w", perWindow, ctx.Err())}
	}
}

func (l *limiter) join(u urgency) *waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &waiter{u, make(chan struct{})}
	at := slices.IndexFunc(l.queue, func(other *waiter) bool { return other.urgency < u })
	if at < 0 {
		at = len(l.queue)
	}
	l.queue = slices.Insert(l.queue, at, w)
	l.pass()
	return w
}

func (l *limiter) leave(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = slices.DeleteFunc(l.queue, func(other *waiter) bool { return other == w })
	l.pass()
}

// hold lets nothing through for a while.
func (l *limiter) hold(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = time.Now().Add(d)
}

// pass lets through whom it may. Where the first may not, nobody may: the
// others are less urgent.
func (l *limiter) pass() {
	for len(l.queue) > 0 {
		now := time.Now()
		if wait := l.free(l.queue[0].urgency).Sub(now); wait > 0 {
			l.wake(wait)
			return
		}
		l.sent[l.next] = now
		l.next = (l.next + 1) % perWindow
		close(l.queue[0].turn)
		l.queue = l.queue[1:]
	}
}

// free is when a request may go: when the one that is as many before it as a
// window holds is out of the window.
func (l *limiter) free(u urgency) time.Time {
	room := perWindow
	if u < urgent {
		room -= reserved
	}
	at := l.until
	if before := l.sent[(l.next+perWindow-room)%perWindow]; !before.IsZero() && before.Add(window).After(at) {
		at = before.Add(window)
	}
	return at
}

// wake looks at the queue again after a while.
func (l *limiter) wake(after time.Duration) {
	if l.waking != nil {
		l.waking.Reset(after)
		return
	}
	l.waking = time.AfterFunc(after, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pass()
	})
}
