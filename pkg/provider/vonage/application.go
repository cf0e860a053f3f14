package vonage

import (
	"context"
	"net/http"
	"net/url"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// application is a Vonage application as JSON. It is written back as a whole,
// with all that others put into it.
type application map[string]any

func (d *driver) applicationPath() string {
	return "/v2/applications/" + url.PathEscape(d.application)
}

func (d *driver) readApplication(ctx context.Context) (app application, err error) {
	err = d.accounts.Do(ctx, rest.Request{Method: http.MethodGet, Path: d.applicationPath()}, &app)
	return app, err
}

func (d *driver) writeApplication(ctx context.Context, app application) error {
	delete(app, "id")
	delete(app, "_links")
	return d.accounts.Do(ctx, rest.Request{Method: http.MethodPut, Path: d.applicationPath(), JSON: app}, nil)
}

// voice is the part that is about calls. Where there is none, it is made.
func (app application) voice() map[string]any {
	return object(object(app, "capabilities"), "voice")
}

// url is the address of a webhook, "" for none.
func (app application) url(webhook string) string {
	address, _ := object(object(app.voice(), "webhooks"), webhook)["address"].(string)
	return address
}

// point sets the URLs, signed and by POST, and reports whether anything had to
// be changed.
func (app application) point(in provider.Inbound) bool {
	changed := set(app.voice(), "signed_callbacks", true)
	for webhook, address := range map[string]string{"answer_url": in.AnswerURL, "event_url": in.StatusURL} {
		if address == "" {
			continue
		}
		w := object(object(app.voice(), "webhooks"), webhook)
		changed = set(w, "address", address) || changed
		changed = set(w, "http_method", http.MethodPost) || changed
	}
	return changed
}

func set(in map[string]any, name string, value any) bool {
	if in[name] == value {
		return false
	}
	in[name] = value
	return true
}

// object returns a member that is an object, and makes it one.
func object(in map[string]any, name string) map[string]any {
	member, ok := in[name].(map[string]any)
	if !ok {
		member = map[string]any{}
		in[name] = member
	}
	return member
}
