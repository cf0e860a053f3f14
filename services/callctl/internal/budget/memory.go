package budget

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Memory is a Budget of this process alone.
type Memory struct {
	now    func() time.Time
	mu     sync.Mutex
	trunks map[string]*account
}

// account is what one trunk has given out.
type account struct {
	slots map[string]time.Time // call to the end of its lease
	turns map[string]time.Time // call to the moment at which it may be dialled
	next  time.Time            // the earliest turn that nobody has
}

// NewMemory makes a budget that lives by a clock.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, trunks: map[string]*account{}}
}

// Take implements Budget.
func (m *Memory) Take(_ context.Context, trunk, call string, l Limits, patience time.Duration) (time.Duration, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, now := m.account(trunk), m.now()
	a.prune(now)
	if _, has := a.slots[call]; !has && l.Calls > 0 && len(a.slots) >= l.Calls {
		return Busy, nil
	}
	if l.PerSecond > 0 {
		if wait := a.turn(call, now, l, patience); wait > 0 {
			return wait, nil
		}
	}
	a.slots[call] = now.Add(Lease)
	return 0, nil
}

// turn returns how long a call has to wait for its turn; when it has come, it
// is used up.
func (a *account) turn(call string, now time.Time, l Limits, patience time.Duration) time.Duration {
	due, has := a.turns[call]
	if !has {
		due = now
		if a.next.After(now) {
			due = a.next
		}
		if due.Sub(now) <= patience {
			a.next = due.Add(time.Duration(float64(time.Second) / l.PerSecond))
			a.turns[call] = due
		}
	}
	if wait := due.Sub(now); wait > 0 {
		return wait
	}
	delete(a.turns, call)
	return 0
}

// Keep implements Budget.
func (m *Memory) Keep(_ context.Context, trunk string, calls []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, until := m.account(trunk), m.now().Add(Lease)
	for _, call := range calls {
		a.slots[call] = until
	}
	return nil
}

// Free implements Budget.
func (m *Memory) Free(_ context.Context, trunk, call string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.account(trunk)
	delete(a.slots, call)
	delete(a.turns, call)
	return nil
}

func (m *Memory) account(trunk string) *account {
	a := m.trunks[trunk]
	if a == nil {
		a = &account{slots: map[string]time.Time{}, turns: map[string]time.Time{}}
		m.trunks[trunk] = a
	}
	return a
}

func (a *account) prune(now time.Time) {
	maps.DeleteFunc(a.slots, func(_ string, until time.Time) bool { return !until.After(now) })
	maps.DeleteFunc(a.turns, func(_ string, due time.Time) bool { return !due.Add(forgotten).After(now) })
}
