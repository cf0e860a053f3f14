package ari

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// insecure takes any certificate, where a trunk is configured to.
var insecure = &tls.Config{InsecureSkipVerify: true}

// params are the parameters of a request, in pairs of name and value. A value
// that is "" is left out.
func params(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// quick makes a request that Asterisk answers at once, or not at all: what is
// about a call must not wait for long.
func (d *driver) quick(ctx context.Context, req rest.Request, out any) error {
	ctx, cancel := context.WithTimeout(ctx, d.times.request)
	defer cancel()
	return d.rest.Do(ctx, req, out)
}

func (d *driver) get(ctx context.Context, path string, query url.Values, out any) error {
	return d.quick(ctx, rest.Request{Method: http.MethodGet, Path: path, Query: query}, out)
}

func (d *driver) post(ctx context.Context, path string, query url.Values, out any) error {
	return d.quick(ctx, rest.Request{Method: http.MethodPost, Path: path, Query: query}, out)
}

// remove deletes a channel or a bridge. One that is gone is no error.
func (d *driver) remove(ctx context.Context, path string, query url.Values) error {
	err := d.quick(ctx, rest.Request{Method: http.MethodDelete, Path: path, Query: query}, nil)
	if provider.KindOf(err) == provider.KindNotFound {
		return nil
	}
	return err
}

func channelPath(id string) string { return "/channels/" + url.PathEscape(id) }
func bridgePath(id string) string  { return "/bridges/" + url.PathEscape(id) }

// allocation is what Asterisk says of a channel that it could not make. Then it
// has dialled nobody: an endpoint that does not exist, a trunk without contact.
const allocation = "Allocation failed"

// fault reads Asterisk's error document. Its text is in message, that of a
// failed allocation in error.
func fault(status int, body []byte) rest.Fault {
	var doc struct {
		Message string `json:"message"`
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return rest.Fault{}
	}
	f := rest.Fault{Text: cmp.Or(doc.Message, doc.Error)}
	switch {
	case status == http.StatusInternalServerError && doc.Error == allocation:
		f.Kind = provider.KindRejected
	case status == http.StatusPreconditionFailed, // the channel is not answered
		status == http.StatusUnprocessableEntity: // it is not in Stasis
		f.Kind = provider.KindConflict
	}
	return f
}

// text is what the carrier said, without what this package made of it.
func text(err error) string {
	var e *provider.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprint(err)
}
