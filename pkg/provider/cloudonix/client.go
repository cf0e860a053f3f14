package cloudonix

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// client speaks to the REST API for one domain, within the domain's limit.
type client struct {
	rest  rest.Client
	limit *limiter
}

func newClient(c provider.Config, domain string) *client {
	token := c.String(fieldBearer)
	base := cmp.Or(strings.TrimRight(c.APIURL, "/"), "https://api.cloudonix.io")
	return &client{
		rest: rest.Client{
			Base: base, Auth: rest.Bearer(token), Fault: fault,
			Secrets: append(c.Strings(fieldAcceptedKeys), token, strings.TrimSpace(c.String(fieldWebhookKey))),
		},
		limit: limiterOf(base, domain),
	}
}

// do sends a request when its turn has come.
func (c *client) do(ctx context.Context, u urgency, r rest.Request, out any) error {
	if err := c.limit.take(ctx, u); err != nil {
		return err
	}
	err := c.rest.Do(ctx, r, out)
	if provider.KindOf(err) == provider.KindRateLimited {
		c.limit.hold(afterRefusal)
	}
	return err
}

func (c *client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, idle, rest.Request{Method: http.MethodGet, Path: path}, out)
}

// change changes parts of a resource. The carrier's two descriptions do not
// agree on the method; the one that needs the whole of it is the second choice.
func (c *client) change(ctx context.Context, path string, parts, whole any) error {
	err := c.do(ctx, idle, rest.Request{Method: http.MethodPatch, Path: path, JSON: parts, Repeatable: true}, nil)
	var e *provider.Error
	if errors.As(err, &e) && e.Status == http.StatusMethodNotAllowed {
		err = c.do(ctx, idle, rest.Request{Method: http.MethodPut, Path: path, JSON: whole}, nil)
	}
	return err
}

// fault reads an error. What form it has is not documented.
func fault(_ int, body []byte) rest.Fault {
	var doc map[string]any
	if json.Unmarshal(body, &doc) == nil {
		for _, name := range [...]string{"message", "error", "reason", "description"} {
			if text, ok := doc[name].(string); ok && text != "" {
				return rest.Fault{Text: text}
			}
		}
		if len(doc) == 0 {
			return rest.Fault{}
		}
	}
	return rest.Fault{Text: string(body)}
}

// TestCredentials implements provider.CredentialTester: the key must reach the
// domain.
func (d *driver) TestCredentials(ctx context.Context) error {
	return d.api.get(ctx, d.domainPath(""), nil)
}
