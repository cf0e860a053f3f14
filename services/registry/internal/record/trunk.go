package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/bus"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// ShownTrunk is a trunk as it is read: secrets masked, with what the carrier
// has to be told and what is still missing.
type ShownTrunk struct {
	trunk.Trunk
	InboundURL string           `json:"inbound_url"` // where the carrier delivers calls to its numbers
	StatusURL  string           `json:"status_url"`  // where it tells the end of inbound calls
	MediaURL   string           `json:"media_url"`   // what the addresses of media sockets begin with
	Checklist  []provider.Check `json:"checklist,omitempty"`
}

// putTrunk creates or changes a trunk. A secret given as the mask is unchanged.
func (r *Records) putTrunk(ctx context.Context, t trunk.Trunk) (any, error) {
	if err := checkIDs("org", t.Org, "name", t.Name); err != nil {
		return nil, err
	}
	spec := provider.Lookup(t.Provider)
	if spec == nil {
		return nil, command.Refuse("unknown_provider", "there is no provider %q; there are %s", t.Provider, strings.Join(providerNames(), ", "))
	}
	key := subject.TrunkKey(t.Org, t.Name)
	old, revision, err := get[trunk.Trunk](ctx, r.trunks, key, trunkName(t.Name))
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	if revision != 0 && old.Provider != t.Provider {
		return nil, command.Refuse("conflict", "trunk %q is of %s; remove it before you make one of %s", t.Name, old.Provider, t.Provider)
	}
	sealed, err := r.links.Keys.SealSecrets(t, old)
	if err != nil {
		return nil, command.Refuse("invalid_trunk", "%s", err)
	}
	opened, err := r.links.Keys.OpenSecrets(sealed)
	if err != nil {
		return nil, command.Refuse("invalid_trunk", "%s", err)
	}
	if _, err := provider.Open(t.Provider, opened.ProviderConfig()); err != nil {
		return nil, command.Refuse("invalid_trunk", "%s", err)
	}
	sealed.UpdatedAt = time.Now().UTC()
	if _, err := put(ctx, r.trunks, key, trunkName(t.Name), sealed, revision); err != nil {
		return nil, err
	}
	return r.shown(sealed), nil
}

func (r *Records) getTrunk(ctx context.Context, q Name) (any, error) {
	t, _, err := get[trunk.Trunk](ctx, r.trunks, subject.TrunkKey(q.Org, q.Name), trunkName(q.Name))
	if err != nil {
		return nil, err
	}
	return r.shown(t), nil
}

func (r *Records) listTrunks(ctx context.Context, q Name) (any, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	trunks, err := list[trunk.Trunk](ctx, r.trunks, q.Org+".*")
	if err != nil {
		return nil, err
	}
	shown := make([]ShownTrunk, len(trunks))
	for i, t := range trunks {
		shown[i] = r.shown(t)
	}
	slices.SortFunc(shown, func(a, b ShownTrunk) int { return cmp.Compare(a.Name, b.Name) })
	return shown, nil
}

// deleteTrunk removes a trunk that has no numbers any more. What stands for
// every other number is none, and goes with it.
func (r *Records) deleteTrunk(ctx context.Context, q Name) (any, error) {
	if _, err := r.getTrunk(ctx, q); err != nil {
		return nil, err
	}
	numbers, err := r.numbers.Keys(ctx, q.Org+"."+q.Name+".*")
	if err != nil {
		return nil, err
	}
	rest := subject.NumberKey(q.Org, q.Name, trunk.AnyNumber)
	if left := slices.DeleteFunc(slices.Clone(numbers), func(key string) bool { return key == rest }); len(left) > 0 {
		return nil, command.Refuse("in_use", "trunk %q still has %d numbers; remove them first", q.Name, len(left))
	}
	for _, key := range numbers {
		if err := r.numbers.Delete(ctx, key); err != nil {
			return nil, err
		}
	}
	return q, r.trunks.Delete(ctx, subject.TrunkKey(q.Org, q.Name))
}

// testTrunk asks callctl whether the carrier takes the credentials.
func (r *Records) testTrunk(ctx context.Context, q Name) (any, error) {
	_, revision, err := get[trunk.Trunk](ctx, r.trunks, subject.TrunkKey(q.Org, q.Name), trunkName(q.Name))
	if err != nil {
		return nil, err
	}
	return q, r.ask(ctx, "trunk", "test", atRevision{q.Org, q.Name, revision}, nil)
}

// provisionTrunk makes at the carrier what must exist there once per trunk.
func (r *Records) provisionTrunk(ctx context.Context, q Name) (any, error) {
	t, revision, err := get[trunk.Trunk](ctx, r.trunks, subject.TrunkKey(q.Org, q.Name), trunkName(q.Name))
	if err != nil {
		return nil, err
	}
	if spec := provider.Lookup(t.Provider); spec == nil || !spec.Has(provider.CanProvision) {
		return nil, command.Refuse("unsupported", "%s needs nothing to be made at the carrier", t.Provider)
	}
	if t, _, err = r.provision(ctx, t, revision); err != nil {
		return nil, err
	}
	return r.shown(t), nil
}

// provision has callctl make what the trunk needs at its carrier, which does
// nothing where it exists, and keeps the values that came of it.
func (r *Records) provision(ctx context.Context, t trunk.Trunk, revision uint64) (trunk.Trunk, uint64, error) {
	var made struct {
		Values map[string]string `json:"values"`
	}
	if err := r.ask(ctx, "trunk", "provision", atRevision{t.Org, t.Name, revision}, &made); err != nil {
		return t, revision, err
	}
	config, changed := maps.Clone(t.Config), false
	for field, value := range made.Values {
		changed = changed || config[field] != value
		config[field] = value
	}
	if !changed {
		return t, revision, nil
	}
	t.Config = config
	sealed, err := r.links.Keys.SealSecrets(t, t)
	if err != nil {
		return t, revision, command.Refuse("invalid_trunk", "%s", err)
	}
	sealed.UpdatedAt = time.Now().UTC()
	revision, err = put(ctx, r.trunks, subject.TrunkKey(t.Org, t.Name), trunkName(t.Name), sealed, revision)
	return sealed, revision, err
}

// atRevision names the record of a trunk that callctl must have seen before it
// does what it is asked.
type atRevision struct {
	Org      string `json:"org"`
	Name     string `json:"name"`
	Revision uint64 `json:"revision"`
}

// ask passes a request on to callctl, which does all that needs a carrier's
// REST API.
func (r *Records) ask(ctx context.Context, noun, verb string, request, reply any) error {
	err := r.bus.Ask(ctx, "callctl", noun, verb, request, reply)
	if errors.Is(err, bus.ErrNoResponders) {
		return command.Refuse("unavailable", "no callctl runs; start one, it alone talks to carriers")
	}
	return err
}

func (r *Records) shown(t trunk.Trunk) ShownTrunk {
	s := ShownTrunk{Trunk: trunk.MaskSecrets(t), InboundURL: r.hook(t, provider.HookInbound), StatusURL: r.hook(t, provider.HookStatus), MediaURL: r.links.Streams()}
	if spec := provider.Lookup(t.Provider); spec != nil && spec.Checklist != nil {
		if opened, err := r.links.Keys.OpenSecrets(t); err == nil {
			s.Checklist = spec.Checklist(opened.ProviderConfig())
		}
	}
	return s
}

func (r *Records) hook(t trunk.Trunk, h provider.Hook) string {
	return r.links.Hook(trunk.HookPath{Provider: t.Provider, Org: t.Org, Trunk: t.Name, Hook: h})
}

func trunkName(name string) string { return fmt.Sprintf("trunk %q", name) }

func providerNames() []string {
	var names []string
	for _, s := range provider.Specs() {
		names = append(names, s.Name)
	}
	return names
}
