package plivo

import (
	"cmp"
	"context"
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
			Base:    cmp.Or(strings.TrimRight(c.APIURL, "/"), "https://api.plivo.com"),
			Auth:    rest.Basic(id, token),
			Secrets: append(c.Strings(fieldPreviousTokens), token, c.String(fieldMainToken)),
			Fault:   plivorest.Fault,
		},
		Account: "/v1/Account/" + url.PathEscape(id),
		Carrier: carrier,
	}
}

// TestCredentials implements provider.CredentialTester.
func (d *driver) TestCredentials(ctx context.Context) error {
	return d.api.Get(ctx, "/", nil, nil)
}
