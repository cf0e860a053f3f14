package provider

import (
	"fmt"
	"slices"
	"sync"
)

var registry = struct {
	sync.RWMutex
	specs map[string]*Spec
}{specs: map[string]*Spec{}}

// Register adds a provider. It is called from init and panics when the spec
// makes no sense or its name is taken: both are mistakes of a programmer.
func Register(s *Spec) {
	if err := s.check(); err != nil {
		panic(err)
	}
	registry.Lock()
	defer registry.Unlock()
	if registry.specs[s.Name] != nil {
		panic(fmt.Sprintf("provider %s is registered twice", s.Name))
	}
	registry.specs[s.Name] = s
}

// Lookup returns the provider of a name, nil when there is none.
func Lookup(name string) *Spec {
	registry.RLock()
	defer registry.RUnlock()
	return registry.specs[name]
}

// Specs returns all providers, by name.
func Specs() []*Spec {
	registry.RLock()
	defer registry.RUnlock()
	specs := make([]*Spec, 0, len(registry.specs))
	for _, s := range registry.specs {
		specs = append(specs, s)
	}
	slices.SortFunc(specs, func(a, b *Spec) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return specs
}
