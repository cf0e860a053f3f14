package plivo

import (
	"context"
	"net/url"
	"path"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivorest"
)

// numberResource is a number that the account rents.
type numberResource struct {
	Number      string `json:"number"` // digits, without the plus
	Alias       string `json:"alias"`
	Application string `json:"application"` // path of the one that calls go to, or null
}

// application is the id of the application that calls to the number go to.
func (n *numberResource) application() string {
	if n.Application == "" {
		return ""
	}
	return path.Base(strings.TrimRight(n.Application, "/"))
}

// Numbers implements provider.NumberLister. Where calls to a number go is told
// of the trunk's own application; of others only which one it is.
func (d *driver) Numbers(ctx context.Context) ([]provider.Number, error) {
	destination, err := d.api.Destinations(ctx, d.application)
	if err != nil {
		return nil, err
	}
	var numbers []provider.Number
	err = plivorest.List(ctx, d.api, "/Number/", nil, func(n numberResource) bool {
		numbers = append(numbers, provider.Number{
			Number: "+" + strings.TrimPrefix(n.Number, "+"), ID: n.Number, Name: n.Alias, InboundURL: destination(n.application()),
		})
		return true
	})
	return numbers, err
}

// Owns implements provider.NumberLister. A main account also has the numbers
// of its subaccounts.
func (d *driver) Owns(ctx context.Context, number string) (bool, error) {
	_, err := d.number(ctx, number)
	if provider.KindOf(err) == provider.KindNotFound {
		return false, nil
	}
	return err == nil, err
}

func numberPath(number string) string {
	return "/Number/" + url.PathEscape(strings.TrimPrefix(number, "+")) + "/"
}

func (d *driver) number(ctx context.Context, number string) (n numberResource, err error) {
	err = d.api.Get(ctx, numberPath(number), nil, &n)
	return n, err
}

// SetInbound implements provider.InboundConfigurer: the trunk's application
// sends its calls here, and the number is one of that application's.
func (d *driver) SetInbound(ctx context.Context, number string, in provider.Inbound) error {
	if d.application == "" {
		return provider.Errorf(provider.KindConflict, "the trunk has no application yet: provision it first")
	}
	n, err := d.number(ctx, number)
	if err != nil {
		return err
	}
	if err := d.api.Point(ctx, d.application, in); err != nil {
		return err
	}
	if n.application() == d.application {
		return nil
	}
	return d.api.Post(ctx, numberPath(number), map[string]any{"app_id": d.application}, true, nil)
}

// Inbound implements provider.InboundConfigurer.
func (d *driver) Inbound(ctx context.Context, number string) (string, error) {
	n, err := d.number(ctx, number)
	if err != nil || n.application() == "" {
		return "", err
	}
	app, err := d.api.Application(ctx, n.application())
	return app.AnswerURL, err
}

// ClearInbound implements provider.InboundConfigurer. The application stays:
// other numbers may be with it.
func (d *driver) ClearInbound(ctx context.Context, number, answerURL string) error {
	now, err := d.Inbound(ctx, number)
	if err != nil || now != answerURL {
		return err
	}
	return d.api.Post(ctx, numberPath(number), map[string]any{"app_id": nil}, true, nil)
}

// Provision implements provider.Provisioner.
func (d *driver) Provision(ctx context.Context, trunk string, in provider.Inbound) (map[string]string, error) {
	id, err := d.api.Provision(ctx, d.application, trunk, in)
	if err != nil {
		return nil, err
	}
	return map[string]string{fieldApplication: id}, nil
}
