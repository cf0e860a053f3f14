package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// wire knows whether a request can have reached the carrier.
type wire struct{ written atomic.Bool }

// watch returns a context that keeps w up to date. A request counts as written
// once it has a connection, as writing starts at once and cannot be taken back.
// The transport asks for another connection only after it has proved that the
// first one took nothing, hence the reset.
func (w *wire) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { w.written.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { w.written.Store(true) },
	})
}

// lost is the error of a request without a reply.
func lost(r Request, w *wire, err error) *provider.Error {
	if w.written.Load() {
		return unknown(r, 0, fmt.Errorf("no reply: %w", cause(err)))
	}
	return &provider.Error{Kind: provider.KindUnavailable, Err: fmt.Errorf("no connection: %w", cause(err))}
}

// unknown is the error of a request that was written and may have been
// carried out.
func unknown(r Request, status int, err error) *provider.Error {
	kind := provider.KindUncertain
	switch {
	case r.Repeatable, r.Method == http.MethodGet, r.Method == http.MethodHead,
		r.Method == http.MethodPut, r.Method == http.MethodDelete:
		kind = provider.KindUnavailable
	}
	return &provider.Error{Kind: kind, Status: status, Err: err}
}

// refused is the error of a reply that is no success.
func (c *Client) refused(r Request, sent http.Header, status int, body []byte) *provider.Error {
	var f Fault
	if c.Fault != nil {
		f = c.Fault(status, body)
	}
	_, credential, _ := strings.Cut(sent.Get("Authorization"), " ")
	secrets := append([]string{credential}, c.Secrets...)
	text := blot(f.Text, secrets)
	if text == "" {
		text = strings.ToLower(http.StatusText(status))
	}
	e := &provider.Error{Kind: f.Kind, Code: blot(f.Code, secrets), Status: status, Err: errors.New(text)}
	if e.Kind == "" {
		e.Kind = kindOf(status)
	}
	if e.Kind == "" {
		e.Kind = unknown(r, status, nil).Kind
	}
	return e
}

// kindOf is what an HTTP status means by itself, "" where it leaves open
// whether the request was carried out.
func kindOf(status int) provider.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return provider.KindUnauthenticated
	case status == http.StatusPaymentRequired:
		return provider.KindRejected
	case status == http.StatusForbidden:
		return provider.KindForbidden
	case status == http.StatusNotFound, status == http.StatusGone:
		return provider.KindNotFound
	case status == http.StatusConflict:
		return provider.KindConflict
	case status == http.StatusTooManyRequests:
		return provider.KindRateLimited
	case status == http.StatusRequestTimeout, status >= 500:
		return ""
	}
	return provider.KindInvalid // the rest of 4xx, and redirects: the address is wrong
}

// maxText is the longest text of a carrier that goes into an error, in runes.
const maxText = 300

var addresses = regexp.MustCompile(`\b(https?|wss?)://\S*`)

// blot makes a carrier's text fit to be logged: one line, bounded, without
// secrets, and without addresses, as ours carry capabilities.
func blot(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	text = addresses.ReplaceAllString(text, "$1://***")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText]) + "..."
	}
	return strings.TrimSpace(text)
}
