package telnyx

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

const (
	caller = "+12025550133"
	callee = "+12025550131"
	ours   = "+12025550142"
)

// gateway is a toy that gives the commands which a test ties to events.
type gateway struct {
	*gatewaytest.Gateway[event]
	carrier *Carrier

	mu       sync.Mutex
	over     bool // nothing is begun any more
	reacting sync.WaitGroup
}

// event is a webhook that was received.
type event struct {
	path    string
	name    string
	id      string
	attempt float64
	payload map[string]any
}

func (e event) Key() string { return e.name }

func (e event) control() string { return e.payload["call_control_id"].(string) }

// begin starts a carrier and a gateway to which the numbers lead.
func begin(t testing.TB, o Options) (*Carrier, *gateway) {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{carrier: c}
	g.Gateway = gatewaytest.Begin(gatewaytest.Phone{T: t, Carrier: c, From: caller, To: ours}, gatewaytest.Dialect[event]{
		Refuse: g.refuse, Read: g.read, ContentType: "application/json",
	})
	t.Cleanup(g.finish) // before the carrier ends, which commands need
	c.SetInbound(g.URL+"/hook", "")
	return c, g
}

// finish waits for the commands that are under way.
func (g *gateway) finish() {
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	g.reacting.Wait()
}

func (g *gateway) refuse(r *http.Request, _, body string) int {
	if !websocket.IsWebSocketUpgrade(r) && // sockets are not signed
		!verify(g.T, g.carrier.PublicKey(), r.Header.Get("Telnyx-Timestamp"), r.Header.Get("Telnyx-Signature-Ed25519"), []byte(body)) {
		return http.StatusForbidden
	}
	return 0
}

func (g *gateway) read(r *http.Request, body string) (event, error) {
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
	err := json.Unmarshal([]byte(body), &doc)
	if err == nil && (doc.Data.RecordType != "event" || doc.Data.OccurredAt.IsZero() || doc.Meta.DeliveredTo != g.URL+r.URL.Path) {
		err = errors.New("not an event as it should be")
	}
	return event{r.URL.Path, doc.Data.EventType, doc.Data.ID, doc.Meta.Attempt, doc.Data.Payload}, err
}

// on ties commands to an event. The webhook does not wait for them.
func (g *gateway) on(name string, react func(e event)) {
	g.Answer(name, func(e event) string {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !g.over {
			g.reacting.Go(func() { react(e) })
		}
		return "{}"
	})
}

// onCommand ties one command to an event, on the leg that it is of.
func (g *gateway) onCommand(name, command, body string) {
	g.on(name, func(e event) {
		if status, doc := g.command(e.control(), command, body); status != 200 {
			g.T.Errorf("%s: %d %v", command, status, doc)
		}
	})
}

// answers makes every call answered with a stream.
func (g *gateway) answers() { g.onCommand("call.initiated", "answer", streaming) }

// streaming is a command's body with a stream as a gateway wants it.
const streaming = `{"stream_url":"{media}","stream_bidirectional_mode":"rtp","stream_bidirectional_codec":"PCMU"}`

// names are the events of a leg, in the order in which they came.
func (g *gateway) names(control string) (list []string) {
	for _, e := range g.Got("") {
		if e.payload["call_control_id"] == control {
			list = append(list, e.name)
		}
	}
	return list
}

// command gives one command.
func (g *gateway) command(control, name, body string) (int, map[string]any) {
	method := http.MethodPost
	if name == "client_state_update" {
		method = http.MethodPut
	}
	return g.rest(method, "/v2/calls/"+url.PathEscape(control)+"/actions/"+name, body)
}

// rest makes a REST request, whose body is filled.
func (g *gateway) rest(method, path, body string) (int, map[string]any) {
	g.T.Helper()
	return g.do(g.request(method, path, body))
}

func (g *gateway) request(method, path, body string) *http.Request {
	g.T.Helper()
	req, err := http.NewRequest(method, g.carrier.APIURL()+path, strings.NewReader(g.Fill(body)))
	if err != nil {
		g.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+g.carrier.opt.APIKey)
	return req
}

func (g *gateway) do(req *http.Request) (int, map[string]any) {
	g.T.Helper()
	status, body := gatewaytest.Do(g.T, req)
	doc := map[string]any{}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		g.T.Errorf("%s %s: %v", req.Method, req.URL, err) // not Fatal: reactions call it, too
	}
	return status, doc
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
	g.T.Helper()
	status, doc := g.rest(http.MethodPost, "/v2/calls", g.dialBody(more))
	if status != 200 {
		g.T.Fatalf("dial: %d %v", status, doc)
	}
	return g.CallOf(doc["data"].(map[string]any)["call_control_id"].(string))
}

// hangsUp is somebody who picks up and hangs up.
func hangsUp(after time.Duration) carriersim.Person {
	return carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: after}, carriersim.Hangup{}}}
}
