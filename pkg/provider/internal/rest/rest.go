// Package rest is the HTTP client that the providers share. It sends one
// request, reads one bounded reply and says in a *provider.Error what an
// attempt that failed means: above all whether the carrier can have acted on
// it. It never repeats a request and follows no redirect.
package rest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// MaxReply is the longest reply that is read, in bytes.
const MaxReply = 4 << 20

// Client speaks to one carrier with one account's credentials. It is safe for
// concurrent use; all clients share their connections.
type Client struct {
	Base string // scheme, host and perhaps a path prefix, without a slash at the end
	// Auth puts the credentials into a request's header.
	Auth Auth
	// Secrets are blotted out where a carrier's error repeats them. What Auth
	// puts into the header Authorization always is.
	Secrets []string
	// Fault reads the carrier's error document. Nil where it has none.
	Fault func(status int, body []byte) Fault
	// HTTP sends the requests; nil for the one that carriers share. NewHTTP
	// makes another.
	HTTP *http.Client
}

// Fault is what a carrier says about a request that it did not carry out.
type Fault struct {
	Code string // the carrier's own error code
	Text string
	Kind provider.Kind // "" for what the HTTP status means by itself
}

// Request is one request to a carrier.
type Request struct {
	Method string
	Path   string // appended to the client's Base, with a leading slash, escaped
	Query  url.Values
	Form   url.Values // sent as the body, form-encoded, when not nil
	JSON   any        // sent as the body when not nil
	// Repeatable says that doing it twice does no harm, so that an outcome
	// that is not known is "unavailable" instead of "uncertain". GET, HEAD,
	// PUT and DELETE always are.
	Repeatable bool
}

// Do sends a request and decodes a reply of status 2xx from JSON into out,
// unless out is nil. Every error is a *provider.Error that holds no secret.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	var w wire
	req, err := c.build(w.watch(ctx), r)
	if err != nil {
		return err
	}
	resp, err := cmp.Or(c.HTTP, client).Do(req)
	if err != nil {
		return lost(r, &w, err)
	}
	defer resp.Body.Close()
	body, err := read(resp.Body)
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return c.refused(r, req.Header, resp.StatusCode, body) // the status says enough, whatever came of the body
	case err != nil:
		return unknown(r, resp.StatusCode, fmt.Errorf("reply was cut: %w", err))
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return unknown(r, resp.StatusCode, fmt.Errorf("reply cannot be read: %w", err))
	}
	return nil
}

func (c *Client) build(ctx context.Context, r Request) (*http.Request, error) {
	body, contentType, err := r.body()
	if err != nil {
		return nil, &provider.Error{Kind: provider.KindInternal, Err: fmt.Errorf("encode request: %w", err)}
	}
	address := c.Base + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	var req *http.Request
	// A path without a slash could lengthen the host name, and carry the
	// credentials elsewhere: paths also come out of carriers' replies.
	if strings.HasPrefix(r.Path, "/") {
		req, err = http.NewRequestWithContext(ctx, r.Method, address, bytes.NewReader(body))
	}
	if req == nil || err != nil || req.URL.Host == "" {
		return nil, provider.Errorf(provider.KindInvalid, "address of the carrier's API cannot be used") // it may hold credentials
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "trunkline")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.Auth != nil {
		if err := c.Auth(req.Header); err != nil {
			return nil, &provider.Error{Kind: provider.KindUnauthenticated, Err: err}
		}
	}
	return req, nil
}

func (r Request) body() (body []byte, contentType string, err error) {
	switch {
	case r.Form != nil:
		return []byte(r.Form.Encode()), "application/x-www-form-urlencoded", nil
	case r.JSON != nil:
		body, err = json.Marshal(r.JSON)
		return body, "application/json", err
	}
	return nil, "", nil
}

func read(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, MaxReply+1))
	if err == nil && len(body) > MaxReply {
		return nil, fmt.Errorf("longer than %d bytes", MaxReply)
	}
	return body, err
}

// client follows no redirect: a dial that is sent on may ring twice, and
// credentials stay with the host that they are for.
var client = NewHTTP(90*time.Second, nil)

// NewHTTP makes a client for servers that drop a connection which was idle for
// a little longer than idle, or whose certificates need a configuration of
// their own. It is to be shared: a client keeps its connections.
func NewHTTP(idle time.Duration, tls *tls.Config) *http.Client {
	transport := newTransport()
	transport.IdleConnTimeout, transport.TLSClientConfig = idle, tls
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// newTransport speaks HTTP/1.1 only: with one request to a connection, a
// connection that breaks leaves the outcome of one dial in doubt, not of all.
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 64,
		Protocols:           protocols,
	}
}

// cause takes the address off an error of net/http: it can hold a number.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
