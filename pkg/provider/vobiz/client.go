package vobiz

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivorest"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

func newAPI(c provider.Config) *plivorest.API {
	id, token := c.String(fieldAuthID), c.String(fieldAuthToken)
	return &plivorest.API{
		Client: &rest.Client{
			Base: cmp.Or(strings.TrimRight(c.APIURL, "/"), "https://api.vobiz.ai"),
			Auth: func(h http.Header) error {
				h.Set("X-Auth-ID", id)
				h.Set("X-Auth-Token", token)
				return nil
			},
			Secrets: append(c.Strings(fieldPreviousTokens), token, c.String(fieldMainToken)),
			Fault:   plivorest.Fault,
		},
		Account: "/api/v1/Account/" + url.PathEscape(id),
		Carrier: carrier,
	}
}

// TestCredentials implements provider.CredentialTester.
func (d *driver) TestCredentials(ctx context.Context) error {
	return d.api.Do(ctx, rest.Request{Method: http.MethodGet, Path: "/api/v1/auth/me"}, nil)
}
