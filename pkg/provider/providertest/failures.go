package providertest

import (
	"fmt"
	"runtime/debug"
	"sort"
	"testing"
)

// failures collects what a check finds wrong. Checks return it instead of
// failing a test, so that tests can prove that they find something.
type failures []string

func (f *failures) addf(format string, args ...any) {
	*f = append(*f, fmt.Sprintf(format, args...))
}

// caught turns a panic of the provider into a failure. It is deferred.
func (f *failures) caught(doing string) {
	if p := recover(); p != nil {
		f.addf("%s: panic: %v\n%s", doing, p, debug.Stack())
	}
}

func (f failures) report(t *testing.T) {
	t.Helper()
	for _, text := range f {
		t.Error(text)
	}
}

// outcome of a case: what is wrong, and which keys of its expect there was
// nothing to compare with.
type outcome struct {
	failures
	skipped []string
}

func (o *outcome) skip(key string) { o.skipped = append(o.skipped, key) }

// join adds what another outcome found.
func (o *outcome) join(other outcome) {
	o.failures = append(o.failures, other.failures...)
	o.skipped = append(o.skipped, other.skipped...)
}

// sortedKeys gives a map's keys an order, so that reports do not change from
// run to run.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
