package telnyx

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func named(event string) func(*carriersim.Webhook) bool {
	return func(w *carriersim.Webhook) bool { return w.Event == event }
}

// TestDuplicate is the same event with the same id.
func TestDuplicate(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Faults().Webhooks(carriersim.WebhookFault{Copies: 1, Match: named("call.hangup")})
	g.Ended(g.dial("")) // nobody is there
	if got := g.Await("call.hangup", 2); got[0].id != got[1].id || got[0].attempt != 1 || got[1].attempt != 1 {
		t.Errorf("%v", got)
	}
}

func TestReorderDelayAndDrop(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault carriersim.WebhookFault
		want  string
	}{
		"reorder": {carriersim.WebhookFault{Reorder: true, Match: named("call.answered")}, "[call.initiated call.hangup call.answered]"},
		"delay":   {carriersim.WebhookFault{Delay: 500 * time.Millisecond, Match: named("call.answered")}, "[call.initiated call.hangup call.answered]"},
		"drop":    {carriersim.WebhookFault{Drop: true, Match: named("call.answered")}, "[call.initiated call.hangup]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			c.Expect(callee, hangsUp(100*time.Millisecond))
			c.Faults().Webhooks(test.fault)
			call := g.Ended(g.dial(""))
			g.Await("call.hangup", 1)
			if name != "drop" {
				g.Await("call.answered", 1)
			}
			if got := fmt.Sprint(g.names(call.ID())); got != test.want {
				t.Errorf("events %s", got)
			}
		})
	}
}

// TestConcurrent does not wait for the reply to the event before.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Concurrent: true})
	c.Expect(callee, hangsUp(100*time.Millisecond))
	release := make(chan struct{})
	var held atomic.Bool
	g.Handle("/slow", func(http.ResponseWriter, *http.Request) {
		held.Store(true)
		<-release
	})
	g.Ended(g.dial(`"webhook_urls":{"call.initiated":["%s/slow"]}`))
	g.Await("call.hangup", 1)
	if !held.Load() || len(g.Got("call.answered")) != 1 {
		t.Errorf("events %v", g.Got(""))
	}
	close(release)
}

func TestCorruptSignature(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Faults().Webhooks(carriersim.WebhookFault{Corrupt: true})
	call := g.Ended(g.dial(""))
	g.Saw(call, "webhook status call.hangup -> 403") // which is final
	if len(g.Got("")) > 0 {
		t.Errorf("the gateway took a corrupt signature for a good one: %v", g.Got(""))
	}
}

// TestRetries: three times at one URL, then at the other.
func TestRetries(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.carrier.SetInbound(g.URL+"/down", g.URL+"/failover")
	var asked atomic.Int64
	g.Handle("/down", func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	call := g.Ended(g.dial(`"webhook_retries_policies":{"call.initiated":{"retries_ms":[10]},"call.hangup":{"retries_ms":[10,10]}}`))
	first, last := g.Await("call.initiated", 1)[0], g.Await("call.hangup", 1)[0]
	if asked.Load() != 5 || first.attempt != 3 || last.attempt != 4 || last.path != "/failover" {
		t.Errorf("asked %d times, then %v %v\n%s", asked.Load(), first, last, call)
	}
}

func TestFinalAnswersAreNotRetried(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{200: false, 302: false, 400: false, 403: false, 404: false, 408: true, 429: true, 500: true, 503: true} {
		if got := worthRetry(status, nil); got != want {
			t.Errorf("%d: %t", status, got)
		}
	}
	if !worthRetry(0, carriersim.ErrConnect) || !worthRetry(0, carriersim.ErrNoReply) {
		t.Error("a gateway that is away is not tried again")
	}
}

func TestRESTFaultsSpeakTelnyx(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	for status, want := range map[int]string{429: "10011", 500: "10007", 401: "10009", 403: "10010"} {
		c.Faults().REST(carriersim.RESTFault{Status: status, When: carriersim.When{Times: 1}, Header: http.Header{"Retry-After": {"1"}}})
		if got, doc := g.rest(http.MethodGet, "/v2/phone_numbers", ""); got != status || code(doc) != want {
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
			req := g.request(http.MethodPost, "/v2/calls", g.dialBody(""))
			if _, err := (&http.Client{Timeout: 300 * time.Millisecond}).Do(req); err == nil {
				t.Fatal("there was a reply")
			}
			if n := len(c.Calls()); (n == 1) != after {
				t.Errorf("%d calls", n)
			}
		})
	}
}

// TestStreamIsCut leaves the call as it is.
func TestStreamIsCut(t *testing.T) {
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
	g.answers()
	g.onCommand("streaming.stopped", "hangup", "")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if err := <-cut; websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
		t.Errorf("socket ended in good order: %v", err)
	}
	if struck.Count() != 1 || !call.Saw("socket cut") || !call.Saw("hung up by api") {
		t.Errorf("struck %d:\n%s", struck.Count(), call)
	}
}
