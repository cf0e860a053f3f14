package twilio

import (
	"context"
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

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

const (
	caller = "+14155550199"
	callee = "+14155550177"
	ours   = "+14155550101"
)

// gateway is a toy on the other side: it answers webhooks with what a test
// tells it, remembers them, and serves media sockets.
type gateway struct {
	*httptest.Server
	t       testing.TB
	carrier *Carrier

	mu       sync.Mutex
	answers  map[string]func(form url.Values) string // by path
	handlers map[string]http.HandlerFunc             // by path, before anything else
	requests []request
	changed  chan struct{}
	media    func(ws *websocket.Conn) // serves /media
}

type request struct {
	path   string
	form   url.Values
	header http.Header
}

// begin starts a carrier and a gateway whose number leads to /voice.
func begin(t testing.TB, o Options) (*Carrier, *gateway) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, carrier: c, answers: map[string]func(url.Values) string{}, handlers: map[string]http.HandlerFunc{}, changed: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(func() {
		c.Close()
		g.Close()
	})
	if err := c.SetInbound(ours, g.URL+"/voice", g.URL+"/status"); err != nil {
		t.Fatal(err)
	}
	return c, g
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
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
	form, err := url.ParseQuery(string(body))
	if err != nil {
		g.t.Errorf("form: %v", err)
	}
	signed := form
	if r.Method == http.MethodGet {
		form, signed = r.URL.Query(), nil
	}
	if got, want := r.Header.Get(signatureHeader), sign(g.carrier.AuthToken(), "http://"+r.Host+r.RequestURI, signed); got != want {
		http.Error(w, "signature", http.StatusForbidden)
		return
	}
	g.mu.Lock()
	answer := g.answers[r.URL.Path]
	g.requests = append(g.requests, request{r.URL.Path, form, r.Header.Clone()})
	close(g.changed)
	g.changed = make(chan struct{})
	g.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	doc := answer(form)
	if doc == "" {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	io.WriteString(w, doc)
}

func (g *gateway) serveMedia(w http.ResponseWriter, r *http.Request) {
	if got, want := r.Header.Get(signatureHeader), sign(g.carrier.AuthToken(), g.mediaURL(), nil); got != want {
		http.Error(w, "signature", http.StatusForbidden)
		return
	}
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		g.t.Errorf("upgrade: %v", err)
		return
	}
	defer ws.Close()
	g.media(ws)
}

func (g *gateway) mediaURL() string { return "ws" + strings.TrimPrefix(g.URL, "http") + "/media" }

// on answers a path with markup; %s in it is the gateway's base URL.
func (g *gateway) on(path, markup string) {
	g.onForm(path, func(url.Values) string { return "<Response>" + strings.ReplaceAll(markup, "%s", g.URL) + "</Response>" })
}

func (g *gateway) onForm(path string, answer func(form url.Values) string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[path] = answer
}

// handle serves a path without checks.
func (g *gateway) handle(path string, h http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handlers[path] = h
}

// got returns the requests to a path so far.
func (g *gateway) got(path string) []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gotLocked(path)
}

func (g *gateway) gotLocked(path string) []request {
	var list []request
	for _, r := range g.requests {
		if r.path == path {
			list = append(list, r)
		}
	}
	return list
}

// await returns the requests to a path once there are n of them.
func (g *gateway) await(path string, n int) []request {
	g.t.Helper()
	limit := time.After(patience)
	for {
		g.mu.Lock()
		list, changed := g.gotLocked(path), g.changed
		g.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-changed:
		case <-limit:
			g.t.Fatalf("%d requests to %s, want %d", len(list), path, n)
		}
	}
}

// ring lets a person call the account.
func (g *gateway) ring(p carriersim.Person) *carriersim.Call {
	g.t.Helper()
	c, err := g.carrier.Ring(g.t.Context(), caller, ours, p)
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// ended waits for the end of a call.
func (g *gateway) ended(c *carriersim.Call) *carriersim.Call {
	g.t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		g.t.Fatalf("call still runs:\n%s", c)
	}
	return c
}

// saw waits for an entry in a call's timeline.
func (g *gateway) saw(c *carriersim.Call, what string) {
	g.t.Helper()
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	if err := c.Await(ctx, what); err != nil {
		g.t.Fatal(err)
	}
}

// rest makes a REST request and returns the status and the body.
func (g *gateway) rest(method, path string, form url.Values) (int, string) {
	g.t.Helper()
	req, err := http.NewRequest(method, g.carrier.APIURL()+"/2010-04-01/Accounts/"+g.carrier.AccountSID()+path, strings.NewReader(form.Encode()))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(g.carrier.AccountSID(), g.carrier.AuthToken())
	return do(g.t, req)
}

func do(t testing.TB, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// dial places a call over REST and returns it.
func (g *gateway) dial(form url.Values) *carriersim.Call {
	g.t.Helper()
	for name, value := range map[string]string{
		"To": callee, "From": ours, "Url": g.URL + "/answer", "StatusCallback": g.URL + "/status",
	} {
		if !form.Has(name) {
			form.Set(name, value)
		}
	}
	status, body := g.rest(http.MethodPost, "/Calls.json", form)
	if status != http.StatusCreated {
		g.t.Fatalf("create: %d %s", status, body)
	}
	sid := field[string](g.t, body, "sid")
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	c, err := g.carrier.AwaitCall(ctx, func(c *carriersim.Call) bool { return c.ID() == sid })
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

func contextOf(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), patience)
}

// stream is markup that connects a call with the gateway's media socket.
func (g *gateway) stream() string {
	return fmt.Sprintf(`<Connect><Stream url="%s"><Parameter name="call" value="01J"/></Stream></Connect>`, g.mediaURL())
}
