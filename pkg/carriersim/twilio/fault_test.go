package twilio

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func TestDuplicateIsTheSameRequest(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Faults().Webhooks(carriersim.WebhookFault{Copies: 2, Match: func(w *carriersim.Webhook) bool { return w.Kind == carriersim.KindStatus }})
	g.on("/voice", "<Reject/>")
	g.Ended(g.RingUp(carriersim.Person{}))
	got := g.Await("/status", 3) // all signed, or the gateway had refused them
	for _, r := range got {
		if r.Form.Encode() != got[0].Form.Encode() || r.Header.Get("I-Twilio-Idempotency-Token") != got[0].Header.Get("I-Twilio-Idempotency-Token") {
			t.Errorf("%v %v", r.Form, r.Header)
		}
	}
	if n := len(g.Got("/voice")); n != 1 {
		t.Errorf("%d voice requests", n)
	}
}

func TestCorruptSignature(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Faults().Webhooks(carriersim.WebhookFault{Corrupt: true})
	g.on("/voice", "<Reject/>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	g.Saw(call, "webhook inbound ringing -> 403")
	g.Saw(call, "warning 11200 fetch answered 403")
	g.Saw(call, "webhook status completed -> 403")
	if len(g.Got("/voice")) != 0 {
		t.Error("the gateway took a corrupt signature for a good one")
	}
}

func TestRESTFaultsSpeakTwilio(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	for status, code := range map[int]int{429: 20429, 500: 20500, 503: 20503, 401: 20003} {
		c.Faults().REST(carriersim.RESTFault{Status: status, When: carriersim.When{Times: 1}})
		got, body := g.rest(http.MethodGet, "/Calls.json", nil)
		if got != status || field[int](t, body, "code") != code || field[int](t, body, "status") != status {
			t.Errorf("%d %s", got, body)
		}
		c.Faults().Clear()
	}
}

// TestCallIsMadeThoughTheReplyIsLost is what a gateway must reckon with.
func TestCallIsMadeThoughTheReplyIsLost(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Outcome: carriersim.Busy})
	c.Faults().REST(carriersim.RESTFault{After: true, Hang: true})
	form := url.Values{"To": {callee}, "From": {ours}, "Url": {g.URL + "/answer"}}
	req, err := http.NewRequest(http.MethodPost, c.APIURL()+c.path("/Calls.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.RawQuery = form.Encode()
	req.SetBasicAuth(c.AccountSID(), c.AuthToken())
	if _, err := (&http.Client{Timeout: 200 * time.Millisecond}).Do(req); err == nil {
		t.Fatal("there was a reply")
	}
	if leg := g.Ended(g.LegTo(callee)); leg.Status() != "busy" {
		t.Errorf("status %s", leg.Status())
	}
}
