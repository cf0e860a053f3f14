package twilio

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// apiVersion is the first element of every path.
const apiVersion = "/2010-04-01"

func newClient(c provider.Config) *rest.Client {
	user, password := c.String(fieldAccountSID), c.String(fieldAuthToken)
	if key := c.String(fieldKeySID); key != "" {
		user, password = key, c.String(fieldKeySecret)
	}
	return &rest.Client{
		Base:    cmp.Or(strings.TrimRight(c.APIURL, "/"), "https://"+host(c.String(fieldEdge), c.String(fieldRegion))),
		Auth:    rest.Basic(user, password),
		Secrets: append(c.Strings(fieldPreviousTokens), c.String(fieldAuthToken), password),
		Fault:   fault,
	}
}

// host is the API's host. An edge is only reachable under a region's name.
func host(edge, region string) string {
	if edge != "" {
		return "api." + edge + "." + cmp.Or(region, "us1") + ".twilio.com"
	}
	if region != "" {
		return "api." + region + ".twilio.com"
	}
	return "api.twilio.com"
}

// path is the path of a resource of the account.
func (d *driver) path(resource string) string {
	return apiVersion + "/Accounts/" + url.PathEscape(d.account) + resource
}

// kinds refines status 400 by Twilio's code
// (https://www.twilio.com/docs/api/errors). Any other code means that the
// request is wrong.
var kinds = map[int]provider.Kind{
	21210: provider.KindForbidden,   // caller id is not verified
	21214: provider.KindRejected,    // the number cannot be reached
	21215: provider.KindForbidden,   // the account may not call that country
	21219: provider.KindForbidden,   // callee is not verified, on a trial account
	21220: provider.KindConflict,    // the call is not in a state to be changed
	22005: provider.KindRateLimited, // the queue holds more than a day of calls
}

// fault reads Twilio's error document. The HTTP status decides; the code only
// refines it, as what stands behind a code may change.
func fault(status int, body []byte) rest.Fault {
	var doc struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &doc) != nil || doc.Code == 0 {
		return rest.Fault{}
	}
	f := rest.Fault{Code: strconv.Itoa(doc.Code), Text: doc.Message}
	switch status {
	case http.StatusBadRequest:
		f.Kind = kinds[doc.Code]
	case http.StatusServiceUnavailable:
		// The API itself says so. A 503 without its document may come from a
		// proxy that lost the reply to a call that was placed.
		f.Kind = provider.KindUnavailable
	}
	return f
}

// maxPages bounds how far a list is followed.
const maxPages = 100

// list hands each page of a list to page until that returns false. The paths
// of further pages are relative to the host.
func list[P interface{ next() string }](ctx context.Context, d *driver, path string, query url.Values, page func(P) bool) error {
	for range maxPages {
		var p P
		if err := d.rest.Do(ctx, rest.Request{Method: http.MethodGet, Path: path, Query: query}, &p); err != nil {
			return err
		}
		if !page(p) || p.next() == "" {
			return nil
		}
		path, query = p.next(), nil
	}
	return provider.Errorf(provider.KindUnavailable, "list has more than %d pages", maxPages)
}

// paging is part of every page of a list.
type paging struct {
	NextPageURI string `json:"next_page_uri"`
}

func (p paging) next() string { return p.NextPageURI }

// TestCredentials implements provider.CredentialTester. A standard API key may
// not read the account, but may list calls.
func (d *driver) TestCredentials(ctx context.Context) error {
	if d.keyed {
		return d.rest.Do(ctx, rest.Request{Method: http.MethodGet, Path: d.path("/Calls.json"), Query: url.Values{"PageSize": {"1"}}}, nil)
	}
	var account struct {
		Status string `json:"status"`
	}
	if err := d.rest.Do(ctx, rest.Request{Method: http.MethodGet, Path: d.path(".json")}, &account); err != nil {
		return err
	}
	if account.Status != "active" {
		return provider.Errorf(provider.KindForbidden, "account is %q, not active", account.Status)
	}
	return nil
}
