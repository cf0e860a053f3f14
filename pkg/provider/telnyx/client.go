package telnyx

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// apiVersion is the first element of every path.
const apiVersion = "/v2"

func newClient(c provider.Config) *rest.Client {
	base := strings.TrimSuffix(strings.TrimRight(c.APIURL, "/"), apiVersion) // written with the version, too
	return &rest.Client{
		Base:    cmp.Or(base, "https://api.telnyx.com"),
		Auth:    rest.Bearer(c.String(fieldAPIKey)),
		Secrets: []string{c.String(fieldAPIKey)},
		Fault:   fault,
	}
}

// Codes of errors that are looked at (https://developers.telnyx.com/docs/overview/errors).
const (
	codeStreaming    = "90045" // not while a stream is up
	codeNoStreaming  = "90048"
	codeInConference = "90044"
)

// kinds refines the statuses of 4xx by Telnyx' code. Any other code means what
// the status does.
var kinds = map[string]provider.Kind{
	"90015":          provider.KindNotFound, // call_control_id is none
	"90018":          provider.KindNotFound, // the call has ended
	"90019":          provider.KindNotFound, // the conference has ended
	"90032":          provider.KindRejected, // the conference is full
	"90034":          provider.KindConflict, // not answered yet
	"90041":          provider.KindRateLimited,
	"90042":          provider.KindRateLimited, // these three: all channels are in use
	"90043":          provider.KindRateLimited,
	codeInConference: provider.KindConflict,
	codeStreaming:    provider.KindConflict,
	codeNoStreaming:  provider.KindConflict,
	"90102":          provider.KindConflict, // an outbound leg is not answered by command
}

// fault reads Telnyx' error document: a list, of which the first with a code
// that says more than the status counts.
func fault(status int, body []byte) rest.Fault {
	var doc struct {
		Errors []struct {
			Code   word `json:"code"`
			Title  word `json:"title"`
			Detail word `json:"detail"`
		} `json:"errors"`
	}
	var odd *json.UnmarshalTypeError
	if err := json.Unmarshal(body, &doc); err != nil && !errors.As(err, &odd) || len(doc.Errors) == 0 {
		return rest.Fault{}
	}
	found := doc.Errors[0]
	for _, e := range doc.Errors {
		if kinds[string(e.Code)] != "" {
			found = e
			break
		}
	}
	f := rest.Fault{Code: string(found.Code), Text: strings.Trim(string(found.Title+": "+found.Detail), ": ")}
	if status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusUnauthorized {
		f.Kind = kinds[f.Code]
	}
	return f
}

// failedWith reports whether Telnyx refused a command with one of codes.
func failedWith(err error, codes ...string) bool {
	var e *provider.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.Code == code {
			return true
		}
	}
	return false
}

// segment escapes an id for a path. A call_control_id has a colon.
func segment(id string) string { return strings.ReplaceAll(url.PathEscape(id), ":", "%3A") }

// get fetches one resource. All replies have it in data.
func get[R any](ctx context.Context, d *driver, path string) (R, error) {
	var reply struct {
		Data R `json:"data"`
	}
	err := d.rest.Do(ctx, rest.Request{Method: http.MethodGet, Path: apiVersion + path}, &reply)
	return reply.Data, err
}

// send makes or changes a resource. repeatable: twice does no harm.
func send[R any](ctx context.Context, d *driver, method, path string, body any, repeatable bool) (R, error) {
	var reply struct {
		Data R `json:"data"`
	}
	err := d.rest.Do(ctx, rest.Request{Method: method, Path: apiVersion + path, JSON: body, Repeatable: repeatable}, &reply)
	return reply.Data, err
}

// Bounds of lists: the most that a page has, and how far one is followed.
const (
	pageSize = 250
	maxPages = 100
)

// list hands the entries of a list to each until that returns false.
func list[R any](ctx context.Context, d *driver, path string, query url.Values, each func(R) bool) error {
	if query == nil {
		query = url.Values{}
	}
	query.Set("page[size]", strconv.Itoa(pageSize))
	for page := 1; page <= maxPages; page++ {
		query.Set("page[number]", strconv.Itoa(page))
		var reply struct {
			Data []R `json:"data"`
			Meta struct {
				TotalPages int `json:"total_pages"`
			} `json:"meta"`
		}
		if err := d.rest.Do(ctx, rest.Request{Method: http.MethodGet, Path: apiVersion + path, Query: query}, &reply); err != nil {
			return err
		}
		for _, r := range reply.Data {
			if !each(r) {
				return nil
			}
		}
		if page >= reply.Meta.TotalPages {
			return nil
		}
	}
	return provider.Errorf(provider.KindUnavailable, "list has more than %d pages", maxPages)
}

// TestCredentials implements provider.CredentialTester. The key is good when
// numbers can be listed; the application must exist and speak version 2.
func (d *driver) TestCredentials(ctx context.Context) error {
	query := url.Values{"page[size]": {"1"}}
	if err := d.rest.Do(ctx, rest.Request{Method: http.MethodGet, Path: apiVersion + "/phone_numbers", Query: query}, nil); err != nil {
		return err
	}
	if d.connection == "" {
		return nil
	}
	app, err := d.application(ctx)
	if err == nil && app.WebhookVersion != webhookVersion {
		return provider.Errorf(provider.KindConflict, "the application sends webhooks of version %q: provision the trunk to set it to %s", app.WebhookVersion, webhookVersion)
	}
	return err
}
