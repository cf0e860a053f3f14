package cloudonix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

const (
	caller = "+14155550199"
	callee = "+14155550177"
	ours   = "+14155550101"
)

// gateway is a toy that answers with markup.
type gateway struct {
	*gatewaytest.Gateway[request]
	carrier *Carrier
}

// request is one webhook; of a list of updates, the one that is in it.
type request struct {
	method, path string
	listed       bool
	body         doc
	header       http.Header
}

func (r request) Key() string { return r.path }

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
	g := &gateway{carrier: c}
	g.Gateway = gatewaytest.Begin(gatewaytest.Phone{T: t, Carrier: c, From: caller, To: ours}, gatewaytest.Dialect[request]{
		Read: readWebhook, ContentType: "application/xml",
	})
	if err := c.SetInbound(ours, g.URL+"/voice", g.URL+"/record"); err != nil {
		t.Fatal(err)
	}
	return c, g
}

func readWebhook(r *http.Request, body string) (request, error) {
	got := request{method: r.Method, path: r.URL.Path, header: r.Header.Clone(), body: doc{}}
	switch {
	case r.Method == http.MethodGet:
		for name, values := range r.URL.Query() {
			got.body[name] = values[0]
		}
		return got, nil
	case r.Header.Get("Content-Type") != "application/json":
		return got, fmt.Errorf("content type %q", r.Header.Get("Content-Type"))
	case strings.HasPrefix(body, "["):
		var list []doc
		if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != 1 {
			return got, fmt.Errorf("list of %d: %w", len(list), err)
		}
		got.body, got.listed = list[0], true
		return got, nil
	}
	err := json.Unmarshal([]byte(body), &got.body)
	return got, err
}

// on answers a path with markup, filled.
func (g *gateway) on(path, markup string) { g.On(path, "<Response>"+markup+"</Response>") }

// rest makes a REST request; %d in the path is the domain. A body of nil is none.
func (g *gateway) rest(method, path string, body any) (int, string) {
	g.T.Helper()
	return g.restAs(g.carrier.opt.BearerToken, method, path, body)
}

func (g *gateway) restAs(token, method, path string, body any) (int, string) {
	g.T.Helper()
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	path = strings.ReplaceAll(path, "%d", g.carrier.Domain())
	req, err := http.NewRequest(method, g.carrier.APIURL()+path, bytes.NewReader(text))
	if err != nil {
		g.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return gatewaytest.Do(g.T, req)
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
	g.T.Helper()
	body := doc{"destination": callee, "caller-id": ours, "callback": g.URL + "/update"}
	for name, value := range more {
		body[name] = value
	}
	if body["cxml"] == nil && body["application"] == nil {
		body["url"] = g.URL + "/answer"
	}
	status, reply := g.rest(http.MethodPost, place, body)
	if status != http.StatusOK {
		g.T.Fatalf("place: %d %s", status, reply)
	}
	return g.CallOf(member[string](g.T, reply, "token"))
}

// stream is markup that connects a call with the gateway's media socket.
func (g *gateway) stream() string {
	return `<Connect><Stream url="` + g.MediaURL() + `" name="agent" statusCallback="%s/stream" statusCallbackMethod="POST">` +
		`<Parameter name="call" value="01J"/></Stream></Connect><Hangup/>`
}
