package carriersim

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Faults are what a test orders to go wrong at a carrier. Each order is a rule
// that strikes some of the webhooks, REST requests or media sockets. Rules are
// asked in the order in which they were made; all that strike apply together.
// All methods are safe for concurrent use, also while calls run.
type Faults struct {
	mu       sync.Mutex
	random   *rand.Rand
	webhooks []*rule[WebhookFault]
	rests    []*rule[RESTFault]
	medias   []*rule[MediaFault]
	onREST   func(Stage, *http.Request)
}

// When says which of the matching events a rule strikes. The zero When strikes
// all of them.
type When struct {
	Skip  int     // lets the first so many pass
	Times int     // strikes that many and then no more; 0 is without end
	Rate  float64 // strikes this share, by the seeded generator; 0 is all
}

// Struck counts how often a rule has struck.
type Struck struct{ n atomic.Int64 }

// Count is the number so far.
func (s *Struck) Count() int { return int(s.n.Load()) }

// WebhookFault is what goes wrong with a webhook.
type WebhookFault struct {
	When
	Match func(*Webhook) bool // nil is every webhook

	Copies   int           // so many more are sent, at the same time
	Bases    []string      // base URLs to which the copies go in turn; signed for the URL as told
	Delay    time.Duration // before it is sent; later callbacks overtake it
	Drop     bool          // never sent; the carrier takes it for a failed connection
	Reorder  bool          // callbacks: sent after the leg's next one, at the latest when the call ends
	Corrupt  bool          // one character of the signature is wrong
	Unsigned bool          // the signature is missing from the first try
	CutReply bool          // sent, but the connection is cut before the reply is read
}

// RESTFault is what goes wrong with a REST request. Without After nothing has
// happened at the carrier yet; with After everything has, only the gateway
// does not learn it.
type RESTFault struct {
	When
	Match func(*http.Request) bool // nil is every request

	After  bool
	Status int           // answers with this status and the carrier's own kind of body
	Delay  time.Duration // before it goes on
	Hang   bool          // answers nothing until the client gives up
	Cut    bool          // closes the connection: without After at once, with After amid the reply
	Header http.Header   // added to the reply
}

// MediaFault severs a media socket without a close frame.
type MediaFault struct {
	When
	Match func(*Call) bool // nil is every call
	After time.Duration    // since the socket was opened
}

// Stage is a point in the life of a REST request.
type Stage int

// The stages. At Accepted a connection is there and nothing was read from it:
// there is no request, and a kept-alive connection is accepted only once.
const (
	Accepted Stage = iota // connection accepted
	Read                  // request read, nothing done
	Acted                 // all done, nothing answered
	Replied               // reply written
)

// String names the stage.
func (s Stage) String() string { return [...]string{"accepted", "read", "acted", "replied"}[s] }

type rule[F any] struct {
	fault  F
	when   When
	struck Struck
	seen   int
}

// hits decides whether the rule strikes an event that matches.
func (r *rule[F]) hits(random *rand.Rand) bool {
	r.seen++
	if r.seen <= r.when.Skip || r.when.Times > 0 && r.struck.Count() >= r.when.Times {
		return false
	}
	if r.when.Rate > 0 && random.Float64() >= r.when.Rate {
		return false
	}
	r.struck.n.Add(1)
	return true
}

func newFaults() *Faults {
	f := &Faults{}
	f.Seed(1)
	return f
}

// Seed restarts the generator behind When.Rate.
func (f *Faults) Seed(seed uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.random = rand.New(rand.NewPCG(seed, seed))
}

// Clear forgets all rules and the hook.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.webhooks, f.rests, f.medias, f.onREST = nil, nil, nil, nil
}

// Webhooks adds a rule for webhooks.
func (f *Faults) Webhooks(w WebhookFault) *Struck { return add(f, &f.webhooks, w, w.When) }

// REST adds a rule for REST requests.
func (f *Faults) REST(w RESTFault) *Struck { return add(f, &f.rests, w, w.When) }

// Media adds a rule for media sockets.
func (f *Faults) Media(w MediaFault) *Struck { return add(f, &f.medias, w, w.When) }

func add[F any](f *Faults, rules *[]*rule[F], fault F, when When) *Struck {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &rule[F]{fault: fault, when: when}
	*rules = append(*rules, r)
	return &r.struck
}

// OnREST calls a function at every stage of every REST request, which goes on
// when the function returns. It is where a test kills a process. nil removes it.
func (f *Faults) OnREST(hook func(Stage, *http.Request)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onREST = hook
}

// Message decides what happens to a message that a persona sends on a socket of
// its own, in place of a webhook. The persona sees to it.
func (f *Faults) Message(w *Webhook) WebhookFault { return f.webhook(w) }

// webhook decides what happens to a webhook. Match runs under the lock: it must
// not call Faults.
func (f *Faults) webhook(w *Webhook) WebhookFault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var sum WebhookFault
	for _, r := range f.webhooks {
		if r.fault.Match != nil && !r.fault.Match(w) || !r.hits(f.random) {
			continue
		}
		sum.Copies += r.fault.Copies
		sum.Bases = append(sum.Bases, r.fault.Bases...)
		sum.Delay += r.fault.Delay
		sum.Drop = sum.Drop || r.fault.Drop
		sum.Reorder = sum.Reorder || r.fault.Reorder
		sum.Corrupt = sum.Corrupt || r.fault.Corrupt
		sum.Unsigned = sum.Unsigned || r.fault.Unsigned
		sum.CutReply = sum.CutReply || r.fault.CutReply
	}
	return sum
}

// rest returns the rules that strike a request, before and after it is acted on.
func (f *Faults) rest(r *http.Request) (before, after []RESTFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rule := range f.rests {
		switch {
		case rule.fault.Match != nil && !rule.fault.Match(r) || !rule.hits(f.random):
		case rule.fault.After:
			after = append(after, rule.fault)
		default:
			before = append(before, rule.fault)
		}
	}
	return before, after
}

// cut tells when the media socket of a call is to be severed.
func (f *Faults) cut(c *Call) (after time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.medias {
		if (r.fault.Match == nil || r.fault.Match(c)) && r.hits(f.random) && (!ok || r.fault.After < after) {
			after, ok = r.fault.After, true
		}
	}
	return after, ok
}

func (f *Faults) stage(s Stage, r *http.Request) {
	f.mu.Lock()
	hook := f.onREST
	f.mu.Unlock()
	if hook != nil {
		hook(s, r)
	}
}
