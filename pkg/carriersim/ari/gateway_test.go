package ari

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
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
	ours   = "8000"
)

// gateway is a toy on the other side of a PBX: a reader of events, and a client
// of its REST interface.
type gateway struct {
	t       testing.TB
	carrier *Carrier
}

// begin starts a PBX.
func begin(t testing.TB, o Options) (*Carrier, *gateway) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, &gateway{t, c}
}

// rest makes a request; query is that of the URL, without a question mark.
func (g *gateway) rest(method, path, query string) (int, map[string]any) {
	g.t.Helper()
	return g.restBody(method, path, query, "")
}

// restBody is rest with a JSON document.
func (g *gateway) restBody(method, path, query, body string) (int, map[string]any) {
	g.t.Helper()
	resp := g.do(method, path, query, body)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	doc := map[string]any{}
	if len(text) > 0 && text[0] == '{' {
		if err := json.Unmarshal(text, &doc); err != nil {
			g.t.Fatalf("%v in %s", err, text)
		}
	}
	return resp.StatusCode, doc
}

func (g *gateway) do(method, path, query, body string) *http.Response {
	g.t.Helper()
	req, err := http.NewRequest(method, g.carrier.APIURL()+"/ari/"+path+"?"+query, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetBasicAuth(g.carrier.opt.Username, g.carrier.opt.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp
}

// must makes a request that shall be answered with a status.
func (g *gateway) must(status int, method, path, query string) map[string]any {
	g.t.Helper()
	got, doc := g.rest(method, path, query)
	if got != status {
		g.t.Fatalf("%s %s?%s: %d %v, want %d", method, path, query, got, doc, status)
	}
	return doc
}

// listener is an events socket.
type listener struct {
	t    testing.TB
	conn *websocket.Conn

	mu      sync.Mutex
	events  []map[string]any
	changed chan struct{}
	pongs   chan string
}

func (g *gateway) socketURL(path string) string {
	return "ws" + strings.TrimPrefix(g.carrier.APIURL(), "http") + path
}

// listen opens the events socket of an application.
func (g *gateway) listen(app string) *listener {
	g.t.Helper()
	header := http.Header{}
	req := http.Request{Header: header}
	req.SetBasicAuth(g.carrier.opt.Username, g.carrier.opt.Password)
	conn, _, err := websocket.DefaultDialer.Dial(g.socketURL("/ari/events?app="+app), header)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	l := &listener{t: g.t, conn: conn, changed: make(chan struct{}), pongs: make(chan string, 1)}
	conn.SetPongHandler(func(text string) error {
		l.pongs <- text
		return nil
	})
	go l.read()
	g.until(func() bool { return g.carrier.Listening(app) })
	return l
}

// until waits for a condition of which nothing tells.
func (g *gateway) until(so func() bool) {
	g.t.Helper()
	limit := time.After(patience)
	for !so() {
		select {
		case <-time.After(time.Millisecond):
		case <-limit:
			g.t.Fatal("it did not come to be")
		}
	}
}

func (l *listener) read() {
	for {
		_, text, err := l.conn.ReadMessage()
		event := map[string]any{"type": "closed"}
		if err == nil {
			err = json.Unmarshal(text, &event)
		}
		l.mu.Lock()
		l.events = append(l.events, event)
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// about returns the id of the channel that an event is about.
func about(event map[string]any) string {
	for _, key := range []string{"channel", "peer", "bridge"} {
		if doc, ok := event[key].(map[string]any); ok {
			return doc["id"].(string)
		}
	}
	return ""
}

func find(events []map[string]any, kind, id string) map[string]any {
	for _, e := range events {
		if e["type"] == kind && (id == "" || about(e) == id) {
			return e
		}
	}
	return nil
}

// await returns the first event of a type about a channel or bridge, about any
// where id is empty.
func (l *listener) await(kind, id string) map[string]any {
	l.t.Helper()
	limit := time.After(patience)
	for {
		l.mu.Lock()
		event, changed, all := find(l.events, kind, id), l.changed, l.types("")
		l.mu.Unlock()
		if event != nil {
			return event
		}
		select {
		case <-changed:
		case <-limit:
			l.t.Fatalf("no %s about %q among %v", kind, id, all)
		}
	}
}

// types lists the types of the events about a channel or bridge, but those of
// variables; a Dial's has its status behind it. The listener is locked.
func (l *listener) types(id string) []string {
	var list []string
	for _, e := range l.events {
		kind := e["type"].(string)
		if kind == "ChannelVarset" || id != "" && about(e) != id {
			continue
		}
		if kind == "Dial" {
			kind += " " + e["dialstatus"].(string)
		}
		list = append(list, kind)
	}
	return list
}

// story is types without the lock.
func (l *listener) story(id string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.types(id)
}

// ring lets a person call.
func (g *gateway) ring(p carriersim.Person) *carriersim.Call {
	g.t.Helper()
	c, err := g.carrier.Ring(g.t.Context(), caller, ours, p)
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// originate calls a person.
func (g *gateway) originate(id string, p carriersim.Person, more string) *carriersim.Call {
	g.t.Helper()
	g.carrier.Expect(callee, p)
	g.must(http.StatusOK, http.MethodPost, "channels", "endpoint="+url.QueryEscape("PJSIP/"+callee+"@carrier")+
		"&app=trunkline&appArgs=outbound,x&callerId="+url.QueryEscape(caller)+"&channelId="+id+more)
	ctx, stop := context.WithTimeout(g.t.Context(), patience)
	defer stop()
	c, err := g.carrier.AwaitCall(ctx, func(c *carriersim.Call) bool { return c.ID() == id })
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

// bridge joins channels in a bridge.
func (g *gateway) bridge(id string, channels ...string) {
	g.t.Helper()
	g.must(http.StatusOK, http.MethodPost, "bridges/"+id, "type=mixing")
	g.must(http.StatusNoContent, http.MethodPost, "bridges/"+id+"/addChannel", "channel="+strings.Join(channels, ","))
}

// answer takes a call as a gateway does.
func (g *gateway) answer(l *listener, c *carriersim.Call, format string) *stream {
	g.t.Helper()
	l.await("StasisStart", c.ID())
	s := g.media("tm-"+c.ID(), format, "f(json)")
	l.await("StasisStart", "tm-"+c.ID())
	g.must(http.StatusNoContent, http.MethodPost, "channels/"+c.ID()+"/answer", "")
	g.bridge("tb-"+c.ID(), c.ID(), "tm-"+c.ID())
	return s
}
