package record

import (
	"cmp"
	"context"
	"errors"
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
	Org      string           `json:"org"`
	Trunk    string           `json:"trunk"`
	Number   string           `json:"number"`
	Revision uint64           `json:"revision"`
	Inbound  provider.Inbound `json:"inbound"`
}

// putNumber creates or changes a number of a trunk.
func (r *Records) putNumber(ctx context.Context, q NumberRequest) (any, error) {
	t, known, err := r.normalise(ctx, &q.Number)
	if err != nil {
		return nil, err
	}
	if q.Application != "" {
		if _, err := r.getApplication(ctx, Name{Org: q.Org, Name: q.Application}); err != nil {
			return nil, err
		}
	}
	key := subject.NumberKey(q.Org, q.Trunk, q.Address)
	_, revision, err := get[trunk.Number](ctx, r.numbers, key, numberName(q.Address))
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	if _, err := put(ctx, r.numbers, key, numberName(q.Address), q.Number, revision); err != nil || !q.Configure {
		return q.Number, err
	}
	// The carrier is told last: its next call must find the record.
	if err := r.point(ctx, t, known, q.Address); err != nil {
		return nil, kept(q.Address, err)
	}
	return q.Number, nil
}

// kept says, beside why the carrier was not told, that the number is kept.
func kept(address string, err error) error {
	var refused *command.Error
	if errors.As(err, &refused) {
		return command.Refuse(refused.Code, "number %s is kept, but the carrier was not pointed here: %s", address, refused.Message)
	}
	return err
}

// point has the carrier deliver calls to a number here, after it has made what
// the trunk needs for that.
func (r *Records) point(ctx context.Context, t trunk.Trunk, revision uint64, address string) error {
	if spec := provider.Lookup(t.Provider); spec != nil && spec.Has(provider.CanProvision) {
		var err error
		if t, revision, err = r.provision(ctx, t, revision); err != nil {
			return err
		}
	}
	return r.ask(ctx, "number", "set_inbound", r.atCarrier(t, revision, address), nil)
}

func (r *Records) getNumber(ctx context.Context, q NumberRequest) (any, error) {
	if _, _, err := r.normalise(ctx, &q.Number); err != nil {
		return nil, err
	}
	n, _, err := get[trunk.Number](ctx, r.numbers, subject.NumberKey(q.Org, q.Trunk, q.Address), numberName(q.Address))
	return n, err
}

func (r *Records) listNumbers(ctx context.Context, q Name) (any, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	numbers, err := list[trunk.Number](ctx, r.numbers, q.Org+"."+cmp.Or(q.Trunk, "*")+".*")
	slices.SortFunc(numbers, func(a, b trunk.Number) int {
		return cmp.Or(cmp.Compare(a.Trunk, b.Trunk), cmp.Compare(a.Address, b.Address))
	})
	return numbers, err
}

func (r *Records) deleteNumber(ctx context.Context, q NumberRequest) (any, error) {
	t, known, err := r.normalise(ctx, &q.Number)
	if err != nil {
		return nil, err
	}
	key := subject.NumberKey(q.Org, q.Trunk, q.Address)
	n, _, err := get[trunk.Number](ctx, r.numbers, key, numberName(q.Address))
	if err != nil {
		return nil, err
	}
	if q.Configure {
		if err := r.ask(ctx, "number", "clear_inbound", r.atCarrier(t, known, q.Address), nil); err != nil {
			return nil, err
		}
	}
	return n, r.numbers.Delete(ctx, key)
}

// normalise brings the address into the form under which it is kept, and
// returns the number's trunk.
func (r *Records) normalise(ctx context.Context, n *trunk.Number) (t trunk.Trunk, revision uint64, err error) {
	t, revision, err = get[trunk.Trunk](ctx, r.trunks, subject.TrunkKey(n.Org, n.Trunk), trunkName(n.Trunk))
	if err != nil || n.Address == trunk.AnyNumber {
		return t, revision, err
	}
	n.Address, err = phone.Normalize(n.Address, t.Country)
	if err != nil {
		err = command.Refuse("invalid_number", "%s", err)
	}
	return t, revision, err
}

func (r *Records) atCarrier(t trunk.Trunk, revision uint64, address string) CarrierNumber {
	return CarrierNumber{Org: t.Org, Trunk: t.Name, Number: address, Revision: revision,
		Inbound: provider.Inbound{AnswerURL: r.hook(t, provider.HookInbound), StatusURL: r.hook(t, provider.HookStatus)}}
}

func numberName(address string) string { return fmt.Sprintf("number %s", address) }
