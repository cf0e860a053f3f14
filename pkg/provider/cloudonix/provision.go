package cloudonix

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// application is a voice application: the address that is asked what to do
// with a call.
type application struct {
	ID     id     `json:"id"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	URL    string `json:"url"`
	Method string `json:"method"`
}

// applicationType is the markup that Trunkline writes.
const applicationType = "cxml"

// application fetches a voice application by its id or its name.
func (d *driver) application(ctx context.Context, which string) (a application, err error) {
	err = d.api.get(ctx, d.applicationPath(which), &a)
	return a, err
}

func (d *driver) applicationPath(which string) string {
	return d.domainPath("/applications/" + url.PathEscape(which))
}

// point makes an application ask at an address, by POST: unless told so, the
// carrier asks by GET. One that does is left alone.
func (d *driver) point(ctx context.Context, a *application, answerURL string) error {
	if a.URL == answerURL && a.Method == http.MethodPost {
		return nil
	}
	type place struct {
		Type   string `json:"type,omitempty"`
		URL    string `json:"url"`
		Method string `json:"method"`
	}
	path := d.applicationPath(string(a.ID))
	return d.api.change(ctx, path, place{"", answerURL, http.MethodPost}, place{cmp.Or(a.Type, applicationType), answerURL, http.MethodPost})
}

// domain is what is read and written of the domain itself.
type domain struct {
	UUID    string                     `json:"uuid"`
	Profile map[string]json.RawMessage `json:"profile"` // also holds much that is of no concern here
}

// Keys of a domain's profile.
const (
	profileKey     = "authorization-api-key" // sent with webhooks
	profileRecords = "cdr-endpoint"          // told how calls end
)

// Provision implements provider.Provisioner: the trunk's voice application,
// the address for call detail records, and the key that webhooks carry. All
// three stay what they are where they are right already.
func (d *driver) Provision(ctx context.Context, trunk string, in provider.Inbound) (map[string]string, error) {
	var now domain
	if err := d.api.get(ctx, d.domainPath(""), &now); err != nil {
		return nil, err
	}
	profile, key, err := d.profile(now.Profile, in.StatusURL)
	if err != nil {
		return nil, err
	}
	app, err := d.provisionApplication(ctx, trunk, in.AnswerURL)
	if err != nil {
		return nil, err
	}
	if profile != nil {
		parts := map[string]any{"profile": profile}
		if err := d.api.change(ctx, d.domainPath(""), parts, parts); err != nil {
			return nil, err
		}
	}
	values := map[string]string{fieldAppID: app}
	if long(key) {
		values[fieldWebhookKey] = key
	}
	if now.UUID != "" {
		values[fieldDomainUUID] = now.UUID
	}
	return values, nil
}

// provisionApplication returns the id of the trunk's application, which it
// finds by id or name, or makes.
func (d *driver) provisionApplication(ctx context.Context, trunk, answerURL string) (string, error) {
	name := cmp.Or(d.name, "trunkline-"+trunk)
	for _, which := range []string{d.app, name} {
		if which == "" {
			continue
		}
		app, err := d.application(ctx, which)
		switch {
		case err == nil:
			return string(app.ID), d.point(ctx, &app, answerURL)
		case provider.KindOf(err) != provider.KindNotFound:
			return "", err
		}
	}
	var made application
	wanted := map[string]string{"name": name, "type": applicationType, "url": answerURL, "method": http.MethodPost}
	if err := d.api.do(ctx, idle, rest.Request{Method: http.MethodPost, Path: d.domainPath("/applications"), JSON: wanted, Repeatable: true}, &made); err != nil {
		return "", err
	}
	if made.ID == "" {
		return "", provider.Errorf(provider.KindUnavailable, "reply names no voice application")
	}
	return string(made.ID), nil
}

// profile returns what the domain's profile is to be, nil where it is that
// already, and the key that webhooks carry then. The profile is the whole
// domain's: settings that others made are not overwritten. Whether one that is
// written replaces the old one is not documented, so it has all that was in it.
func (d *driver) profile(now map[string]json.RawMessage, recordsURL string) (profile map[string]any, key string, err error) {
	records, key := text(now[profileRecords]), text(now[profileKey])
	if records != "" && !sameHook(records, recordsURL) {
		return nil, "", provider.Errorf(provider.KindConflict, "the domain posts its call detail records elsewhere already (%s in its profile): clear that first, as it takes one address only", profileRecords)
	}
	right := records == recordsURL
	switch {
	case key == "":
		key, right = cmp.Or(d.key, newKey()), false
	case d.key == "" || d.key == key: // one too short is not accepted, and the proof in the path does without
	case d.keys.match(key): // the one before
		key, right = d.key, false
	default:
		return nil, "", provider.Errorf(provider.KindConflict, "the domain sends another key with webhooks already (%s in its profile): put it into %s or %s", profileKey, fieldWebhookKey, fieldAcceptedKeys)
	}
	if right {
		return nil, key, nil
	}
	profile = map[string]any{}
	for name, value := range now {
		profile[name] = value
	}
	profile[profileRecords], profile[profileKey] = recordsURL, key
	return profile, key, nil
}

// newKey makes a webhook key of 32 random bytes.
func newKey() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// sameHook reports whether two addresses are of one hook of one trunk: they
// may differ in the host, when Trunkline has moved, and in the proof, which is
// last, when its key was changed.
func sameHook(a, b string) bool {
	stem := func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			return ""
		}
		return u.Path[:strings.LastIndexByte(u.Path, '/')+1]
	}
	return a == b || len(stem(a)) > 1 && stem(a) == stem(b)
}
