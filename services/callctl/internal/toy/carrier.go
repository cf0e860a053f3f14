// Package toy is a small carrier for the tests of callctl: a real HTTP server
// with orders for what goes wrong, and the provider that speaks to it.
package toy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// Fault is what becomes of one request to place a call.
type Fault struct {
	Status int           // refuse it with this HTTP status
	Ring   bool          // ring the phone, whatever the answer says
	Cut    bool          // cut the connection instead of answering
	Hold   chan struct{} // answer only when it is closed
}

// Leg is one call as the carrier knows it.
type Leg struct {
	ID      string
	CallID  string
	To      string
	From    string
	Hooks   map[string]string // the callback URLs it was given
	Status  call.Status
	Seconds int
	Hidden  bool // not listed yet
	HungUp  int  // how often it was told to hang up
	Told    []string
}

// Carrier is a running carrier. All methods may be called at any time.
type Carrier struct {
	*httptest.Server

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each request
	faults  []Fault
	asked   int // requests to place a call
	legs    map[string]*Leg
	cost    *call.Cost
	inbound map[string]string
	down    bool // every request but placing a call is answered with 503
	counts  map[string]int
}

// Start runs a carrier until the test ends.
func Start(t testing.TB) *Carrier {
	c := &Carrier{changed: make(chan struct{}), legs: map[string]*Leg{}, inbound: map[string]string{}, counts: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /calls", c.place)
	mux.HandleFunc("GET /calls", c.list)
	mux.HandleFunc("GET /calls/{id}", c.of(func(l *Leg, _ *http.Request) any { return l }))
	mux.HandleFunc("DELETE /calls/{id}", c.of(func(l *Leg, _ *http.Request) any { l.HungUp++; return nil }))
	mux.HandleFunc("GET /calls/{id}/cost", c.of(func(*Leg, *http.Request) any { return c.cost }))
	mux.HandleFunc("POST /calls/{id}/{verb}", c.of(func(l *Leg, r *http.Request) any {
		l.Told = append(l.Told, r.PathValue("verb"))
		return nil
	}))
	mux.HandleFunc("GET /account", c.always(func(*http.Request) any { return nil }))
	mux.HandleFunc("GET /numbers", c.always(func(*http.Request) any { return slices.Sorted(maps.Keys(c.inbound)) }))
	mux.HandleFunc("GET /numbers/{n}", c.always(func(r *http.Request) any { return c.inbound[r.PathValue("n")] }))
	mux.HandleFunc("PUT /numbers/{n}", c.always(func(r *http.Request) any {
		c.inbound[r.PathValue("n")] = r.FormValue("url")
		return nil
	}))
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

// Fail orders faults for the next requests to place a call.
func (c *Carrier) Fail(faults ...Fault) { c.do(func() { c.faults = append(c.faults, faults...) }) }

// SetDown makes the carrier answer nothing but requests to place a call.
func (c *Carrier) SetDown(down bool) { c.do(func() { c.down = down }) }

// SetCost prices all calls.
func (c *Carrier) SetCost(cost *call.Cost) { c.do(func() { c.cost = cost }) }

// Edit changes every leg of a call.
func (c *Carrier) Edit(callID string, change func(*Leg)) {
	c.do(func() {
		for _, l := range c.legs {
			if l.CallID == callID {
				change(l)
			}
		}
	})
}

// Add makes a leg that nobody asked for through this carrier's API.
func (c *Carrier) Add(l Leg) { c.do(func() { c.legs[l.ID] = &l }) }

// Lose makes the carrier forget a leg.
func (c *Carrier) Lose(id string) { c.do(func() { delete(c.legs, id) }) }

// Legs returns copies of the legs of a call: every one is a phone that rang.
func (c *Carrier) Legs(callID string) (legs []Leg) {
	c.do(func() {
		for _, l := range c.legs {
			if l.CallID == callID {
				legs = append(legs, *l)
			}
		}
	})
	return legs
}

// Asked is how many requests to place a call came in.
func (c *Carrier) Asked() (n int) {
	c.do(func() { n = c.asked })
	return n
}

// Count is how many requests came in: "GET /calls/{id}" and the like.
func (c *Carrier) Count(pattern string) (n int) {
	c.do(func() { n = c.counts[pattern] })
	return n
}

// await waits until a condition holds, which it checks after every request.
func (c *Carrier) await(ctx context.Context, holds func() bool) error {
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Carrier) do(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// count notes a request. The caller holds the lock.
func (c *Carrier) count(r *http.Request) {
	c.counts[r.Pattern]++
	close(c.changed)
	c.changed = make(chan struct{})
}

// placement is a request to place a call.
type placement struct {
	CallID, To, From string
	Hooks            map[string]string
}

func (c *Carrier) place(w http.ResponseWriter, r *http.Request) {
	var p placement
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var f Fault
	var l Leg
	c.do(func() {
		if len(c.faults) > 0 {
			f, c.faults = c.faults[0], c.faults[1:]
		}
		c.asked++
		l = Leg{ID: fmt.Sprintf("leg-%s-%d", p.CallID, c.asked), CallID: p.CallID, To: p.To, From: p.From, Hooks: p.Hooks, Status: call.Ringing}
		if f.Ring || f.Status == 0 && !f.Cut {
			stored := l
			c.legs[l.ID] = &stored
		}
		c.count(r)
	})
	if f.Hold != nil {
		select {
		case <-f.Hold:
		case <-r.Context().Done(): // whoever asked is gone
		}
	}
	switch {
	case f.Cut:
		panic(http.ErrAbortHandler) // cuts the connection
	case f.Status != 0:
		http.Error(w, "no", f.Status)
	default:
		reply(w, l)
	}
}

func (c *Carrier) list(w http.ResponseWriter, r *http.Request) {
	c.always(func(r *http.Request) any {
		var found []Leg
		for _, l := range c.legs {
			if l.To == r.FormValue("to") && !l.Hidden {
				found = append(found, *l)
			}
		}
		return found
	})(w, r)
}

// of handles a request about a leg that exists.
func (c *Carrier) of(handle func(*Leg, *http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		defer c.count(r)
		l := c.legs[r.PathValue("id")]
		switch {
		case c.down:
			w.WriteHeader(http.StatusServiceUnavailable)
		case l == nil:
			http.NotFound(w, r)
		default:
			reply(w, handle(l, r))
		}
	}
}

func (c *Carrier) always(handle func(*http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		defer c.count(r)
		if c.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		reply(w, handle(r))
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
