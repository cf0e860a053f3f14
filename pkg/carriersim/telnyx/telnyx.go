// Package telnyx is a simulated Telnyx account: the Voice API's commands,
// webhooks signed with Ed25519, and media streams.
//
// It is strict where Telnyx is. Where Telnyx' behaviour is not known for certain
// the package says so beside the line, and takes the turn that is worse for a
// gateway. Not simulated: TeXML, REFER, recording, gathering, transcription,
// queues, forks, several numbers dialled at once, supervisors, files to play
// on answer, and the codecs G722, OPUS and AMR-WB.
package telnyx

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Options describe the account. Everything has a default.
type Options struct {
	APIKey       string // begins KEY
	ConnectionID string // of the application that is there from the start
	// ProfileID is the account's outbound voice profile, without which an
	// application cannot call.
	ProfileID string
	Numbers   []string // E.164; the default is +12025550142
	// Codec is what the phone network speaks, and a stream therefore receives
	// unless it asks for another: PCMU, or PCMA as outside North America.
	Codec string
	// LittleEndian turns the bytes of L16 around. Which order Telnyx uses is
	// contested; by default it is that of the network.
	LittleEndian bool
	// Channels is how many outbound calls may run at once; 0 is no limit. A new
	// account has 2.
	Channels int
	// Concurrent sends webhooks as they come, without waiting for the one before,
	// so that they may overtake each other. The reorder fault has no hold on them.
	Concurrent bool
	// Moved gives the webhooks of dialled calls another call_control_id than the
	// dial was answered with. Both then name the call.
	Moved bool
	// SwapEvery exchanges every so many frames of audio with the next; 0 is never.
	SwapEvery int
	// BeepFirst makes machine detection hear the beep before it has a verdict.
	BeepFirst   bool
	DetectAfter time.Duration // how long machine detection takes; 0 is 500 ms
	CostAfter   time.Duration // how long after the end the cost is known; 0 is 1 s
}

// Carrier is a simulated Telnyx. It implements carriersim.Carrier.
type Carrier struct {
	*carriersim.Exchange
	opt     Options
	userID  string
	private ed25519.PrivateKey
	secret  string // of the signatures of version 1

	snowflake atomic.Int64 // the last id given out

	mu          sync.Mutex
	numbers     []*number
	apps        []*application
	sessions    []*session // in the order in which they began
	byID        map[string]*session
	dialled     map[string]dialled // by command_id
	conferences []*conference
}

// dialled is a dial that was ordered with a command_id.
type dialled struct {
	s  *session
	at time.Time
}

var _ carriersim.Carrier = (*Carrier)(nil)

// New returns a running account with one application, to which no number leads
// yet.
func New(o Options) (*Carrier, error) {
	c := &Carrier{userID: uuid.NewString(), secret: uuid.NewString(), byID: map[string]*session{}, dialled: map[string]dialled{}}
	c.snowflake.Store(1293384261075731499)
	for field, fallback := range map[*string]string{
		&o.APIKey: "KEY" + randomText(24), &o.ConnectionID: c.newID(), &o.ProfileID: c.newID(), &o.Codec: codecPCMU,
	} {
		if *field == "" {
			*field = fallback
		}
	}
	if len(o.Numbers) == 0 {
		o.Numbers = []string{"+12025550142"}
	}
	if o.DetectAfter == 0 {
		o.DetectAfter = 500 * time.Millisecond
	}
	if o.CostAfter == 0 {
		o.CostAfter = time.Second
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	c.opt, c.private = o, private
	c.apps = []*application{newApplication(o.ConnectionID, o.ProfileID)}
	for _, n := range o.Numbers {
		c.numbers = append(c.numbers, newNumber(c.newID(), n))
	}
	c.Exchange = carriersim.NewExchange("telnyx", o.Numbers)
	if err := c.Serve(c.routes(), refuse); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// PublicKey is the key of the account's signatures, as the portal shows it.
func (c *Carrier) PublicKey() string {
	return base64.StdEncoding.EncodeToString(c.private.Public().(ed25519.PublicKey))
}

// Config implements carriersim.Carrier.
func (c *Carrier) Config() map[string]any {
	return map[string]any{
		"api_key":                   c.opt.APIKey,
		"connection_id":             c.opt.ConnectionID,
		"webhook_public_key":        c.PublicKey(),
		"outbound_voice_profile_id": c.opt.ProfileID,
		"from_numbers":              c.Numbers(),
	}
}

// SetInbound points the application at the gateway and all numbers at the
// application, as the portal would. failoverURL may be empty.
func (c *Carrier) SetInbound(webhookURL, failoverURL string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	app := c.app(c.opt.ConnectionID)
	app.WebhookURL, app.FailoverURL = webhookURL, &failoverURL
	for _, n := range c.numbers {
		n.ConnectionID, n.ConnectionName = app.ID, app.Name
	}
}

// Ring implements carriersim.Carrier.
func (c *Carrier) Ring(ctx context.Context, from, to string, p carriersim.Person) (*carriersim.Call, error) {
	c.mu.Lock()
	n := c.number(to)
	if n == nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("telnyx: %s is not a number of this account", to)
	}
	connection := n.ConnectionID
	c.mu.Unlock()
	s, err := c.newSession(carriersim.Spec{
		Direction: call.Inbound, From: from, To: to, Person: p, Status: stateParked,
	}, order{connection: connection, limit: longestCall}, nil)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.Hangup(hungUpByPerson) })
	c.Go(func(context.Context) {
		defer stop()
		s.receive()
	})
	return s.Call, nil
}

// newID makes an id of a configured thing: a number that rises.
func (c *Carrier) newID() string { return strconv.FormatInt(c.snowflake.Add(1), 10) }

// newControlID makes the id by which a leg is commanded.
func newControlID() string { return "v3:" + randomText(32) }

func randomText(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// stamp is a moment as Telnyx writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// page cuts a list as page[number] and page[size] say, and wraps it.
func page[T any](r *http.Request, items []T) (any, error) {
	size, at := 20, 1
	for name, into := range map[string]*int{"page[size]": &size, "page[number]": &at} {
		if text := r.URL.Query().Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || name == "page[size]" && n > 250 {
				return nil, invalid(codeRange, name, "out of range")
			}
			*into = n
		}
	}
	start := min((at-1)*size, len(items))
	end := min(start+size, len(items))
	return map[string]any{
		"data": append([]T{}, items[start:end]...),
		"meta": map[string]int{
			"total_pages": (len(items) + size - 1) / size, "total_results": len(items), "page_number": at, "page_size": size,
		},
	}, nil
}
