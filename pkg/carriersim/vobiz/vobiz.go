// Package vobiz is a simulated Vobiz account: its REST API, callbacks, XML and
// bidirectional audio streams, which are all close to Plivo's.
//
// How it behaves within a call, and what is not simulated, is said in the
// package comment of plivoswitch, which it shares with Plivo. What Vobiz does
// otherwise is set in manners.
package vobiz

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch"
)

// Options describe the account. Everything has a default.
type Options struct {
	AuthID    string // of the main account: MA_ and 8 capitals or digits
	AuthToken string
	// SubAuthID makes the numbers and the applications those of a sub-account:
	// SA_ and 8 capitals or digits. V3 is then signed with SubAuthToken, MA-V3
	// with AuthToken.
	SubAuthID    string
	SubAuthToken string
	// HandOutSub makes Config hand out the sub-account's credentials, not the
	// main account's.
	HandOutSub bool
	// Unsigned is an account that has set up no credentials for its callback
	// URLs: only one with user and password in it is called with a signature.
	Unsigned bool

	Numbers []string // E.164; the default is +912200000101
	// CallsPerSecond and MaxCalls are what the account may do at once; what is
	// above is refused. 0 is no limit. A new account has 1 and 3.
	CallsPerSecond int
	MaxCalls       int
	// IgnoreRingTimeout makes the carrier ignore ring_timeout: whether it heeds
	// it is not known.
	IgnoreRingTimeout bool
	DetectAfter       time.Duration // how long machine detection takes; 0 is 500 ms
	RecordAfter       time.Duration // how long after the end a call's record can be read; 0 is 1 s

	clearAfter time.Duration // how long clearAudio takes; 0 is 60 ms
}

// Carrier is a simulated Vobiz. It implements carriersim.Carrier. Who calls is
// shown as Ring is told, in whatever form: Vobiz does not write all alike.
type Carrier struct {
	*carriersim.Exchange
	sw      *plivoswitch.Switch
	account plivoswitch.Account
	config  map[string]any

	unsigned       bool // where a URL has no credentials in it
	callsPerSecond int
	maxCalls       int

	mu     sync.Mutex
	recent []time.Time // calls that were placed within a second
}

var _ carriersim.Carrier = (*Carrier)(nil)

const (
	inboundRate  = 6500   // a minute, in millionths of a rupee
	outboundRate = 650000 // and this
	currency     = "INR"
)

// How long Vobiz waits for a document is said in three ways, and nothing of
// whether it tries again.
var (
	fetchManners = carriersim.Policy{
		Connect: 2 * time.Second, Read: 10 * time.Second, Retries: 1, Retry: carriersim.RetryOn("ct", "5xx"),
	}
	statusManners = carriersim.Policy{
		Connect: 2 * time.Second, Read: 3 * time.Second, Retries: 3, Retry: carriersim.RetryOn("all"),
		Backoff: func(retry int) time.Duration { return time.Second << (retry - 1) },
	}
)

// New returns a running account.
func New(o Options) (*Carrier, error) {
	o.fill()
	c := &Carrier{
		account:  plivoswitch.Account{ID: o.AuthID, Token: o.AuthToken, SubID: o.SubAuthID, SubToken: o.SubAuthToken},
		config:   map[string]any{"auth_id": o.AuthID, "auth_token": o.AuthToken, "from_numbers": o.Numbers},
		unsigned: o.Unsigned, callsPerSecond: o.CallsPerSecond, maxCalls: o.MaxCalls,
	}
	if o.HandOutSub {
		c.config["auth_id"], c.config["auth_token"] = o.SubAuthID, o.SubAuthToken
	}
	if o.Unsigned {
		c.config["require_signature"] = false
	}
	c.sw = plivoswitch.New(plivoswitch.Manners{
		Provider: "vobiz", Brand: "Vobiz", Account: c.account,
		Written: func(number string) string { return number }, StartZone: plivoswitch.Zone, Complete: c.complete,
		Fetch: fetchManners, Status: statusManners, HTTPHeaders: true, Sign: c.sign,
		Headers: http.Header{"User-Agent": {"Vobiz-Webhook/1.0"}},
		OneWord: true, RingCounts: true, TellsInitiated: true, TellsHumans: true, NamesUnanswered: true, OwnCallerID: true,
		NeedsAnswerMethod: true, IgnoresRingTimeout: o.IgnoreRingTimeout, BareConferences: true,
		DetectAfter: o.DetectAfter, RecordAfter: o.RecordAfter, InboundRate: inboundRate, OutboundRate: outboundRate,
		Amount: func(millionths int64) string { return strconv.FormatFloat(float64(millionths)/1e6, 'f', -1, 64) },
		Stream: plivoswitch.StreamManners{
			Account: "500025", Terse: true, AnyFormat: true, ClearAfter: o.clearAfter, Stops: true, Wide: true,
		},
	}, o.Numbers)
	c.Exchange = c.sw.Exchange
	if err := c.sw.Open(c.api()); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (o *Options) fill() {
	if o.AuthID == "" {
		o.AuthID = "MA_" + plivoswitch.NewID(8)
	}
	if o.AuthToken == "" {
		o.AuthToken = plivoswitch.NewID(40)
	}
	if len(o.Numbers) == 0 {
		o.Numbers = []string{"+912200000101"}
	}
	if o.DetectAfter == 0 {
		o.DetectAfter = 500 * time.Millisecond
	}
	if o.clearAfter == 0 {
		o.clearAfter = 60 * time.Millisecond
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

// Ring implements carriersim.Carrier.
func (c *Carrier) Ring(ctx context.Context, from, to string, p carriersim.Person) (*carriersim.Call, error) {
	return c.sw.Ring(ctx, from, to, p)
}

// complete adds the fields that only Vobiz has.
func (c *Carrier) complete(form url.Values) {
	form.Set("auth_id", c.account.Owner())
	form.Set("timestamp", time.Now().In(plivoswitch.Zone).Format(time.DateTime))
	form.Set("stir_verification", "Not Applicable")
}

// admit refuses calls that are over the account's limits.
func (c *Carrier) admit(now time.Time) error {
	if busy := c.sw.Busy(); c.maxCalls > 0 && busy >= c.maxCalls {
		return overLimit("concurrency", c.maxCalls, busy)
	}
	if c.callsPerSecond == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.recent) > 0 && now.Sub(c.recent[0]) >= time.Second {
		c.recent = c.recent[1:]
	}
	if len(c.recent) >= c.callsPerSecond {
		return overLimit("cps", c.callsPerSecond, len(c.recent)+1)
	}
	c.recent = append(c.recent, now)
	return nil
}

func overLimit(kind string, limit, current int) error {
	return &plivoswitch.Error{
		Status: http.StatusTooManyRequests, Message: "limit exceeded",
		Limit: plivoswitch.Doc{"limitType": kind, "limit": limit, "current": current, "retryAfter": 1},
	}
}
