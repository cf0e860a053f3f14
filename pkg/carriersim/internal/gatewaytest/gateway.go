package gatewaytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/fasthttp/websocket"
)

// Webhook is what a test sees of a webhook.
type Webhook interface {
	// Key is by what tests ask for it and answer it: a path, or an event's name.
	Key() string
}

// Dialect is how webhooks of a carrier are read, as the type R, and answered.
type Dialect[R Webhook] struct {
	// Refuse returns the HTTP status with which a webhook or a media socket is
	// refused, 0 where it is signed as it must be; nil lets all in. The URL is
	// as it was told to the carrier.
	Refuse func(r *http.Request, url, body string) (status int)
	Read   func(r *http.Request, body string) (R, error)
	// ContentType is that of the answers.
	ContentType string
}

// Gateway is a toy on the other side of a carrier: it answers webhooks with
// what a test tells it, remembers them, and serves media sockets.
type Gateway[R Webhook] struct {
	Phone
	*httptest.Server
	Webhooks Log[R]           // that were let in
	Opened   Log[http.Header] // of the media sockets that were let in

	dialect  Dialect[R]
	mu       sync.Mutex
	answers  map[string]func(R) string   // by key
	handlers map[string]http.HandlerFunc // by path, before anything else
}

// Begin starts a gateway. It ends with the test, after the carrier.
func Begin[R Webhook](p Phone, d Dialect[R]) *Gateway[R] {
	g := &Gateway[R]{Phone: p, dialect: d, answers: map[string]func(R) string{}, handlers: map[string]http.HandlerFunc{}}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	p.T.Cleanup(func() {
		p.Carrier.Close()
		g.Close()
	})
	return g
}

func (g *Gateway[R]) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	handler := g.handlers[r.URL.Path]
	g.mu.Unlock()
	switch {
	case handler != nil:
		handler(w, r)
	case websocket.IsWebSocketUpgrade(r):
		http.NotFound(w, r)
	default:
		g.webhook(w, r)
	}
}

func (g *Gateway[R]) webhook(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if g.refused(w, r, "http://", string(body)) {
		return
	}
	hook, err := g.dialect.Read(r, string(body))
	if err != nil {
		g.T.Errorf("%s: %v in %s", r.URL.Path, err, body)
	}
	g.mu.Lock()
	answer := g.answers[hook.Key()]
	g.mu.Unlock()
	g.Webhooks.Add(hook)
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	doc := answer(hook)
	if doc == "" {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", g.dialect.ContentType)
	io.WriteString(w, doc)
}

func (g *Gateway[R]) refused(w http.ResponseWriter, r *http.Request, scheme, body string) bool {
	if g.dialect.Refuse == nil {
		return false
	}
	status := g.dialect.Refuse(r, scheme+r.Host+r.RequestURI, body)
	if status != 0 {
		http.Error(w, "signature", status)
	}
	return status != 0
}

// Fill puts URLs of the gateway in a text: its base for %s, that of its sockets
// for {ws}, and that of the socket which Media serves for {media}.
func (g *Gateway[R]) Fill(text string) string {
	return strings.NewReplacer("%s", g.URL, "{ws}", g.socketURL(), "{media}", g.MediaURL()).Replace(text)
}

// MediaURL is where the gateway serves what is given to Media.
func (g *Gateway[R]) MediaURL() string { return g.socketURL() + "/media" }

func (g *Gateway[R]) socketURL() string { return "ws" + strings.TrimPrefix(g.URL, "http") }

// On answers webhooks of a key with a document, filled.
func (g *Gateway[R]) On(key, doc string) {
	g.Answer(key, func(R) string { return g.Fill(doc) })
}

// Answer answers webhooks of a key, with a 500 where the document is empty.
func (g *Gateway[R]) Answer(key string, answer func(hook R) string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[key] = answer
}

// Handle serves a path without checks.
func (g *Gateway[R]) Handle(path string, h http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handlers[path] = h
}

// Media serves the media sockets. Each is closed when serve returns.
func (g *Gateway[R]) Media(serve func(ws *websocket.Conn)) { g.Socket("/media", serve) }

// Socket is Media at another path.
func (g *Gateway[R]) Socket(path string, serve func(ws *websocket.Conn)) {
	g.Handle(path, func(w http.ResponseWriter, r *http.Request) {
		if g.refused(w, r, "ws://", "") {
			return
		}
		g.Opened.Add(r.Header.Clone())
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			g.T.Errorf("upgrade: %v", err)
			return
		}
		defer ws.Close()
		serve(ws)
	})
}

// Got returns the webhooks of a key so far, all of them where it is empty.
func (g *Gateway[R]) Got(key string) []R { return g.Webhooks.All(of[R](key)) }

// Await returns the webhooks of a key once there are n of them.
func (g *Gateway[R]) Await(key string, n int) []R {
	g.T.Helper()
	return g.Webhooks.Await(g.T, n, key, of[R](key))
}

func of[R Webhook](key string) func(R) bool {
	return func(hook R) bool { return key == "" || hook.Key() == key }
}

// Form is a webhook whose parameters are a form, or those of its URL.
type Form struct {
	Path   string
	Form   url.Values
	Header http.Header
}

// Key is the path.
func (f Form) Key() string { return f.Path }

// ReadForm reads such a webhook.
func ReadForm(r *http.Request, body string) (Form, error) {
	if r.Method == http.MethodGet {
		body = r.URL.RawQuery
	}
	form, err := url.ParseQuery(body)
	return Form{r.URL.Path, form, r.Header.Clone()}, err
}

// Do makes a request and returns the status and the body. Where there is no
// response it lets the test fail and returns 0, for handlers call it, too.
func Do(t testing.TB, req *http.Request) (status int, body string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Errorf("%s %s: %v", req.Method, req.URL, err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s %s: %v", req.Method, req.URL, err)
	}
	return resp.StatusCode, string(text)
}
