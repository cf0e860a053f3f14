// Package switchtest has a toy gateway for the tests of the personas that run
// on plivoswitch, and the tests that are the same for all of them.
package switchtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// Carrier is a persona under test.
type Carrier interface {
	carriersim.Carrier
	SetInbound(number, answerURL, hangupURL string) error
	File(ctx context.Context, from string, rate int) ([]int16, error)
}

// Side is what the toy has to know of the carrier.
type Side struct {
	Carrier
	Account string // path of the account: "/v1/Account/MA0123"
	// Authorize adds credentials to a REST request.
	Authorize func(r *http.Request)
	// Refuse is that of the dialect.
	Refuse func(r *http.Request, url, body string) (status int)

	Caller, Callee, Ours string // numbers as the carrier writes them in callbacks
}

// Gateway is a toy that answers with markup.
type Gateway struct {
	Side
	*gatewaytest.Gateway[gatewaytest.Form]
}

// Begin starts a gateway for a carrier, whose first number leads to /voice. The
// end of the call is posted to /hangup.
func Begin(t testing.TB, s Side) *Gateway {
	t.Helper()
	g := &Gateway{Side: s}
	g.Gateway = gatewaytest.Begin(gatewaytest.Phone{T: t, Carrier: s.Carrier, From: s.Caller, To: s.Ours}, gatewaytest.Dialect[gatewaytest.Form]{
		Refuse: s.Refuse, Read: gatewaytest.ReadForm, ContentType: "application/xml; charset=utf-8",
	})
	if err := s.SetInbound(s.Ours, g.URL+"/voice", g.URL+"/hangup"); err != nil {
		t.Fatal(err)
	}
	return g
}

// On answers a path with markup, filled.
func (g *Gateway) On(path, markup string) {
	g.Gateway.On(path, "<Response>"+markup+"</Response>")
}

// Events waits for n requests to a path and returns the events that they tell.
func (g *Gateway) Events(path string, n int) (events []string) {
	g.T.Helper()
	for _, r := range g.Await(path, n) {
		events = append(events, r.Form.Get("Event"))
	}
	return events
}

// Doc is a JSON object.
type Doc = map[string]any

// REST makes a request to a path below the account, or to a whole path where it
// begins with /api or /v1, and returns the status and the document.
func (g *Gateway) REST(method, path string, content Doc) (int, Doc) {
	g.T.Helper()
	if !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/v1/") {
		path = g.Account + path
	}
	status, body := gatewaytest.Do(g.T, g.Request(method, path, content))
	var doc Doc
	json.Unmarshal([]byte(body), &doc) // not everything is JSON
	return status, doc
}

// Request makes an authorized REST request. A nil body is none.
func (g *Gateway) Request(method, path string, body Doc) *http.Request {
	g.T.Helper()
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			g.T.Fatal(err)
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(g.T.Context(), method, g.APIURL()+path, content)
	if err != nil {
		g.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	g.Authorize(req)
	return req
}

// Order is a dial to Callee with all callbacks, and some of it changed.
func (g *Gateway) Order(change Doc) Doc {
	order := Doc{
		"from": g.Ours, "to": g.Callee, "answer_url": g.URL + "/answer", "answer_method": "POST",
		"ring_url": g.URL + "/ring", "hangup_url": g.URL + "/hangup",
	}
	for name, value := range change {
		order[name] = value
		if value == nil {
			delete(order, name)
		}
	}
	return order
}

// Dial places a call over REST and returns it.
func (g *Gateway) Dial(change Doc) *carriersim.Call {
	g.T.Helper()
	status, doc := g.REST(http.MethodPost, "/Call/", g.Order(change))
	id, _ := doc["request_uuid"].(string)
	if status/100 != 2 || id == "" {
		g.T.Fatalf("dial: %d %v", status, doc)
	}
	return g.CallOf(id)
}

// Stream is markup that connects a call with the gateway's media socket, with
// more attributes, and holds it there.
func (g *Gateway) Stream(attrs string) string {
	if !strings.Contains(attrs, "contentType") {
		attrs += ` contentType="audio/x-mulaw;rate=8000"`
	}
	return fmt.Sprintf(`<Stream bidirectional="true" keepCallAlive="true" %s>%s</Stream>`, attrs, g.MediaURL())
}

// Want compares fields of a form.
func Want(t testing.TB, form url.Values, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := form.Get(name); got != value {
			t.Errorf("%s = %q, want %q, in %v", name, got, value, form)
		}
	}
}
