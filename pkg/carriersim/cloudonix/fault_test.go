package cloudonix

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func tells(w *carriersim.Webhook) bool { return w.Kind == carriersim.KindStatus }

func TestDuplicates(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Faults().Webhooks(carriersim.WebhookFault{Copies: 1, Match: func(w *carriersim.Webhook) bool { return w.Kind == carriersim.KindRecord }})
	g.on("/voice", "<Reject/>")
	g.Ended(g.RingUp(carriersim.Person{}))
	if got := g.Await("/record", 2); got[0].text("call_id") != got[1].text("call_id") {
		t.Errorf("%v", got)
	}
}

func TestReorderDropAndDelay(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Outcome: carriersim.Busy})
	c.Faults().Webhooks(carriersim.WebhookFault{Reorder: true, Match: tells, When: carriersim.When{Times: 1}})
	c.Faults().Webhooks(carriersim.WebhookFault{Drop: true, Match: tells, When: carriersim.When{Skip: 2, Times: 1}})
	c.Faults().Webhooks(carriersim.WebhookFault{Delay: 300 * time.Millisecond, Match: tells, When: carriersim.When{Skip: 3, Times: 1}})
	call := g.Ended(g.dial(nil))
	g.Saw(call, "webhook record")
	got := g.Await("/update", 4) // new new processing processing busy, of which one is lost
	if strings.Join(words(got), " ") != "new new busy processing" || got[0].listed != true || got[1].listed {
		t.Errorf("%q", words(got))
	}
}

func TestCorruptAndMissingKeys(t *testing.T) {
	t.Parallel()
	const key = "a-key-of-16-and-more"
	c, g := begin(t, Options{WebhookKey: key})
	g.on("/voice", "<Reject/>")
	c.Faults().Webhooks(carriersim.WebhookFault{Corrupt: true, When: carriersim.When{Times: 1}})
	g.Ended(g.RingUp(carriersim.Person{}))
	if h := g.Await("/voice", 1)[0].header; h.Get("Authorization") == "Bearer "+key || len(h.Get("X-CX-APIKey")) != 34 || h.Get("X-CX-APIKey") == c.apps[0].key {
		t.Errorf("corrupt: %v", h)
	}
	c.Faults().Clear()
	c.Faults().Webhooks(carriersim.WebhookFault{Unsigned: true})
	g.Ended(g.RingUp(carriersim.Person{}))
	if h := g.Await("/voice", 2)[1].header; h.Get("Authorization") != "" || h.Get("X-CX-APIKey") != "" {
		t.Errorf("unsigned: %v", h)
	}
}

func TestRESTFaults(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	for _, status := range []int{401, 429, 500, 503} {
		c.Faults().REST(carriersim.RESTFault{Status: status, When: carriersim.When{Times: 1}})
		if got, body := g.rest(http.MethodGet, here, nil); got != status || member[int](t, body, "status") != status {
			t.Errorf("%d %s", got, body)
		}
		c.Faults().Clear()
	}
}

// TestCallIsMadeThoughTheReplyIsLost is what a gateway must reckon with.
func TestCallIsMadeThoughTheReplyIsLost(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]carriersim.RESTFault{"hang": {After: true, Hang: true}, "cut": {After: true, Cut: true}} {
		t.Run(name, func(t *testing.T) {
			c, g := begin(t, Options{})
			c.Faults().REST(fault)
			body := strings.NewReader(`{"destination":"` + callee + `","caller-id":"` + ours + `","cxml":"<Response/>"}`)
			req, err := http.NewRequest(http.MethodPost, c.APIURL()+strings.ReplaceAll(place, "%d", c.Domain()), body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "bearer "+c.opt.BearerToken)
			resp, err := (&http.Client{Timeout: 300 * time.Millisecond}).Do(req)
			if err == nil {
				resp.Body.Close()
				if name == "hang" {
					t.Fatal("there was a reply")
				}
			}
			if leg := g.Ended(g.LegTo(callee)); leg.Status() != "CONGESTION" {
				t.Errorf("status %s", leg.Status())
			}
		})
	}
}

func TestCallIsNotMadeWhereTheRequestIsLost(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Faults().REST(carriersim.RESTFault{Status: 503, When: carriersim.When{Times: 1}})
	if status, _ := g.rest(http.MethodPost, place, doc{"destination": callee, "caller-id": ours, "cxml": "<Response/>"}); status != 503 {
		t.Errorf("%d", status)
	}
	if n := len(c.Calls()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestSocketIsCut(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Faults().Media(carriersim.MediaFault{After: 100 * time.Millisecond})
	g.Media(func(ws *websocket.Conn) { echo(t, ws, func(int) bool { return false }) })
	g.on("/voice", g.stream())
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if !call.Saw("socket cut") || !call.Saw("stream stopped by gateway") || call.Status() != "ANSWER" {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestRecordComesLater(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{RecordAfter: 100 * time.Millisecond})
	g.on("/voice", "<Reject/>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if call.Saw("webhook record") {
		t.Error("the record is there at once")
	}
	g.Await("/record", 1)
}
