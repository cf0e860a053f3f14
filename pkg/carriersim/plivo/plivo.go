// Package plivo is a simulated Plivo account: the Voice REST API, signed
// callbacks, Plivo XML and bidirectional audio streams.
//
// How it behaves within a call, and what is not simulated, is said in the
// package comment of plivoswitch, which it shares with Vobiz.
package plivo

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch"
)

// Options describe the account. Everything has a default.
type Options struct {
	AuthID    string // of the main account: MA and 18 capitals or digits
	AuthToken string
	// SubAuthID makes the numbers and the applications those of a sub-account:
	// SA and 18 capitals or digits. V3 is then signed with SubAuthToken, Ma-V3
	// with AuthToken.
	SubAuthID    string
	SubAuthToken string
	// HandOutSub makes Config hand out the sub-account's credentials, not the
	// main account's.
	HandOutSub bool

	Numbers []string // E.164; the default is +14155550101
	// CallsPerSecond is how fast outbound calls start; those above it stay
	// queued. 0 is no limit. A real account has 2.
	CallsPerSecond int
	DetectAfter    time.Duration // how long machine detection takes; 0 is 500 ms
	RecordAfter    time.Duration // how long after the end a call's record can be read; 0 is 1 s
}

// Carrier is a simulated Plivo. It implements carriersim.Carrier. Numbers are
// without a plus, as Plivo writes them.
type Carrier struct {
	*carriersim.Exchange
	sw      *plivoswitch.Switch
	account plivoswitch.Account
	config  map[string]any
}

var _ carriersim.Carrier = (*Carrier)(nil)

// manners are Plivo's limits for callbacks. A document is tried three times
// before the fallback; how often other callbacks are tried is not known.
var (
	fetchManners = carriersim.Policy{
		Connect: 2 * time.Second, Read: 15 * time.Second, Total: 55 * time.Second,
		Retries: 2, Retry: carriersim.RetryOn("ct", "rt", "5xx"),
	}
	statusManners = carriersim.Policy{
		Connect: 2 * time.Second, Read: 40 * time.Second, Total: 55 * time.Second,
		Retries: 1, Retry: carriersim.RetryOn("ct", "rt", "5xx"),
	}
)

// New returns a running account.
func New(o Options) (*Carrier, error) {
	o.fill()
	c := &Carrier{
		account: plivoswitch.Account{ID: o.AuthID, Token: o.AuthToken, SubID: o.SubAuthID, SubToken: o.SubAuthToken},
		config:  map[string]any{"auth_id": o.AuthID, "auth_token": o.AuthToken, "from_numbers": o.Numbers},
	}
	if o.HandOutSub {
		c.config["auth_id"], c.config["auth_token"] = o.SubAuthID, o.SubAuthToken
	}
	var numbers []string
	for _, n := range o.Numbers {
		numbers = append(numbers, digits(n))
	}
	c.sw = plivoswitch.New(plivoswitch.Manners{
		Provider: "plivo", Brand: "Plivo", Account: c.account,
		Written: digits, StartZone: time.UTC, Complete: complete,
		Fetch: fetchManners, Status: statusManners, Fragments: true, Headers: http.Header{"Accept": {"*/*"}}, Sign: c.sign,
		CallsPerSecond: o.CallsPerSecond, DetectAfter: o.DetectAfter, RecordAfter: o.RecordAfter, StayAlone: true,
		InboundRate: 5500, OutboundRate: 10000, Amount: dollars,
		Stream: plivoswitch.StreamManners{Account: o.AuthID, Handshake: c.handshake, FirstSequence: 1, Reconnects: 2},
	}, numbers)
	c.Exchange = c.sw.Exchange
	if err := c.sw.Open(c.api()); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (o *Options) fill() {
	if o.AuthID == "" {
		o.AuthID = "MA" + plivoswitch.NewID(18)
	}
	if o.AuthToken == "" {
		o.AuthToken = plivoswitch.NewID(40)
	}
	if len(o.Numbers) == 0 {
		o.Numbers = []string{"+14155550101"}
	}
	if o.DetectAfter == 0 {
		o.DetectAfter = 500 * time.Millisecond
	}
	if o.RecordAfter == 0 {
		o.RecordAfter = time.Second
	}
}

// Config implements carriersim.Carrier. It names no application: the gateway
// makes one.
func (c *Carrier) Config() map[string]any { return maps.Clone(c.config) }

// SetInbound leads a number to the gateway, through the number's application.
func (c *Carrier) SetInbound(number, answerURL, hangupURL string) error {
	return c.sw.SetInbound(number, answerURL, hangupURL)
}

// Expect implements carriersim.Carrier. A plus before a number makes no difference.
func (c *Carrier) Expect(to string, p carriersim.Person) { c.sw.Expect(to, p) }

// Ring implements carriersim.Carrier. A plus before a number makes no difference.
func (c *Carrier) Ring(ctx context.Context, from, to string, p carriersim.Person) (*carriersim.Call, error) {
	return c.sw.Ring(ctx, from, to, p)
}

// digits is a number as Plivo writes it in callbacks: without its plus.
func digits(number string) string { return strings.TrimPrefix(number, "+") }

// complete adds the fields that only Plivo has.
func complete(form url.Values) {
	verified, attested := "Not Applicable", "Not Applicable"
	if form.Get("Direction") == "inbound" {
		verified, attested = "Verified", "A"
	}
	form.Set("STIRVerification", verified)
	form.Set("STIRAttestation", attested)
}

// dollars is an amount as Plivo writes it.
func dollars(millionths int64) string { return fmt.Sprintf("%.5f", float64(millionths)/1e6) }
