package callctl_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	simulated "github.com/trunkline-io/trunkline/pkg/carriersim/twilio"
	"github.com/trunkline-io/trunkline/pkg/event"
	_ "github.com/trunkline-io/trunkline/pkg/provider/twilio"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	"github.com/trunkline-io/trunkline/services/callctl"
	"github.com/trunkline-io/trunkline/services/callctl/internal/toy"
)

// newTwilio puts the rig's main trunk at a simulated Twilio. Its webhooks reach
// somebody who keeps callees on the line and records nothing: an ingress from
// which callctl never hears.
func newTwilio(r *toy.Rig) *simulated.Carrier {
	r.Helper()
	c, err := simulated.New(simulated.Options{PriceAfter: 200 * time.Millisecond})
	r.Must(err)
	r.Cleanup(func() { _ = c.Close() })
	deaf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write([]byte(`<Response><Pause length="60"/></Response>`))
	}))
	r.Cleanup(deaf.Close)
	c.Reach(r.Links.Hooks, deaf.URL)
	sealed, err := r.Links.Keys.SealSecrets(trunk.Trunk{Org: toy.Org, Name: toy.Main, Provider: "twilio", Country: "US", Config: c.Config(), APIURL: c.APIURL()}, trunk.Trunk{})
	r.Must(err)
	r.Put(subject.BucketTrunks, subject.TrunkKey(toy.Org, toy.Main), sealed)
	return c
}

func TestTwilioWithoutCallbacks(t *testing.T) {
	r := toy.New(t)
	c := newTwilio(r)
	c.Expect(toy.Callee, carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: 100 * time.Millisecond}, carriersim.Hangup{}}})
	start(r, func(c *callctl.Config) {
		c.Cost = []time.Duration{10 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second}
	})
	r.Dial("c1")
	_, initiated := toy.Await[event.CallInitiated](r, "c1")
	end, ended := toy.Await[event.CallEnded](r, "c1")
	if end.Status != call.Completed || ended.Leg != initiated.Leg || end.CarrierCode != "completed" {
		t.Errorf("leg %s ended %+v, want what Twilio says of %s", ended.Leg, end, initiated.Leg)
	}
	if priced, _ := toy.Await[event.CallPriced](r, "c1"); priced.Cost.Amount == "" || priced.Cost.Currency != "USD" {
		t.Errorf("priced %+v", priced)
	}
}

func TestTwilioThatLosesItsReply(t *testing.T) {
	r := toy.New(t)
	c := newTwilio(r)
	c.Expect(toy.Callee, carriersim.Person{})
	c.Faults().REST(carriersim.RESTFault{After: true, Cut: true, When: carriersim.When{Times: 1},
		Match: func(q *http.Request) bool {
			return q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "/Calls.json")
		}})
	start(r)
	r.Dial("c1")
	_, e := toy.Await[event.CallInitiated](r, "c1")
	if calls := c.Calls(); len(calls) != 1 || calls[0].ID() != e.Leg {
		t.Errorf("Twilio has %d calls, and the log has leg %q; want one, found", len(calls), e.Leg)
	}
}
