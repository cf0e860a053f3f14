package vonage

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func status(event string) func(*carriersim.Webhook) bool {
	return func(w *carriersim.Webhook) bool { return w.Event == event }
}

// TestDuplicate sends the same event with another token: no id tells.
func TestDuplicate(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Faults().Webhooks(carriersim.WebhookFault{Copies: 1, Match: status("completed")})
	g.On("/answer", `[]`)
	g.Ended(g.RingUp(carriersim.Person{}))
	got := g.awaitAll("/event", 2, map[string]any{"status": "completed"})
	if fmt.Sprint(got[0].doc) != fmt.Sprint(got[1].doc) || got[0].token == got[1].token {
		t.Errorf("%v", got)
	}
}

// TestUnsigned is answered 503 by the toy, and comes again with a token.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	struck := c.Faults().Webhooks(carriersim.WebhookFault{Unsigned: true})
	g.On("/answer", `[{"action":"talk","text":"hi"}]`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	g.await("/event", "status", "completed")
	g.Saw(call, "webhook inbound answer -> 503")
	g.Saw(call, "webhook inbound answer -> 200")
	g.Saw(call, "webhook status completed -> 204")
	if !call.Saw("says hi") || len(g.Got("/fallback")) > 0 || struck.Count() == 0 {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestCorruptSignature(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Faults().Webhooks(carriersim.WebhookFault{Corrupt: true})
	g.On("/answer", `[]`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	g.Saw(call, "webhook inbound answer -> 401")
	g.Saw(call, "webhook inbound fallback -> 401")
	if call.Answered() || len(g.Got("")) > 0 {
		t.Errorf("the gateway took a corrupt token for a good one:\n%s", call)
	}
}

func TestReorder(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Outcome: carriersim.Rejects})
	c.Faults().Webhooks(carriersim.WebhookFault{Reorder: true, Match: status("started")})
	call := g.Ended(g.dial(talking))
	g.await("/event", "status", "rejected")
	if got := g.statuses("/event", call.ID()); fmt.Sprint(got) != "[ringing started rejected]" {
		t.Errorf("events %v", got)
	}
}

func TestDelayAndDrop(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Outcome: carriersim.Rejects})
	c.Faults().Webhooks(carriersim.WebhookFault{Delay: 300 * time.Millisecond, Match: status("ringing")})
	c.Faults().Webhooks(carriersim.WebhookFault{Drop: true, Match: status("started")})
	call := g.Ended(g.dial(talking))
	g.await("/event", "status", "rejected")
	g.await("/event", "status", "ringing")
	if got := g.statuses("/event", call.ID()); fmt.Sprint(got) != "[rejected ringing]" {
		t.Errorf("events %v", got)
	}
}

func TestRESTFaultsSpeakVonage(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	for want, title := range map[int]string{429: "Rate Limit Hit", 500: "Internal Server Error", 401: "Unauthorized"} {
		c.Faults().REST(carriersim.RESTFault{Status: want, When: carriersim.When{Times: 1}})
		if got, doc := g.voice(http.MethodGet, "", ""); got != want || doc["title"] != title {
			t.Errorf("%d %v", got, doc)
		}
		c.Faults().Clear()
	}
}

// TestCallIsMadeThoughTheReplyIsLost is what a gateway must reckon with.
func TestCallIsMadeThoughTheReplyIsLost(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			c, g := begin(t, Options{})
			c.Faults().REST(carriersim.RESTFault{After: after, Hang: true})
			req := g.request(http.MethodPost, c.APIURL()+"/v1/calls",
				`{"to":[{"type":"phone","number":"`+callee+`"}],"from":{"type":"phone","number":"`+ours+`"},`+talking+`}`, "Bearer "+g.token(g.claims()))
			if _, err := (&http.Client{Timeout: 300 * time.Millisecond}).Do(req); err == nil {
				t.Fatal("there was a reply")
			}
			if n := len(c.Calls()); (n == 1) != after {
				t.Errorf("%d calls", n)
			}
		})
	}
}

func TestSocketIsCut(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	cut := make(chan error, 1)
	g.Media(func(ws *websocket.Conn) {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				cut <- err
				return
			}
		}
	})
	struck := c.Faults().Media(carriersim.MediaFault{After: 100 * time.Millisecond})
	g.On("/answer", connectTo("/media", 16000, ""))
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if err := <-cut; websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
		t.Errorf("socket ended in good order: %v", err)
	}
	g.await("/event", "status", "disconnected")
	if struck.Count() != 1 || !call.Saw("socket cut") {
		t.Errorf("struck %d:\n%s", struck.Count(), call)
	}
}
