package switchtest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// Faults tests that all faults of the core work for a persona.
func Faults(t *testing.T, begin func(testing.TB) *Gateway) {
	for name, test := range map[string]func(*testing.T, *Gateway){
		"duplicate":        duplicate,
		"reorder":          reorder,
		"delay":            delay,
		"drop":             drop,
		"retry":            retry,
		"status":           refusedByFault,
		"nothing was done": nothingWasDone,
		"call is made":     callIsMade,
		"half a reply":     halfAReply,
		"at every stage":   stages,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, begin(t))
		})
	}
}

// FaultSignatures tests the faults of signatures, which must be there.
func FaultSignatures(t *testing.T, begin func(testing.TB) *Gateway) {
	for name, fault := range map[string]carriersim.WebhookFault{"corrupt": {Corrupt: true}, "unsigned": {Unsigned: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := begin(t)
			g.Faults().Webhooks(fault)
			g.On("/voice", "<Hangup/>")
			c := g.Ended(g.RingUp(carriersim.Person{}))
			g.Saw(c, "webhook inbound StartApp -> 403")
			g.Saw(c, "webhook status Hangup -> 403")
			if len(g.Got("/voice")) != 0 {
				t.Error("the gateway was let in")
			}
		})
	}
}

func ofEvent(event string) func(*carriersim.Webhook) bool {
	return func(w *carriersim.Webhook) bool { return w.Event == event }
}

func duplicate(t *testing.T, g *Gateway) {
	g.Faults().Webhooks(carriersim.WebhookFault{Copies: 2, Match: ofEvent("Hangup")})
	g.On("/voice", "<Hangup/>")
	g.Ended(g.RingUp(carriersim.Person{}))
	got := g.Await("/hangup", 3) // all signed, or the gateway had refused them
	for _, r := range got {
		if diff := cmp.Diff(got[0].Form, r.Form); diff != "" {
			t.Errorf("(-first +other):\n%s", diff)
		}
	}
	if n := len(g.Got("/voice")); n != 1 {
		t.Errorf("%d voice requests", n)
	}
}

func reorder(t *testing.T, g *Gateway) {
	g.Expect(g.Callee, carriersim.Person{Outcome: carriersim.NoAnswer, Ring: 50 * time.Millisecond})
	g.Faults().Webhooks(carriersim.WebhookFault{Reorder: true, Match: ofEvent("Ring")})
	g.Ended(g.Dial(Doc{"ring_url": g.URL + "/all", "hangup_url": g.URL + "/all"}))
	events := g.Events("/all", 2)
	for len(events) > 0 && events[0] == "CallInitiated" { // comes before, where it comes at all
		events = g.Events("/all", 3)[1:]
	}
	if diff := cmp.Diff([]string{"Hangup", "Ring"}, events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// delay lets the later callback overtake the one before it.
func delay(t *testing.T, g *Gateway) {
	g.Expect(g.Callee, carriersim.Person{Outcome: carriersim.NoAnswer, Ring: 50 * time.Millisecond})
	struck := g.Faults().Webhooks(carriersim.WebhookFault{Delay: time.Hour, Match: ofEvent("Ring")})
	g.Ended(g.Dial(nil))
	if g.Await("/hangup", 1); struck.Count() != 1 {
		t.Errorf("struck %d", struck.Count())
	}
}

func drop(t *testing.T, g *Gateway) {
	g.Faults().Webhooks(carriersim.WebhookFault{Drop: true, Match: ofEvent("Hangup")})
	g.On("/voice", "<Hangup/>")
	c := g.Ended(g.RingUp(carriersim.Person{}))
	g.Saw(c, "webhook status Hangup -> dropped")
	if len(g.Got("/hangup")) != 0 {
		t.Error("it came all the same")
	}
}

// retry is a callback that is answered with an error first.
func retry(t *testing.T, g *Gateway) {
	answers := make(chan int, 8)
	answers <- http.StatusServiceUnavailable
	g.Handle("/hangup", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case status := <-answers:
			w.WriteHeader(status)
		default:
		}
	})
	g.On("/voice", "<Hangup/>")
	c := g.Ended(g.RingUp(carriersim.Person{}))
	g.Saw(c, "webhook status Hangup -> 503")
	g.Saw(c, "webhook status Hangup -> 200")
}

func refusedByFault(t *testing.T, g *Gateway) {
	for _, want := range []int{401, 404, 429, 500, 503} {
		struck := g.Faults().REST(carriersim.RESTFault{Status: want})
		if status, _ := g.REST(http.MethodPost, "/Call/", g.Order(nil)); status != want || struck.Count() != 1 {
			t.Errorf("status %d, want %d, struck %d", status, want, struck.Count())
		}
		g.Faults().Clear()
	}
	if n := len(g.Carrier.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func nothingWasDone(t *testing.T, g *Gateway) {
	for _, fault := range []carriersim.RESTFault{{Hang: true}, {Cut: true}} {
		g.Faults().Clear()
		g.Faults().REST(fault)
		client := &http.Client{Timeout: 100 * time.Millisecond}
		if _, err := client.Do(g.Request(http.MethodPost, g.Account+"/Call/", g.Order(nil))); err == nil {
			t.Error("there was a reply")
		}
	}
	if n := len(g.Carrier.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

// callIsMade though no reply comes: what a gateway must reckon with.
func callIsMade(t *testing.T, g *Gateway) {
	g.Expect(g.Callee, carriersim.Person{Outcome: carriersim.Busy})
	g.Faults().REST(carriersim.RESTFault{After: true, Hang: true})
	ctx, giveUp := gatewaytest.Context(t)
	replied := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(g.Request(http.MethodPost, g.Account+"/Call/", g.Order(nil)).WithContext(ctx))
		replied <- err
	}()
	if leg := g.Ended(g.LegTo(g.Callee)); !leg.Saw("hang-up code 3010") {
		t.Errorf("timeline:\n%s", leg)
	}
	giveUp()
	if err := <-replied; err == nil {
		t.Error("there was a reply")
	}
}

func halfAReply(t *testing.T, g *Gateway) {
	g.Faults().REST(carriersim.RESTFault{After: true, Cut: true})
	resp, err := http.DefaultClient.Do(g.Request(http.MethodPost, g.Account+"/Call/", g.Order(nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("whole reply %s", body)
	}
}

func stages(t *testing.T, g *Gateway) {
	seen := make(chan string, 16)
	g.Faults().OnREST(func(s carriersim.Stage, r *http.Request) {
		if r != nil && strings.HasSuffix(r.URL.Path, "/Call/") {
			seen <- s.String()
		}
	})
	g.REST(http.MethodPost, "/Call/", g.Order(nil))
	for _, want := range []string{"read", "acted", "replied"} {
		if got := gatewaytest.Take(t, seen); got != want {
			t.Errorf("stage %s, want %s", got, want)
		}
	}
}
