package acme

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// client serves all accounts. Its transport keeps connections open.
var client = &http.Client{Timeout: provider.RequestTimeout}

// Dial places a call: POST /v1/accounts/<account>/calls.
func (d *driver) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	var made struct {
		Leg string `json:"leg"`
	}
	err := d.post(ctx, "/calls", map[string]any{
		"to": req.To, "from": req.From, "ring_seconds": req.RingSeconds, "limit_seconds": req.LimitSeconds,
		"answer_url": req.URL(provider.HookAnswer), "status_url": req.URL(provider.HookStatus),
	}, &made)
	if err == nil && made.Leg == "" {
		err = provider.Errorf(provider.KindUncertain, "the reply names no leg")
	}
	return provider.DialResult{LegID: made.Leg}, err
}

// Hangup ends a leg: POST /v1/accounts/<account>/calls/<leg>/hangup.
func (d *driver) Hangup(ctx context.Context, leg provider.Leg) error {
	err := d.post(ctx, "/calls/"+url.PathEscape(leg.ID)+"/hangup", struct{}{}, nil)
	if provider.KindOf(err) == provider.KindNotFound {
		return nil // it is over
	}
	return err
}

// post sends one request, once. Its error tells by its kind whether the
// request can have had an effect.
func (d *driver) post(ctx context.Context, path string, body, reply any) error {
	doc, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	connected := false // from here on the request may have been written
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.base+"/v1/accounts/"+d.account+path, bytes.NewReader(doc))
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	// Without GetBody a request is never sent a second time behind our back.
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+d.key)
	resp, err := client.Do(req)
	if err != nil {
		kind := provider.KindUnavailable
		if connected {
			kind = provider.KindUncertain
		}
		return provider.Errorf(kind, "no reply") // the client's error may hold the URL
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && resp.StatusCode/100 == 2 && reply != nil {
		err = json.Unmarshal(text, reply)
	}
	switch {
	case resp.StatusCode/100 != 2:
		e := provider.Errorf(kindOf(resp.StatusCode), "refused")
		e.Status = resp.StatusCode
		return e
	case err != nil:
		return provider.Errorf(provider.KindUncertain, "the reply cannot be read")
	}
	return nil
}

func kindOf(status int) provider.Kind {
	switch status {
	case http.StatusUnauthorized:
		return provider.KindUnauthenticated
	case http.StatusForbidden:
		return provider.KindForbidden
	case http.StatusNotFound:
		return provider.KindNotFound
	case http.StatusConflict:
		return provider.KindConflict
	case http.StatusTooManyRequests:
		return provider.KindRateLimited
	}
	if status >= 500 {
		return provider.KindUncertain // Acme does not say what it did
	}
	return provider.KindInvalid
}

// tolerance is how old a webhook's signature may be.
const tolerance = 5 * time.Minute

var errFields = errors.New("leg is missing")
