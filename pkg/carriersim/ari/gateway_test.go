package ari

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

const (
	caller = "+14155550199"
	callee = "+14155550177"
	ours   = "8000"
)

// gateway is a toy on the other side of a PBX: a reader of events, and a client
// of its REST interface.
type gateway struct {
	gatewaytest.Phone
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
	return c, &gateway{gatewaytest.Phone{T: t, Carrier: c, From: caller, To: ours}, c}
}

// rest makes a request; query is that of the URL, without a question mark.
func (g *gateway) rest(method, path, query string) (int, map[string]any) {
	g.T.Helper()
	return g.restBody(method, path, query, "")
}

// restBody is rest with a JSON document.
func (g *gateway) restBody(method, path, query, body string) (int, map[string]any) {
	g.T.Helper()
	req, err := http.NewRequest(method, g.carrier.APIURL()+"/ari/"+path+"?"+query, strings.NewReader(body))
	if err != nil {
		g.T.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetBasicAuth(g.carrier.opt.Username, g.carrier.opt.Password)
	status, text := gatewaytest.Do(g.T, req)
	doc := map[string]any{}
	if strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			g.T.Fatalf("%v in %s", err, text)
		}
	}
	return status, doc
}

// must makes a request that shall be answered with a status.
func (g *gateway) must(status int, method, path, query string) map[string]any {
	g.T.Helper()
	got, doc := g.rest(method, path, query)
	if got != status {
		g.T.Fatalf("%s %s?%s: %d %v, want %d", method, path, query, got, doc, status)
	}
	return doc
}

// listener is an events socket.
type listener struct {
	t      testing.TB
	conn   *websocket.Conn
	events gatewaytest.Log[map[string]any]
	pongs  chan string
}

func (g *gateway) socketURL(path string) string {
	return "ws" + strings.TrimPrefix(g.carrier.APIURL(), "http") + path
}

// listen opens the events socket of an application.
func (g *gateway) listen(app string) *listener {
	g.T.Helper()
	header := http.Header{}
	req := http.Request{Header: header}
	req.SetBasicAuth(g.carrier.opt.Username, g.carrier.opt.Password)
	conn, _, err := websocket.DefaultDialer.Dial(g.socketURL("/ari/events?app="+app), header)
	if err != nil {
		g.T.Fatal(err)
	}
	g.T.Cleanup(func() { conn.Close() })
	l := &listener{t: g.T, conn: conn, pongs: make(chan string, 1)}
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
	g.T.Helper()
	limit := time.After(gatewaytest.Patience)
	for !so() {
		select {
		case <-time.After(time.Millisecond):
		case <-limit:
			g.T.Fatal("it did not come to be")
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
		l.events.Add(event)
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

// await returns the first event of a type about a channel or bridge, about any
// where id is empty.
func (l *listener) await(kind, id string) map[string]any {
	l.t.Helper()
	return l.events.Await(l.t, 1, fmt.Sprintf("%s about %q", kind, id), func(e map[string]any) bool {
		return e["type"] == kind && (id == "" || about(e) == id)
	})[0]
}

// story lists the types of the events about a channel or bridge, or all, but
// those of variables; a Dial's has its status behind it.
func (l *listener) story(id string) (list []string) {
	for _, e := range l.events.All(func(e map[string]any) bool { return id == "" || about(e) == id }) {
		switch kind := e["type"].(string); kind {
		case "ChannelVarset":
		case "Dial":
			list = append(list, kind+" "+e["dialstatus"].(string))
		default:
			list = append(list, kind)
		}
	}
	return list
}

// originate calls a person.
func (g *gateway) originate(id string, p carriersim.Person, more string) *carriersim.Call {
	g.T.Helper()
	g.carrier.Expect(callee, p)
	g.must(http.StatusOK, http.MethodPost, "channels", "endpoint="+url.QueryEscape("PJSIP/"+callee+"@carrier")+
		"&app=trunkline&appArgs=outbound,x&callerId="+url.QueryEscape(caller)+"&channelId="+id+more)
	return g.CallOf(id)
}

// bridge joins channels in a bridge.
func (g *gateway) bridge(id string, channels ...string) {
	g.T.Helper()
	g.must(http.StatusOK, http.MethodPost, "bridges/"+id, "type=mixing")
	g.must(http.StatusNoContent, http.MethodPost, "bridges/"+id+"/addChannel", "channel="+strings.Join(channels, ","))
}

// answer takes a call as a gateway does.
func (g *gateway) answer(l *listener, c *carriersim.Call, format string) *stream {
	g.T.Helper()
	l.await("StasisStart", c.ID())
	s := g.media("tm-"+c.ID(), format, "f(json)")
	l.await("StasisStart", "tm-"+c.ID())
	g.must(http.StatusNoContent, http.MethodPost, "channels/"+c.ID()+"/answer", "")
	g.bridge("tb-"+c.ID(), c.ID(), "tm-"+c.ID())
	return s
}
