package telnyx

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// numberResource is a number that the account has, or is about to have.
type numberResource struct {
	ID           word   `json:"id"`
	PhoneNumber  string `json:"phone_number"`
	Status       string `json:"status"`
	ConnectionID word   `json:"connection_id"`
}

func (n *numberResource) usable() bool { return n.Status == "active" }

// Numbers implements provider.NumberLister.
func (d *driver) Numbers(ctx context.Context) ([]provider.Number, error) {
	var found []numberResource
	ours := false
	err := list(ctx, d, "/phone_numbers", nil, func(n numberResource) bool {
		if n.usable() {
			found = append(found, n)
			ours = ours || d.owns(&n)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	var app application
	if ours {
		if app, err = d.application(ctx); err != nil {
			return nil, err
		}
	}
	var numbers []provider.Number
	for _, n := range found {
		numbers = append(numbers, provider.Number{Number: n.PhoneNumber, ID: string(n.ID), InboundURL: d.target(&n, &app)})
	}
	return numbers, nil
}

// owns reports whether calls to the number go to the trunk's application.
func (d *driver) owns(n *numberResource) bool {
	return n.ConnectionID != "" && string(n.ConnectionID) == d.connection
}

// target is where calls to a number go.
func (d *driver) target(n *numberResource, app *application) string {
	switch {
	case d.owns(n):
		return app.WebhookURL
	case n.ConnectionID != "":
		return "connection:" + string(n.ConnectionID)
	}
	return ""
}

// Owns implements provider.NumberLister.
func (d *driver) Owns(ctx context.Context, number string) (bool, error) {
	n, err := d.find(ctx, number)
	return n != nil, err
}

// find returns the resource of a number, nil when the account has none. The
// filter takes digits only, and matches parts of numbers.
func (d *driver) find(ctx context.Context, number string) (found *numberResource, err error) {
	query := url.Values{"filter[phone_number]": {strings.TrimPrefix(number, "+")}}
	err = list(ctx, d, "/phone_numbers", query, func(n numberResource) bool {
		if n.PhoneNumber == number && n.usable() {
			found = &n
		}
		return found == nil
	})
	return found, err
}

// SetInbound implements provider.InboundConfigurer. A number points at an
// application, and the application at an address.
func (d *driver) SetInbound(ctx context.Context, number string, in provider.Inbound) error {
	n, err := rest.Owned(d.find(ctx, number))
	if err != nil {
		return err
	}
	app, err := d.application(ctx)
	if err != nil {
		return err
	}
	if err := d.point(ctx, app, in); err != nil {
		return err
	}
	if d.owns(n) {
		return nil
	}
	return d.assign(ctx, n, d.connection)
}

// Inbound implements provider.InboundConfigurer. For a number of another
// application, or of a SIP connection, it gives connection:<id>.
func (d *driver) Inbound(ctx context.Context, number string) (string, error) {
	n, err := rest.Owned(d.find(ctx, number))
	if err != nil {
		return "", err
	}
	var app application
	if d.owns(n) {
		if app, err = d.application(ctx); err != nil {
			return "", err
		}
	}
	return d.target(n, &app), nil
}

// ClearInbound implements provider.InboundConfigurer. The application stays:
// other numbers may point at it.
func (d *driver) ClearInbound(ctx context.Context, number, answerURL string) error {
	n, err := rest.Owned(d.find(ctx, number))
	if err != nil || !d.owns(n) {
		return err
	}
	app, err := d.application(ctx)
	if err != nil || app.WebhookURL != answerURL {
		return err
	}
	return d.assign(ctx, n, "")
}

// assign points a number at an application, "" for none.
func (d *driver) assign(ctx context.Context, n *numberResource, connection string) error {
	body := struct {
		ConnectionID string `json:"connection_id"`
	}{connection}
	_, err := send[struct{}](ctx, d, http.MethodPatch, "/phone_numbers/"+segment(string(n.ID)), body, true)
	return err
}
