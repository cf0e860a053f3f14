// Package cloudonix is a simulated Cloudonix domain: its REST API with the
// limit of ten requests in ten seconds, voice applications that speak CXML,
// session updates, call detail records, and media streams in Twilio's protocol.
//
// Much about the carrier is not documented. Where that is so the package does
// what is hardest for a gateway and says so beside the line: a bare URL is asked
// by GET, updates come twice and every other time in a list, call detail records
// carry no key, a profile that is written replaces the old one, nothing is sent
// a second time, the account is named by the short form of the domain where that
// may happen. Not simulated: subscribers, recording, <Gather>, <Coach>,
// <Converse>, <Start>, <Service>, forks of two-leg sessions, scheduled calls,
// execute "immediately", conferences over REST, customers beside "self".
package cloudonix

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Options describe the domain. Everything has a default.
type Options struct {
	Domain      string // short name; the default is acme
	BearerToken string // XI and 32 more characters
	// WebhookKey is the key that the domain sends with webhooks from the start;
	// Config hands it out, too. Without one there is none until it is set.
	WebhookKey string
	Numbers    []string // E.164; the default is +14155550101
	Trunks     []string // outbound trunks by name; the default is main
	// Requests is how many requests in ten seconds the domain takes; 0 is 10.
	Requests int
	// NoPatch refuses the method PATCH, of which the carrier's two descriptions
	// say different things.
	NoPatch     bool
	DetectAfter time.Duration // how long machine detection takes; 0 is 500 ms
	RecordAfter time.Duration // from the end of a call to its detail record
}

// Carrier is a simulated Cloudonix. It implements carriersim.Carrier.
type Carrier struct {
	*carriersim.Exchange
	opt   Options
	limit limit

	mu       sync.Mutex
	serial   int // of everything that is numbered
	domain   domain
	apps     []*application
	dnids    []*dnid
	sessions []*session // in the order in which they began
	byToken  map[string]*session
	rooms    map[string]*conference
}

var _ carriersim.Carrier = (*Carrier)(nil)

// suffix is what the full name of a domain has behind the short one.
const suffix = ".cloudonix.net"

// New returns a running domain without applications and DNIDs.
func New(o Options) (*Carrier, error) {
	if o.Domain == "" {
		o.Domain = "acme"
	}
	if o.BearerToken == "" {
		o.BearerToken = "XI" + randomHex(16)
	}
	if len(o.Numbers) == 0 {
		o.Numbers = []string{"+14155550101"}
	}
	if o.Trunks == nil {
		o.Trunks = []string{"main"}
	}
	if o.Requests == 0 {
		o.Requests = 10
	}
	if o.DetectAfter == 0 {
		o.DetectAfter = 500 * time.Millisecond
	}
	c := &Carrier{
		Exchange: carriersim.NewExchange("cloudonix", o.Numbers), opt: o, limit: limit{most: o.Requests},
		serial: 100, byToken: map[string]*session{}, rooms: map[string]*conference{},
	}
	c.domain = domain{ID: c.nextSerial(), Domain: o.Domain + suffix, UUID: newUUID(), Active: true, Profile: map[string]json.RawMessage{}}
	if o.WebhookKey != "" {
		c.domain.set(profileKey, o.WebhookKey)
	}
	if err := c.Serve(c.routes(), func(w http.ResponseWriter, status int) { refuse(w, status, "") }); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Domain is the full name of the domain.
func (c *Carrier) Domain() string { return c.opt.Domain + suffix }

// Config implements carriersim.Carrier.
func (c *Carrier) Config() map[string]any {
	config := map[string]any{
		"bearer_token": c.opt.BearerToken,
		"domain_id":    c.Domain(),
		"from_numbers": c.Numbers(),
	}
	if c.opt.WebhookKey != "" {
		config["webhook_api_key"] = c.opt.WebhookKey
	}
	return config
}

// SetInbound leads a number to the gateway, through a voice application that is
// asked by POST, and tells the domain where call detail records go.
func (c *Carrier) SetInbound(number, answerURL, recordURL string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.has(number) {
		return fmt.Errorf("cloudonix: %s is not a number of this domain", number)
	}
	app := c.application("gateway")
	if app == nil {
		app = c.newApplication("gateway")
	}
	app.URL, app.Method = answerURL, http.MethodPost
	if c.route(number) != app {
		c.dnids = append(c.dnids, newDNID(c.nextSerial(), app.ID, number))
	}
	c.domain.set(profileRecords, recordURL)
	return nil
}

func (c *Carrier) has(number string) bool {
	for _, n := range c.Numbers() {
		if n == number {
			return true
		}
	}
	return false
}

// Ring implements carriersim.Carrier.
func (c *Carrier) Ring(ctx context.Context, from, to string, p carriersim.Person) (*carriersim.Call, error) {
	if !c.has(to) {
		return nil, fmt.Errorf("cloudonix: %s is not a number of this domain", to)
	}
	var app application
	c.mu.Lock()
	if a := c.route(to); a != nil {
		app = *a
	}
	callback := c.domain.get(profileUpdates)
	c.mu.Unlock()
	s, err := c.newSession(carriersim.Spec{Direction: call.Inbound, From: from, To: to, Person: p}, dirInbound,
		order{app: app, callback: callback})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.Hangup("person") })
	c.Go(func(context.Context) {
		defer stop()
		s.receive()
	})
	return s.Call, nil
}

// nextSerial makes a number for something. The carrier's mutex is held, or
// nobody else knows the carrier yet.
func (c *Carrier) nextSerial() int {
	c.serial++
	return c.serial
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func newUUID() string {
	h := randomHex(16)
	return strings.Join([]string{h[:8], h[8:12], "4" + h[13:16], "8" + h[17:20], h[20:]}, "-")
}
