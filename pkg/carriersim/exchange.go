package carriersim

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// KeepAudio is how much of a call is recorded per direction, from its start,
// unless an exchange is told otherwise: 1 MB a minute and direction at 8 kHz.
const KeepAudio = 5 * time.Minute

// Exchange is what all personas run on: numbers and people, calls, a clock, a
// REST server, a client for webhooks. Make one with NewExchange, and Close it.
//
// A persona embeds it, adds Config and Ring, and gives Serve the carrier's REST
// API. A call's life in a persona is one function in a goroutine of Go: NewLeg;
// RingPhone for a call to a person, GiveUpAfterRing for a call of one; Answer;
// then whatever the gateway wants, with Play, Connect, OpenSocket and Send, for
// as long as the leg's Context lasts; and at last End, Notify with the last
// callback, and Finish. Notify tells the gateway of progress meanwhile.
type Exchange struct {
	name      string
	faults    *Faults
	clock     *clock
	client    *http.Client
	keepAudio time.Duration
	url       string
	server    *http.Server

	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	numbers []string
	people  map[string]Person
	calls   []*Call
	placed  chan struct{} // closed and replaced at each new call
	reach   []reach
}

type reach struct{ public, actual string }

// NewExchange returns a running exchange with a provider's name and the
// account's numbers, as the carrier writes them.
func NewExchange(name string, numbers []string) *Exchange {
	x := &Exchange{
		name: name, numbers: append([]string(nil), numbers...), keepAudio: KeepAudio,
		faults: newFaults(), clock: newClock(), people: map[string]Person{}, placed: make(chan struct{}),
	}
	x.ctx, x.stop = context.WithCancel(context.Background())
	x.client = &http.Client{
		Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64},
		// A carrier does not follow redirects of HTTP: they are a bad answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	x.Go(x.clock.run)
	return x
}

// connectLimit is the key of a context's value: how long a connect may take.
type connectLimit struct{}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	limit, _ := ctx.Value(connectLimit{}).(time.Duration)
	return (&net.Dialer{Timeout: limit}).DialContext(ctx, network, address)
}

// Go runs f and makes Close wait for it. The context ends with the exchange;
// after that f is not started.
func (x *Exchange) Go(f func(ctx context.Context)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.closed {
		x.wg.Go(func() { f(x.ctx) })
	}
}

// Close hangs everything up and waits for all of it.
func (x *Exchange) Close() error {
	x.mu.Lock()
	x.closed = true
	x.mu.Unlock()
	x.stop()
	if x.server != nil {
		x.server.Close()
	}
	x.wg.Wait()
	x.client.CloseIdleConnections()
	return nil
}

// Name implements Carrier.
func (x *Exchange) Name() string { return x.name }

// Faults implements Carrier.
func (x *Exchange) Faults() *Faults { return x.faults }

// Numbers implements Carrier.
func (x *Exchange) Numbers() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]string(nil), x.numbers...)
}

// SetKeepAudio changes how much of each later call is recorded.
func (x *Exchange) SetKeepAudio(d time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.keepAudio = d
}

// Reach makes requests to URLs that begin with public go to actual instead,
// such as from "https://hooks.example" to "http://127.0.0.1:8080". What is
// signed, and the Host header, stay as the URL was told.
func (x *Exchange) Reach(public, actual string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reach = append(x.reach, reach{public, actual})
}

// actual returns where a URL leads, and the host to name if that is another.
func (x *Exchange) actual(url string) (target, host string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range x.reach {
		if rest, ok := strings.CutPrefix(url, r.public); ok {
			_, host, _ = strings.Cut(url, "://")
			host, _, _ = strings.Cut(host, "/")
			return r.actual + rest, host
		}
	}
	return url, ""
}

// Expect implements Carrier.
func (x *Exchange) Expect(to string, p Person) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.people[to] = p
}

// PersonAt returns who is expected at a number or SIP URI. What follows the
// host of a URI, such as ;transport=tls or ?X-Call=1, does not matter.
func (x *Exchange) PersonAt(to string) Person {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p, ok := x.people[to]; ok {
		return p
	}
	if i := strings.IndexAny(to, ";?"); i >= 0 {
		if p, ok := x.people[to[:i]]; ok {
			return p
		}
	}
	return Person{Outcome: Unreachable}
}

// Calls implements Carrier.
func (x *Exchange) Calls() []*Call {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]*Call(nil), x.calls...)
}

// AwaitCall implements Carrier.
func (x *Exchange) AwaitCall(ctx context.Context, match func(*Call) bool) (*Call, error) {
	for seen := 0; ; {
		x.mu.Lock()
		calls, placed := x.calls[seen:], x.placed
		x.mu.Unlock()
		for _, c := range calls {
			if match(c) {
				return c, nil
			}
		}
		seen += len(calls)
		select {
		case <-placed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: wait for a call: %w (%d others)", x.name, ctx.Err(), seen)
		}
	}
}

func (x *Exchange) addCall(c *Call) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.calls = append(x.calls, c)
	close(x.placed)
	x.placed = make(chan struct{})
}
