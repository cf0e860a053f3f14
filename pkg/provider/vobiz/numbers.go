package vobiz

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivorest"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// numberResource is a number of the account.
type numberResource struct {
	Number      string       `json:"e164"`
	Status      string       `json:"status"`
	Blocked     bool         `json:"is_blocked"`
	Application plivorest.ID `json:"application_id"` // that calls go to, or null
}

// usable reports whether calls can be made and taken with the number.
func (n *numberResource) usable() bool { return n.Status == "active" && !n.Blocked }

const (
	perPage  = 25
	maxPages = 100
)

// list hands the account's numbers that match a search, "" for all, to take
// until that returns false. Paths of numbers are in lower case and end in no
// slash; others are not found so.
func (d *driver) list(ctx context.Context, search string, take func(numberResource) bool) error {
	query := url.Values{"per_page": {strconv.Itoa(perPage)}}
	if search != "" {
		query.Set("search", search)
	}
	for page := 1; page <= maxPages; page++ {
		query.Set("page", strconv.Itoa(page))
		var found struct {
			Items []numberResource `json:"items"`
			Total int              `json:"total"`
		}
		if err := d.api.Get(ctx, "/numbers", query, &found); err != nil {
			return err
		}
		for _, n := range found.Items {
			if !take(n) {
				return nil
			}
		}
		if len(found.Items) == 0 || page*perPage >= found.Total {
			return nil
		}
	}
	return provider.Errorf(provider.KindUnavailable, "list has more than %d pages", maxPages)
}

// Numbers implements provider.NumberLister. Where calls to a number go is told
// of the trunk's own application; of others only which one it is.
func (d *driver) Numbers(ctx context.Context) ([]provider.Number, error) {
	destination, err := d.api.Destinations(ctx, d.application)
	if err != nil {
		return nil, err
	}
	var numbers []provider.Number
	err = d.list(ctx, "", func(n numberResource) bool {
		if n.usable() {
			numbers = append(numbers, provider.Number{Number: n.Number, ID: n.Number, InboundURL: destination(string(n.Application))})
		}
		return true
	})
	return numbers, err
}

// Owns implements provider.NumberLister.
func (d *driver) Owns(ctx context.Context, number string) (bool, error) {
	n, err := d.find(ctx, number)
	return n != nil, err
}

// find returns the resource of a number, nil when the account has none that
// can be used. A single number can only be searched for, by a part of it.
func (d *driver) find(ctx context.Context, number string) (found *numberResource, err error) {
	err = d.list(ctx, strings.TrimPrefix(number, "+"), func(n numberResource) bool {
		if n.Number == number && n.usable() {
			found = &n
		}
		return found == nil
	})
	return found, err
}

// SetInbound implements provider.InboundConfigurer: the trunk's application
// sends its calls here, and the number is one of that application's.
func (d *driver) SetInbound(ctx context.Context, number string, in provider.Inbound) error {
	if d.application == "" {
		return provider.Errorf(provider.KindConflict, "the trunk has no application yet: provision it first")
	}
	n, err := rest.Owned(d.find(ctx, number))
	if err != nil {
		return err
	}
	if err := d.api.Point(ctx, d.application, in); err != nil {
		return err
	}
	if string(n.Application) == d.application {
		return nil
	}
	return d.api.Post(ctx, attachment(number), map[string]string{"application_id": d.application}, true, nil)
}

// attachment is the path of what joins a number and its application. The plus
// must be escaped.
func attachment(number string) string { return "/numbers/" + url.QueryEscape(number) + "/application" }

// Inbound implements provider.InboundConfigurer.
func (d *driver) Inbound(ctx context.Context, number string) (string, error) {
	n, err := rest.Owned(d.find(ctx, number))
	if err != nil || n.Application == "" {
		return "", err
	}
	app, err := d.api.Application(ctx, string(n.Application))
	return app.AnswerURL, err
}

// ClearInbound implements provider.InboundConfigurer. The application stays:
// other numbers may be with it.
func (d *driver) ClearInbound(ctx context.Context, number, answerURL string) error {
	now, err := d.Inbound(ctx, number)
	if err != nil || now != answerURL {
		return err
	}
	return d.api.Do(ctx, rest.Request{Method: http.MethodDelete, Path: d.api.Account + attachment(number)}, nil)
}

// Provision implements provider.Provisioner.
func (d *driver) Provision(ctx context.Context, trunk string, in provider.Inbound) (map[string]string, error) {
	id, err := d.api.Provision(ctx, d.application, trunk, in)
	if err != nil {
		return nil, err
	}
	return map[string]string{fieldApplication: id}, nil
}
