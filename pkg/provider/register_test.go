package provider_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

var names atomic.Int64

// newName is a name that no other test registers.
func newName() string { return fmt.Sprintf("contract-%d", names.Add(1)) }

func opens(provider.Config) (provider.Driver, error) { return bare{}, nil }

func TestRegister(t *testing.T) {
	taken := newName()
	provider.Register(&provider.Spec{Name: taken, DisplayName: "Taken", Open: opens})
	key := provider.FieldSpec{Name: "key", Label: "Key", Type: provider.Text}
	for want, spec := range map[string]*provider.Spec{
		"want lower case":      {Name: "Upper", DisplayName: "X", Open: opens},
		"name \"\"":            {DisplayName: "X", Open: opens},
		"Open is nil":          {Name: newName(), DisplayName: "X"},
		"DisplayName is empty": {Name: newName(), Open: opens},
		"stream and has no":    {Name: newName(), DisplayName: "X", Open: opens, Can: []provider.Ability{provider.CanStream}},
		"the other way round":  {Name: newName(), DisplayName: "X", Open: opens, NewCodec: func(provider.CodecConfig) provider.Codec { return nil }},
		"is incomplete":        {Name: newName(), DisplayName: "X", Open: opens, Fields: []provider.FieldSpec{{Name: "key"}}},
		"or twice":             {Name: newName(), DisplayName: "X", Open: opens, Fields: []provider.FieldSpec{key, key}},
		"account field \"id\"": {Name: newName(), DisplayName: "X", Open: opens, AccountField: "id", Fields: []provider.FieldSpec{key}},
		"is registered twice":  {Name: taken, DisplayName: "X", Open: opens},
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), want) {
					t.Errorf("panic %v, want one that says %s", p, want)
				}
			}()
			provider.Register(spec)
		})
	}
	if got := provider.Lookup(taken); got == nil || got.DisplayName != "Taken" {
		t.Errorf("Lookup gives %+v, want the first that took the name", got)
	}
}

func TestSpecsAreSorted(t *testing.T) {
	mine := []string{newName(), newName()}
	slices.Reverse(mine)
	for _, name := range mine {
		provider.Register(&provider.Spec{Name: name, DisplayName: "X", Open: opens})
	}
	var all []string
	for _, s := range provider.Specs() {
		all = append(all, s.Name)
	}
	if !slices.IsSorted(all) || !slices.Contains(all, mine[0]) || !slices.Contains(all, mine[1]) {
		t.Errorf("got %q", all)
	}
	if provider.Lookup("nobody") != nil {
		t.Error("Lookup finds a provider that does not exist")
	}
}
