// Package twilio is a simulated Twilio account: Programmable Voice's REST API,
// signed webhooks, TwiML and bidirectional Media Streams.
//
// It is strict where Twilio is: what Twilio only writes to its debugger is noted
// as a warning in the call's timeline, with Twilio's number for it. Where
// Twilio's behaviour is not known for certain the package says so beside the
// line. Not simulated: recording, <Gather>, <Refer>, <Start>, <Number url>,
// hangupOnStar, hold music, conferences over REST, applications (a number may
// name one, but then no call reaches the gateway).
package twilio

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Options describe the account. Everything has a default.
type Options struct {
	AccountSID string // AC and 32 hexadecimal digits
	AuthToken  string
	// APIKeySID and APIKeySecret are a second way to authenticate; with them
	// set, Config hands them out, too.
	APIKeySID    string
	APIKeySecret string
	Numbers      []string // E.164; the default is +14155550101
	// CallsPerSecond is how fast outbound calls start; those above it stay
	// queued. 0 is no limit. A real account has 1.
	CallsPerSecond int
	DetectAfter    time.Duration // how long machine detection takes; 0 is 500 ms
	PriceAfter     time.Duration // how long after the end the price is known; 0 is 1 s
}

// Carrier is a simulated Twilio. It implements carriersim.Carrier.
type Carrier struct {
	*carriersim.Exchange
	opt Options

	mu       sync.Mutex
	numbers  []*number
	sessions []*session // in the order in which they began
	bySID    map[string]*session
	rooms    map[string]*conference
	nextCall time.Time // when the account may start a call again
}

var _ carriersim.Carrier = (*Carrier)(nil)

// New returns a running account.
func New(o Options) (*Carrier, error) {
	if o.AccountSID == "" {
		o.AccountSID = newSID("AC")
	}
	if o.AuthToken == "" {
		o.AuthToken = randomHex(16)
	}
	if len(o.Numbers) == 0 {
		o.Numbers = []string{"+14155550101"}
	}
	if o.DetectAfter == 0 {
		o.DetectAfter = 500 * time.Millisecond
	}
	if o.PriceAfter == 0 {
		o.PriceAfter = time.Second
	}
	c := &Carrier{
		Exchange: carriersim.NewExchange("twilio", o.Numbers),
		opt:      o, rooms: map[string]*conference{}, bySID: map[string]*session{},
	}
	for _, n := range o.Numbers {
		c.numbers = append(c.numbers, newNumber(n))
	}
	if err := c.Serve(c.routes(), func(w http.ResponseWriter, status int) { refuse(w, status, 0, "") }); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// AccountSID is the account's id.
func (c *Carrier) AccountSID() string { return c.opt.AccountSID }

// AuthToken is the key of the account's signatures.
func (c *Carrier) AuthToken() string { return c.opt.AuthToken }

// Config implements carriersim.Carrier.
func (c *Carrier) Config() map[string]any {
	config := map[string]any{
		"account_sid":  c.opt.AccountSID,
		"auth_token":   c.opt.AuthToken,
		"from_numbers": c.Numbers(),
	}
	if c.opt.APIKeySID != "" {
		config["api_key_sid"] = c.opt.APIKeySID
		config["api_key_secret"] = c.opt.APIKeySecret
	}
	return config
}

// SetInbound points a number at the gateway, as its REST resource would.
func (c *Carrier) SetInbound(number, voiceURL, statusCallback string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.number(number)
	if n == nil {
		return fmt.Errorf("twilio: %s is not a number of this account", number)
	}
	n.VoiceURL, n.VoiceMethod = voiceURL, http.MethodPost
	n.StatusCallback, n.StatusCallbackMethod = statusCallback, http.MethodPost
	n.VoiceApplicationSID, n.TrunkSID = "", ""
	return nil
}

// Ring implements carriersim.Carrier.
func (c *Carrier) Ring(ctx context.Context, from, to string, p carriersim.Person) (*carriersim.Call, error) {
	c.mu.Lock()
	n := c.number(to)
	if n == nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("twilio: %s is not a number of this account", to)
	}
	at := *n
	c.mu.Unlock()
	s, err := c.newSession(carriersim.Spec{
		Direction: call.Inbound, From: from, To: to, Person: p, Status: statusRinging,
	}, dirInbound, order{statusURL: at.StatusCallback, statusMethod: at.StatusCallbackMethod, events: []string{eventCompleted}}, &at)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.Hangup("person") })
	c.Go(func(context.Context) {
		defer stop()
		s.receive(at)
	})
	return s.Call, nil
}

func (c *Carrier) number(e164 string) *number {
	i := slices.IndexFunc(c.numbers, func(n *number) bool { return n.PhoneNumber == e164 })
	if i < 0 {
		return nil
	}
	return c.numbers[i]
}

// turn reserves the next start of a call and returns how long to wait for it.
func (c *Carrier) turn(now time.Time) time.Duration {
	if c.opt.CallsPerSecond == 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nextCall.Before(now) {
		c.nextCall = now
	}
	wait := c.nextCall.Sub(now)
	c.nextCall = c.nextCall.Add(time.Second / time.Duration(c.opt.CallsPerSecond))
	return wait
}

// newSID makes an id of Twilio's form: two letters and 32 hexadecimal digits.
func newSID(prefix string) string { return prefix + randomHex(16) }

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
