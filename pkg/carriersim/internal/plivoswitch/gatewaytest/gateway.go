// Package gatewaytest has a toy gateway for the tests of the personas that run
// on plivoswitch, and the tests that are the same for all of them.
package gatewaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Patience is how long a test waits for something that must happen.
const Patience = 20 * time.Second

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
	// Verify checks the signature of a webhook, or of the upgrade to a media
	// socket, whose URL is told as it was given to the carrier.
	Verify func(r *http.Request, url, body string) error

	Caller, Callee, Ours string // numbers as the carrier writes them in callbacks
}

// Gateway is a toy on the other side: it answers webhooks with what a test
// tells it, remembers them, and serves media sockets.
type Gateway struct {
	Side
	*httptest.Server
	T testing.TB
	// Media serves the sockets; set it before the call.
	Media func(ws *websocket.Conn)

	mu       sync.Mutex
	answers  map[string]func(form url.Values) string // by path
	handlers map[string]http.HandlerFunc             // by path, before anything else
	requests []Request
	changed  chan struct{}
}

// Request is a webhook that was let in.
type Request struct {
	Path   string
	Form   url.Values
	Header http.Header
}

// Begin starts a gateway for a carrier, whose first number leads to /voice. The
// end of the call is posted to /hangup.
func Begin(t testing.TB, s Side) *Gateway {
	t.Helper()
	g := &Gateway{Side: s, T: t, answers: map[string]func(url.Values) string{}, handlers: map[string]http.HandlerFunc{}, changed: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(func() {
		s.Carrier.Close()
		g.Server.Close()
	})
	if err := s.SetInbound(s.Ours, g.URL+"/voice", g.URL+"/hangup"); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	handler := g.handlers[r.URL.Path]
	g.mu.Unlock()
	if handler != nil {
		handler(w, r)
		return
	}
	if r.URL.Path == "/media" {
		g.serveMedia(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if err := g.Verify(r, "http://"+r.Host+r.RequestURI, string(body)); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		g.T.Errorf("form: %v", err)
	}
	if r.Method == http.MethodGet {
		form = r.URL.Query()
	}
	g.mu.Lock()
	answer := g.answers[r.URL.Path]
	g.requests = append(g.requests, Request{r.URL.Path, form, r.Header.Clone()})
	close(g.changed)
	g.changed = make(chan struct{})
	g.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	doc := answer(form)
	if doc == "" {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	io.WriteString(w, doc)
}

func (g *Gateway) serveMedia(w http.ResponseWriter, r *http.Request) {
	if err := g.Verify(r, g.MediaURL(), ""); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		g.T.Errorf("upgrade: %v", err)
		return
	}
	defer ws.Close()
	g.Media(ws)
}

// MediaURL is where the gateway serves media sockets.
func (g *Gateway) MediaURL() string { return "ws" + strings.TrimPrefix(g.URL, "http") + "/media" }

// On answers a path with markup; %s in it is the gateway's base URL.
func (g *Gateway) On(path, markup string) {
	g.OnForm(path, func(url.Values) string { return "<Response>" + strings.ReplaceAll(markup, "%s", g.URL) + "</Response>" })
}

// OnForm answers a path with a document, or with a 500 where it is empty.
func (g *Gateway) OnForm(path string, answer func(form url.Values) string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[path] = answer
}

// Handle serves a path without checks.
func (g *Gateway) Handle(path string, h http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handlers[path] = h
}

// Got returns the requests to a path so far.
func (g *Gateway) Got(path string) []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.got(path)
}

func (g *Gateway) got(path string) (list []Request) {
	for _, r := range g.requests {
		if r.Path == path {
			list = append(list, r)
		}
	}
	return list
}

// Await returns the requests to a path once there are n of them.
func (g *Gateway) Await(path string, n int) []Request {
	g.T.Helper()
	limit := time.After(Patience)
	for {
		g.mu.Lock()
		list, changed := g.got(path), g.changed
		g.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-changed:
		case <-limit:
			g.T.Fatalf("%d requests to %s, want %d", len(list), path, n)
		}
	}
}

// Events waits for n requests to a path and returns the events that they tell.
func (g *Gateway) Events(path string, n int) (events []string) {
	g.T.Helper()
	for _, r := range g.Await(path, n) {
		events = append(events, r.Form.Get("Event"))
	}
	return events
}

// RingUp lets a person call the account.
func (g *Gateway) RingUp(p carriersim.Person) *carriersim.Call {
	g.T.Helper()
	c, err := g.Ring(g.T.Context(), g.Caller, g.Ours, p)
	if err != nil {
		g.T.Fatal(err)
	}
	return c
}

// Ended waits for the end of a call.
func (g *Gateway) Ended(c *carriersim.Call) *carriersim.Call {
	g.T.Helper()
	select {
	case <-c.Done():
	case <-time.After(Patience):
		g.T.Fatalf("call still runs:\n%s", c)
	}
	return c
}

// Saw waits for an entry in a call's timeline.
func (g *Gateway) Saw(c *carriersim.Call, what string) {
	g.T.Helper()
	ctx, stop := context.WithTimeout(g.T.Context(), Patience)
	defer stop()
	if err := c.Await(ctx, what); err != nil {
		g.T.Fatal(err)
	}
}

// Doc is a JSON object.
type Doc = map[string]any

// REST makes a request to a path below the account, or to a whole path where it
// begins with /api or /v1, and returns the status and the document.
func (g *Gateway) REST(method, path string, body Doc) (int, Doc) {
	g.T.Helper()
	if !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/v1/") {
		path = g.Account + path
	}
	resp, err := http.DefaultClient.Do(g.Request(method, path, body))
	if err != nil {
		g.T.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		g.T.Fatal(err)
	}
	var doc Doc
	json.Unmarshal(raw, &doc) // not everything is JSON
	return resp.StatusCode, doc
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
	return g.Find(func(c *carriersim.Call) bool { return c.ID() == id })
}

// LegTo waits for the leg that was dialled to a number.
func (g *Gateway) LegTo(to string) *carriersim.Call {
	g.T.Helper()
	return g.Find(func(c *carriersim.Call) bool { return c.To() == to })
}

// Find waits for a call.
func (g *Gateway) Find(match func(*carriersim.Call) bool) *carriersim.Call {
	g.T.Helper()
	ctx, stop := context.WithTimeout(g.T.Context(), Patience)
	defer stop()
	c, err := g.AwaitCall(ctx, match)
	if err != nil {
		g.T.Fatal(err)
	}
	return c
}

// Stream is markup that connects a call with the gateway's media socket, with
// more attributes, and holds it there.
func (g *Gateway) Stream(attrs string) string {
	if !strings.Contains(attrs, "contentType") {
		attrs += ` contentType="audio/x-mulaw;rate=8000"`
	}
	return fmt.Sprintf(`<Stream bidirectional="true" keepCallAlive="true" %s>%s</Stream>`, attrs, g.MediaURL())
}

// Take waits for something that a handler has seen.
func Take[T any](t testing.TB, seen <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-seen:
	case <-time.After(Patience):
		t.Fatal("it never came")
	}
	return v
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
