// Package live is the index of calls: an in-memory sum of the event log, built
// anew at every start.
package live

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// keepEnded is how many calls that are over stay in the index.
const keepEnded = 1000

// Call is one call as it is shown.
type Call struct {
	Org         string         `json:"org"`
	ID          string         `json:"call_id"`
	Status      call.Status    `json:"status"`
	Direction   call.Direction `json:"direction,omitempty"`
	From        string         `json:"from,omitempty"`
	To          string         `json:"to,omitempty"`
	Application string         `json:"application,omitempty"`
	Agent       string         `json:"agent,omitempty"`
	Trunk       string         `json:"trunk,omitempty"`
	Provider    string         `json:"provider,omitempty"`
	Leg         string         `json:"leg_id,omitempty"`
	StartedAt   time.Time      `json:"started_at"`
	AnsweredAt  time.Time      `json:"answered_at,omitzero"`
	EndedAt     time.Time      `json:"ended_at,omitzero"`
	Cause       call.Cause     `json:"cause,omitempty"`
}

// Index holds the live calls and the newest of those that are over. It answers
// only once it is whole: of a call that it does not know somebody could conclude
// that there is none.
type Index struct {
	mu    sync.RWMutex
	whole bool
	calls map[string]*event.State
	ended []string // keys, oldest first
}

// NewIndex returns an empty index.
func NewIndex() *Index { return &Index{calls: map[string]*event.State{}} }

// Filters are the facts the index is made of.
func Filters() []string {
	all := strings.TrimSuffix(subject.Events("", ""), ">")
	return []string{all + "call.>", all + "agent.bound"}
}

// Add takes one fact into account. It never fails. A call enters with its first
// fact: what comes of one that has left the index, as its price does, is not
// the beginning of another.
func (x *Index) Add(e *event.Event) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := subject.LiveKey(e.Org, e.Call)
	s := x.calls[key]
	if s == nil {
		if !begins(e.Data) {
			return nil
		}
		s = new(event.State)
		x.calls[key] = s
	}
	s.Add(e)
	if _, over := e.Data.(event.CallEnded); over {
		x.ended = append(x.ended, key)
		if len(x.ended) > keepEnded {
			delete(x.calls, x.ended[0])
			x.ended = x.ended[1:]
		}
	}
	return nil
}

// Whole says that everything which was recorded before the start is added.
func (x *Index) Whole() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.whole = true
}

var errNotWhole = command.Refuse("unavailable", "the event log is still being read; ask again in a moment")

func begins(f event.Fact) bool {
	switch f.(type) {
	case event.CallRequested, event.CallReceived:
		return true
	}
	return false
}

// Endpoints are call.list and call.get.
func (x *Index) Endpoints() []bus.Endpoint {
	return []bus.Endpoint{
		{Noun: "call", Verb: "list", Handle: x.list},
		{Noun: "call", Verb: "get", Handle: x.get},
	}
}

// Query selects calls.
type Query struct {
	Org   string `json:"org"`
	Trunk string `json:"trunk,omitempty"` // only its calls
	ID    string `json:"call_id,omitempty"`
	Ended bool   `json:"ended,omitempty"` // also those that are over
}

func (x *Index) list(_ context.Context, request []byte) (any, error) {
	var q Query
	if err := json.Unmarshal(request, &q); err != nil {
		return nil, command.Refuse("invalid_request", "%s", err)
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if !x.whole {
		return nil, errNotWhole
	}
	list := []Call{}
	for _, s := range x.calls {
		if s.Org == q.Org && (q.Trunk == "" || s.Trunk == q.Trunk) && (q.Ended || s.End == nil) {
			list = append(list, shown(s))
		}
	}
	slices.SortFunc(list, func(a, b Call) int { return a.StartedAt.Compare(b.StartedAt) })
	return list, nil
}

func (x *Index) get(_ context.Context, request []byte) (any, error) {
	var q Query
	if err := json.Unmarshal(request, &q); err != nil {
		return nil, command.Refuse("invalid_request", "%s", err)
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if !x.whole {
		return nil, errNotWhole
	}
	s, ok := x.calls[subject.LiveKey(q.Org, q.ID)]
	if !ok {
		return nil, command.Refuse("not_found", "there is no call %q in org %q among the live and the newest %d ended ones", q.ID, q.Org, keepEnded)
	}
	return shown(s), nil
}

func shown(s *event.State) Call {
	c := Call{Org: s.Org, ID: s.Call, Status: s.Status, Direction: s.Direction, From: s.From, To: s.To, Application: s.Application,
		Trunk: s.Trunk, Provider: s.Provider, Leg: s.Leg, StartedAt: s.StartedAt, AnsweredAt: s.AnsweredAt, EndedAt: s.EndedAt}
	if s.Bound != nil {
		c.Agent = s.Bound.Agent
	}
	if s.End != nil {
		c.Cause = s.End.Cause
	}
	return c
}
