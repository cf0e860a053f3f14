package telnyx

import (
	"context"
	"encoding/base64"
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

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

const (
	caller = "+12025550133"
	callee = "+12025550131"
	ours   = "+12025550142"
)

// gateway is a toy on the other side: it takes webhooks, remembers them, gives
// the commands that a test ties to them, and serves a media socket.
type gateway struct {
	*httptest.Server
	t       testing.TB
	carrier *Carrier

	mu        sync.Mutex
	reactions map[string]func(e event) // by the event's name, after the reply
	handlers  map[string]http.HandlerFunc
	events    []event
	changed   chan struct{}
	media     func(ws *websocket.Conn) // serves /media
	opened    []http.Header            // of the media sockets
	reacting  sync.WaitGroup
}

// event is a webhook that was received.
type event struct {
	path    string
	name    string
	id      string
	attempt float64
	payload map[string]any
}

func (e event) control() string { return e.payload["call_control_id"].(string) }

// begin starts a carrier and a gateway to which the numbers lead.
func begin(t testing.TB, o Options) (*Carrier, *gateway) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t, carrier: c, reactions: map[string]func(event){}, handlers: map[string]http.HandlerFunc{}, changed: make(chan struct{})}
	g.Server = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(func() {
		c.Close()
		g.Close()
		g.reacting.Wait()
	})
	c.SetInbound(g.URL+"/hook", "")
	return c, g
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	handler, media := g.handlers[r.URL.Path], g.media
	g.mu.Unlock()
	if handler != nil {
		handler(w, r)
		return
	}
	if r.URL.Path == "/media" && media != nil {
		g.serveMedia(w, r, media)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if !verify(g.t, g.carrier.PublicKey(), r.Header.Get("Telnyx-Timestamp"), r.Header.Get("Telnyx-Signature-Ed25519"), body) {
		http.Error(w, "signature", http.StatusForbidden)
		return
	}
	var doc struct {
		Data struct {
			RecordType string         `json:"record_type"`
			EventType  string         `json:"event_type"`
			ID         string         `json:"id"`
			OccurredAt time.Time      `json:"occurred_at"`
			Payload    map[string]any `json:"payload"`
		}
		Meta struct {
			Attempt     float64
			DeliveredTo string `json:"delivered_to"`
		}
	}
	if err := json.Unmarshal(body, &doc); err != nil || doc.Data.RecordType != "event" || doc.Data.OccurredAt.IsZero() || doc.Meta.DeliveredTo != g.URL+r.URL.Path {
		g.t.Errorf("%s: %v in %s", r.URL.Path, err, body)
	}
	e := event{r.URL.Path, doc.Data.EventType, doc.Data.ID, doc.Meta.Attempt, doc.Data.Payload}
	g.mu.Lock()
	react := g.reactions[e.name]
	g.events = append(g.events, e)
	close(g.changed)
	g.changed = make(chan struct{})
	if react != nil {
		g.reacting.Go(func() { react(e) })
	}
	g.mu.Unlock()
}

func (g *gateway) serveMedia(w http.ResponseWriter, r *http.Request, media func(ws *websocket.Conn)) {
	g.mu.Lock()
	g.opened = append(g.opened, r.Header.Clone())
	g.mu.Unlock()
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		g.t.Errorf("upgrade: %v", err)
		return
	}
	defer ws.Close()
	media(ws)
}

func (g *gateway) mediaURL() string { return "ws" + strings.TrimPrefix(g.URL, "http") + "/media" }

// on ties commands to an event.
func (g *gateway) on(name string, react func(e event)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reactions[name] = react
}

// command ties one command to an event, on the leg that it is of. MEDIA in the
// body is the URL of the media socket, %s the gateway's.
func (g *gateway) onCommand(name, command, body string) {
	g.on(name, func(e event) {
		if status, doc := g.command(e.control(), command, body); status != 200 {
			g.t.Errorf("%s: %d %v", command, status, doc)
		}
	})
}

// answers makes every call answered with a stream.
func (g *gateway) answers() { g.onCommand("call.initiated", "answer", streaming) }

// streaming is a command's body with a stream as a gateway wants it.
const streaming = `{"stream_url":"MEDIA","stream_bidirectional_mode":"rtp","stream_bidirectional_codec":"PCMU"}`

// handle serves a path without checks.
func (g *gateway) handle(path string, h http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handlers[path] = h
}

// got returns the events of a name so far; "" is all.
func (g *gateway) got(name string) []event {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gotLocked(name)
}

func (g *gateway) gotLocked(name string) []event {
	var list []event
	for _, e := range g.events {
		if name == "" || e.name == name {
			list = append(list, e)
		}
	}
	return list
}

// await returns the events of a name, once there are n of them.
func (g *gateway) await(name string, n int) []event {
	g.t.Helper()
	limit := time.After(patience)
	for {
		g.mu.Lock()
		list, changed, all := g.gotLocked(name), g.changed, g.events
		g.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-changed:
		case <-limit:
			g.t.Fatalf("%d of %s, want %d, in %v", len(list), name, n, all)
		}
	}
}

// names are the events of a leg, in the order in which they came.
func (g *gateway) names(control string) (list []string) {
	for _, e := range g.got("") {
		if e.payload["call_control_id"] == control {
			list = append(list, e.name)
		}
	}
	return list
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

// legTo waits for the leg to a number.
func (g *gateway) legTo(to string) *carriersim.Call {
	g.t.Helper()
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	c, err := g.carrier.AwaitCall(ctx, func(c *carriersim.Call) bool { return c.To() == to })
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// command gives one command.
func (g *gateway) command(control, name, body string) (int, map[string]any) {
	method := http.MethodPost
	if name == "client_state_update" {
		method = http.MethodPut
	}
	return g.rest(method, "/v2/calls/"+url.PathEscape(control)+"/actions/"+name, body)
}

// rest makes a REST request and returns the status and the body.
func (g *gateway) rest(method, path, body string) (int, map[string]any) {
	g.t.Helper()
	return g.do(g.request(method, path, body))
}

func (g *gateway) request(method, path, body string) *http.Request {
	g.t.Helper()
	body = strings.NewReplacer("MEDIA", g.mediaURL(), "%s", g.URL).Replace(body)
	req, err := http.NewRequest(method, g.carrier.APIURL()+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+g.carrier.opt.APIKey)
	return req
}

func (g *gateway) do(req *http.Request) (int, map[string]any) {
	g.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Errorf("%v", err) // not Fatal: reactions call it, too
		return 0, nil
	}
	defer resp.Body.Close()
	doc := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		g.t.Errorf("%s %s: %v", req.Method, req.URL, err)
	}
	return resp.StatusCode, doc
}

// code is the code of a refusal, "" where it is none.
func code(doc map[string]any) string {
	errors, _ := doc["errors"].([]any)
	if len(errors) == 0 {
		return ""
	}
	return errors[0].(map[string]any)["code"].(string)
}

// dialBody is the body of a dial. more is what it has beside.
func (g *gateway) dialBody(more string) string {
	body := fmt.Sprintf(`{"connection_id":%q,"to":%q,"from":%q,"client_state":%q`, g.carrier.opt.ConnectionID, callee, ours, state("call_7f3a"))
	if more != "" {
		body += "," + more
	}
	return body + "}"
}

func state(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// dial places a call over REST and returns it.
func (g *gateway) dial(more string) *carriersim.Call {
	g.t.Helper()
	status, doc := g.rest(http.MethodPost, "/v2/calls", g.dialBody(more))
	if status != 200 {
		g.t.Fatalf("dial: %d %v", status, doc)
	}
	id := doc["data"].(map[string]any)["call_control_id"]
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	c, err := g.carrier.AwaitCall(ctx, func(c *carriersim.Call) bool { return c.ID() == id })
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// hangsUp is somebody who picks up and hangs up.
func hangsUp(after time.Duration) carriersim.Person {
	return carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: after}, carriersim.Hangup{}}}
}
