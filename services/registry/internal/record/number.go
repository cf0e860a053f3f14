package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/phone"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
)

// NumberRequest names a number, and whether the carrier shall be told.
type NumberRequest struct {
	trunk.Number
	// Configure points the number at Trunkline at the carrier as well (on
	// delete: clears it there, if it still points here).
	Configure bool `json:"configure,omitempty"`
}

// CarrierNumber is what callctl is asked to set or clear at the carrier.
type CarrierNumber struct {
	Org     string           `json:"org"`
	Trunk   string           `json:"trunk"`
	Number  string           `json:"number"`
	Inbound provider.Inbound `json:"inbound"`
}

// putNumber creates or changes a number of a trunk.
func (r *Records) putNumber(ctx context.Context, q NumberRequest) (any, error) {
	t, err := r.normalise(ctx, &q.Number)
	if err != nil {
		return nil, err
	}
	if q.Application != "" {
		if _, err := r.getApplication(ctx, Name{Org: q.Org, Name: q.Application}); err != nil {
			return nil, err
		}
	}
	if q.Configure {
		if err := r.ask(ctx, "number", "set_inbound", r.atCarrier(t, q.Address), nil); err != nil {
			return nil, err
		}
	}
	key := subject.NumberKey(q.Org, q.Trunk, q.Address)
	_, revision, err := get[trunk.Number](ctx, r.numbers, key, numberName(q.Address))
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	return q.Number, put(ctx, r.numbers, key, numberName(q.Address), q.Number, revision)
}

func (r *Records) getNumber(ctx context.Context, q NumberRequest) (any, error) {
	if _, err := r.normalise(ctx, &q.Number); err != nil {
		return nil, err
	}
	n, _, err := get[trunk.Number](ctx, r.numbers, subject.NumberKey(q.Org, q.Trunk, q.Address), numberName(q.Address))
	return n, err
}

func (r *Records) listNumbers(ctx context.Context, q Name) (any, error) {
	numbers, err := list[trunk.Number](ctx, r.numbers, q.Org+"."+cmp.Or(q.Trunk, "*")+".*")
	slices.SortFunc(numbers, func(a, b trunk.Number) int {
		return cmp.Or(cmp.Compare(a.Trunk, b.Trunk), cmp.Compare(a.Address, b.Address))
	})
	return numbers, err
}

func (r *Records) deleteNumber(ctx context.Context, q NumberRequest) (any, error) {
	t, err := r.normalise(ctx, &q.Number)
	if err != nil {
		return nil, err
	}
	key := subject.NumberKey(q.Org, q.Trunk, q.Address)
	n, _, err := get[trunk.Number](ctx, r.numbers, key, numberName(q.Address))
	if err != nil {
		return nil, err
	}
	if q.Configure {
		if err := r.ask(ctx, "number", "clear_inbound", r.atCarrier(t, q.Address), nil); err != nil {
			return nil, err
		}
	}
	return n, r.numbers.Delete(ctx, key)
}

// normalise brings the address into the form under which it is kept.
func (r *Records) normalise(ctx context.Context, n *trunk.Number) (trunk.Trunk, error) {
	t, _, err := get[trunk.Trunk](ctx, r.trunks, subject.TrunkKey(n.Org, n.Trunk), trunkName(n.Trunk))
	if err != nil || n.Address == trunk.AnyNumber {
		return t, err
	}
	n.Address, err = phone.Normalize(n.Address, t.Country)
	if err != nil {
		return t, command.Refuse("invalid_number", "%s", err)
	}
	return t, nil
}

func (r *Records) atCarrier(t trunk.Trunk, address string) CarrierNumber {
	return CarrierNumber{Org: t.Org, Trunk: t.Name, Number: address,
		Inbound: provider.Inbound{AnswerURL: r.hook(t, provider.HookInbound), StatusURL: r.hook(t, provider.HookStatus)}}
}

func numberName(address string) string { return fmt.Sprintf("number %s", address) }
