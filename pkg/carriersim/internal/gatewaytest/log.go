// Package gatewaytest is what the tests of the simulated carriers share: a toy
// gateway on the other side of a carrier, a phone to ring it with, and logs of
// what came that a test can wait for. A persona's test adds its dialect.
package gatewaytest

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Patience is how long a test waits for something that must happen.
const Patience = 20 * time.Second

// Context is a context that ends with the patience.
func Context(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), Patience)
}

// Log is what came, in the order in which it did. The zero value is empty.
type Log[T any] struct {
	mu      sync.Mutex
	list    []T
	changed chan struct{} // closed by the next Add; nil where nobody waits
}

// Add adds what came.
func (l *Log[T]) Add(v T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, v)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// All returns what came so far and matches; all of it where match is nil.
func (l *Log[T]) All(match func(T) bool) []T {
	list, _ := l.look(match)
	return list
}

func (l *Log[T]) look(match func(T) bool) (list []T, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range l.list {
		if match == nil || match(v) {
			list = append(list, v)
		}
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return list, l.changed
}

// Await returns what came and matches, once there are n of it. What it is, is
// said where they do not come.
func (l *Log[T]) Await(t testing.TB, n int, what string, match func(T) bool) []T {
	t.Helper()
	limit := time.After(Patience)
	for {
		list, changed := l.look(match)
		if len(list) >= n {
			return list
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("%d of %s, want %d, in %v", len(list), what, n, l.All(nil))
		}
	}
}

// Take waits for something that a handler has seen.
func Take[T any](t testing.TB, seen <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-seen:
	case <-time.After(Patience):
		t.Fatal("it never came")
	}
	return v
}
