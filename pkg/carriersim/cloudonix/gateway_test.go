package cloudonix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

// gateway is a toy on the other side: it answers voice requests with what a
// test tells it, remembers all webhooks, and serves media sockets.
type gateway struct {
	*httptest.Server
	t       testing.TB
	carrier *Carrier

	mu       sync.Mutex
	answers  map[string]string // markup by path
	refusals map[string]int    // HTTP status by path
	requests []request
	changed  chan struct{}
	media    func(ws *websocket.Conn) // serves /media
}

// request is one webhook; of a list of updates, the one that is in it.
type request struct {
	method, path string
	listed       bool
	body         doc
	header       http.Header
}

// text returns a member that is a text, "" for others.
func (r request) text(name string) string {
	s, _ := r.body[name].(string)
	return s
}

// begin starts a carrier and a gateway whose number leads to /voice.
func begin(t testing.TB, o Options) (*Carrier, *gateway) {
	t.Helper()
	if o.Requests == 0 {
		o.Requests = 1000
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, carrier: c, answers: map[string]string{}, refusals: map[string]int{}, changed: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(func() {
		c.Close()
		g.Close()
	})
	if err := c.SetInbound(ours, g.URL+"/voice", g.URL+"/record"); err != nil {
		t.Fatal(err)
	}
	return c, g
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/media" {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			g.t.Errorf("upgrade: %v", err)
			return
		}
		defer ws.Close()
		g.media(ws)
		return
	}
	got := request{method: r.Method, path: r.URL.Path, header: r.Header.Clone(), body: doc{}}
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodGet {
		for name, values := range r.URL.Query() {
			got.body[name] = values[0]
		}
	} else if err := g.decode(body, &got); err != nil {
		g.t.Errorf("%s: %v: %s", r.URL.Path, err, body)
	}
	g.mu.Lock()
	g.requests = append(g.requests, got)
	close(g.changed)
	g.changed = make(chan struct{})
	markup, ok := g.answers[r.URL.Path]
	status := g.refusals[r.URL.Path]
	g.mu.Unlock()
	switch {
	case status != 0:
		w.WriteHeader(status)
	case !ok:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/xml")
		io.WriteString(w, "<Response>"+strings.ReplaceAll(markup, "%s", g.URL)+"</Response>")
	}
}

func (g *gateway) decode(body []byte, into *request) error {
	if into.header.Get("Content-Type") != "application/json" {
		return fmt.Errorf("content type %q", into.header.Get("Content-Type"))
	}
	if bytes.HasPrefix(body, []byte("[")) {
		var list []doc
		if err := json.Unmarshal(body, &list); err != nil || len(list) != 1 {
			return fmt.Errorf("list of %d: %w", len(list), err)
		}
		into.body, into.listed = list[0], true
		return nil
	}
	return json.Unmarshal(body, &into.body)
}

// on answers a path with markup; %s in it is the gateway's base URL.
func (g *gateway) on(path, markup string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[path] = markup
}

func (g *gateway) refuse(path string, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusals[path] = status
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

// ring lets a person call the domain.
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

// rest makes a REST request; %d in the path is the domain. A body of nil is none.
func (g *gateway) rest(method, path string, body any) (int, string) {
	g.t.Helper()
	return g.restAs(g.carrier.opt.BearerToken, method, path, body)
}

func (g *gateway) restAs(token, method, path string, body any) (int, string) {
	g.t.Helper()
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	path = strings.ReplaceAll(path, "%d", g.carrier.Domain())
	req, err := http.NewRequest(method, g.carrier.APIURL()+path, bytes.NewReader(text))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, string(reply)
}

// member decodes one member of a JSON object.
func member[T any](t testing.TB, body, name string) T {
	t.Helper()
	var members map[string]json.RawMessage
	var v T
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if err := json.Unmarshal(members[name], &v); err != nil {
		t.Fatalf("%s: %v: %s", name, err, body)
	}
	return v
}

const (
	sessions = "/customers/self/domains/%d/sessions"
	place    = "/calls/%d/application"
)

// dial places a call over REST and returns it.
func (g *gateway) dial(more doc) *carriersim.Call {
	g.t.Helper()
	body := doc{"destination": callee, "caller-id": ours, "callback": g.URL + "/update"}
	for name, value := range more {
		body[name] = value
	}
	if body["cxml"] == nil && body["application"] == nil {
		body["url"] = g.URL + "/answer"
	}
	status, reply := g.rest(http.MethodPost, place, body)
	if status != http.StatusOK {
		g.t.Fatalf("place: %d %s", status, reply)
	}
	token := member[string](g.t, reply, "token")
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	c, err := g.carrier.AwaitCall(ctx, func(c *carriersim.Call) bool { return c.ID() == token })
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// legTo returns the leg to a number.
func (g *gateway) legTo(number string) *carriersim.Call {
	g.t.Helper()
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	c, err := g.carrier.AwaitCall(ctx, func(c *carriersim.Call) bool { return c.To() == number })
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

func (g *gateway) mediaURL() string { return "ws" + strings.TrimPrefix(g.URL, "http") + "/media" }

// stream is markup that connects a call with the gateway's media socket.
func (g *gateway) stream() string {
	return `<Connect><Stream url="` + g.mediaURL() + `" name="agent" statusCallback="%s/stream" statusCallbackMethod="POST">` +
		`<Parameter name="call" value="01J"/></Stream></Connect><Hangup/>`
}
