package telnyx

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// webhookVersion is the form of webhooks that can be verified. Telnyx' default
// is 1.
const webhookVersion = "2"

// application is a Call Control application. A change must name it, and give
// its address, whatever else it is about.
type application struct {
	ID             word                       `json:"id,omitempty"`
	Name           string                     `json:"application_name"`
	WebhookURL     string                     `json:"webhook_event_url"`
	WebhookVersion string                     `json:"webhook_api_version"`
	CostInWebhooks bool                       `json:"call_cost_in_webhooks"`
	Outbound       map[string]json.RawMessage `json:"outbound,omitempty"` // what else is in it stays
}

const outboundProfile = "outbound_voice_profile_id"

// profile is the id of the application's outbound voice profile.
func (a *application) profile() string {
	var id word
	if raw := a.Outbound[outboundProfile]; raw != nil {
		_ = json.Unmarshal(raw, &id) // a word can always be read
	}
	return string(id)
}

func (a *application) setProfile(id string) error {
	raw, err := json.Marshal(id)
	if err != nil {
		return &provider.Error{Kind: provider.KindInternal, Err: err}
	}
	if a.Outbound == nil {
		a.Outbound = map[string]json.RawMessage{}
	}
	a.Outbound[outboundProfile] = raw
	return nil
}

func errNoApplication() error {
	return provider.Errorf(provider.KindInvalid, "%s is not set: provision the trunk", fieldConnection)
}

// application fetches the trunk's application.
func (d *driver) application(ctx context.Context) (application, error) {
	if d.connection == "" {
		return application{}, errNoApplication()
	}
	return get[application](ctx, d, applicationPath(d.connection))
}

const applications = "/call_control_applications"

func applicationPath(id string) string { return applications + "/" + segment(id) }

// point makes an application deliver webhooks of version 2 to an address. One
// that does is left alone.
func (d *driver) point(ctx context.Context, app application, in provider.Inbound) error {
	if app.WebhookURL == in.AnswerURL && app.WebhookVersion == webhookVersion {
		return nil
	}
	app.WebhookURL, app.WebhookVersion, app.Outbound = in.AnswerURL, webhookVersion, nil
	return d.change(ctx, app)
}

func (d *driver) change(ctx context.Context, app application) error {
	path := applicationPath(string(app.ID))
	app.ID = ""
	_, err := send[struct{}](ctx, d, http.MethodPatch, path, app, true)
	return err
}

// Provision implements provider.Provisioner. It makes the trunk's Call Control
// application and outbound voice profile, or puts right those there are:
// webhooks of version 2 to us, with the price of a call.
func (d *driver) Provision(ctx context.Context, trunk string, in provider.Inbound) (map[string]string, error) {
	name := resourceName(trunk, in.AnswerURL)
	app, err := d.existing(ctx, name)
	if err != nil {
		return nil, err
	}
	profile := cmp.Or(d.profile, app.profile())
	if profile == "" {
		if profile, err = d.makeProfile(ctx, name); err != nil {
			return nil, err
		}
	}
	want := app
	want.Name = cmp.Or(app.Name, name)
	want.WebhookURL, want.WebhookVersion, want.CostInWebhooks = in.AnswerURL, webhookVersion, true
	same := app.WebhookURL == want.WebhookURL && app.WebhookVersion == want.WebhookVersion && app.CostInWebhooks && app.profile() == profile
	if err := want.setProfile(profile); err != nil {
		return nil, err
	}
	switch {
	case app.ID == "":
		app, err = send[application](ctx, d, http.MethodPost, applications, want, false)
		if err == nil && app.ID == "" {
			err = provider.Errorf(provider.KindUncertain, "reply names no application")
		}
	case !same:
		err = d.change(ctx, want)
	}
	if err != nil {
		return nil, err
	}
	return map[string]string{fieldConnection: string(app.ID), fieldProfile: profile}, nil
}

// existing finds the trunk's application: the one that is configured, or the
// one that an earlier try has made; zero when there is none.
func (d *driver) existing(ctx context.Context, name string) (app application, err error) {
	if d.connection != "" {
		return d.application(ctx)
	}
	query := url.Values{"filter[application_name][contains]": {name}}
	err = list(ctx, d, applications, query, func(a application) bool {
		if a.Name == name {
			app = a
		}
		return app.ID == ""
	})
	return app, err
}

// profile is an outbound voice profile: where calls may go, and for how much.
type profile struct {
	ID   word   `json:"id,omitempty"`
	Name string `json:"name"`
}

// makeProfile finds or makes an outbound voice profile of a name. Where it may
// call is Telnyx' default until somebody changes it in the portal.
func (d *driver) makeProfile(ctx context.Context, name string) (id string, err error) {
	const path = "/outbound_voice_profiles"
	query := url.Values{"filter[name][contains]": {name}}
	err = list(ctx, d, path, query, func(p profile) bool {
		if p.Name == name {
			id = string(p.ID)
		}
		return id == ""
	})
	if err != nil || id != "" {
		return id, err
	}
	made, err := send[profile](ctx, d, http.MethodPost, path, profile{Name: name}, false)
	if err == nil && made.ID == "" {
		err = provider.Errorf(provider.KindUncertain, "reply names no outbound voice profile")
	}
	return string(made.ID), err
}

// resourceName is the name of what is made for a trunk. Trunks of the same name
// differ in their address.
func resourceName(trunk, address string) string {
	sum := sha256.Sum256([]byte(address))
	return "trunkline-" + trunk + "-" + hex.EncodeToString(sum[:4])
}
