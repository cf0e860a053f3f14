// Package vonage is a simulated Vonage account: the Voice, Application and
// Numbers APIs, signed webhooks, NCCO and WebSocket legs.
//
// It is strict where Vonage is. Where Vonage's behaviour is not known for
// certain the package says so beside the line, and takes the turn that is worse
// for a gateway. Not simulated: app users and VBC extensions (nobody is there),
// calls from REST to a WebSocket, recording, speech recognition, onAnswer, the
// NCCO action transfer, and muting, talk and stream over REST.
package vonage

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// lineRate is the sample rate of phones in hertz. It is wide, so that a socket
// of 16 kHz needs no resampling.
const lineRate = 16000

// Options describe the account. Everything has a default.
type Options struct {
	APIKey          string // 8 hexadecimal digits
	APISecret       string
	SignatureSecret string // key of the signed webhooks
	ApplicationID   string // of the application that is there from the start
	PrivateKey      string // PEM, of that application; making one takes a moment
	Numbers         []string
	// CallsPerSecond is how many outbound calls a second may be ordered over
	// REST; those above are answered 429. 0 is no limit. A real account has 3.
	CallsPerSecond int
	// OtherRegion makes calls to the account live in a region of its own: the
	// API's address knows nothing of them, only the region_url of their answer
	// webhook does.
	OtherRegion bool
	// CompletedToo sends "completed" after any other end, too. Whether Vonage
	// does is not known.
	CompletedToo bool
	DetectAfter  time.Duration // how long machine detection takes; 0 is 500 ms
}

// Carrier is a simulated Vonage. It implements carriersim.Carrier.
type Carrier struct {
	*carriersim.Exchange
	opt Options

	mu            sync.Mutex
	numbers       []*number
	apps          map[string]*application
	legs          []leg // in the order in which they began
	conversations map[string]*conference
	ordered       []time.Time // the calls of the last second
}

var _ carriersim.Carrier = (*Carrier)(nil)

// New returns a running account with one application, to which no number leads
// yet.
func New(o Options) (*Carrier, error) {
	for field, fallback := range map[*string]string{
		&o.APIKey: randomHex(4), &o.APISecret: randomHex(8), &o.SignatureSecret: randomHex(24), &o.ApplicationID: uuid.NewString(),
	} {
		if *field == "" {
			*field = fallback
		}
	}
	if len(o.Numbers) == 0 {
		o.Numbers = []string{"14155550104"}
	}
	if o.DetectAfter == 0 {
		o.DetectAfter = 500 * time.Millisecond
	}
	if o.PrivateKey == "" {
		key, err := newPrivateKey()
		if err != nil {
			return nil, err
		}
		o.PrivateKey = key
	}
	public, err := publicPEM(o.PrivateKey)
	if err != nil {
		return nil, err
	}
	app, err := readApplication(map[string]any{
		"name": "simulated", "keys": map[string]any{"public_key": public}, "capabilities": map[string]any{},
	})
	if err != nil {
		return nil, err
	}
	app.id = o.ApplicationID
	c := &Carrier{
		Exchange: carriersim.NewExchange("vonage", o.Numbers), opt: o,
		apps: map[string]*application{app.id: app}, conversations: map[string]*conference{},
	}
	for _, n := range o.Numbers {
		c.numbers = append(c.numbers, newNumber(n))
	}
	if err := c.Serve(c.routes(), func(w http.ResponseWriter, status int) { refuse(w, &apiError{status: status}) }); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// SignatureSecret is the key of the account's signatures.
func (c *Carrier) SignatureSecret() string { return c.opt.SignatureSecret }

// Config implements carriersim.Carrier.
func (c *Carrier) Config() map[string]any {
	return map[string]any{
		"application_id":   c.opt.ApplicationID,
		"private_key":      c.opt.PrivateKey,
		"api_key":          c.opt.APIKey,
		"api_secret":       c.opt.APISecret,
		"signature_secret": c.opt.SignatureSecret,
		"from_numbers":     c.Numbers(),
	}
}

// SetInbound points the application at the gateway and all numbers at the
// application, as the dashboard would. fallbackURL may be empty.
func (c *Carrier) SetInbound(answerURL, fallbackURL, eventURL string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.apps[c.opt.ApplicationID]
	hooks := map[string]any{}
	for name, address := range map[string]string{"answer_url": answerURL, "fallback_answer_url": fallbackURL, "event_url": eventURL} {
		if address != "" {
			hooks[name] = map[string]any{"address": address, "http_method": http.MethodPost}
		}
	}
	app, err := readApplication(map[string]any{
		"name": old.doc["name"], "keys": old.doc["keys"],
		"capabilities": map[string]any{"voice": map[string]any{"webhooks": hooks}},
	})
	if err != nil {
		return fmt.Errorf("vonage: %w", err)
	}
	app.id = old.id
	c.apps[app.id] = app
	for _, n := range c.numbers {
		n.link(app.id)
	}
	return nil
}

// Expect implements carriersim.Carrier. Numbers have no plus here, but may be
// given with one.
func (c *Carrier) Expect(to string, p carriersim.Person) { c.Exchange.Expect(bare(to), p) }

// Ring implements carriersim.Carrier. Numbers may be given with a plus.
func (c *Carrier) Ring(ctx context.Context, from, to string, p carriersim.Person) (*carriersim.Call, error) {
	c.mu.Lock()
	n := c.number(bare(to))
	if n == nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("vonage: %s is not a number of this account", to)
	}
	app := n.AppID
	c.mu.Unlock()
	s, err := c.newSession(carriersim.Spec{
		Direction: call.Inbound, From: bare(from), To: bare(to), Person: p, Status: statusStarted,
	}, order{app: app, limit: longestCall, host: c.inboundHost()})
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

// inboundHost is the host of the region in which calls to the account live.
func (c *Carrier) inboundHost() string {
	host := strings.TrimPrefix(c.APIURL(), "http://")
	if c.opt.OtherRegion {
		return strings.Replace(host, "127.0.0.1", "localhost", 1)
	}
	return host
}

// mayCall counts a call against the limit of a second.
func (c *Carrier) mayCall(now time.Time) bool {
	if c.opt.CallsPerSecond == 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.ordered) > 0 && now.Sub(c.ordered[0]) >= time.Second {
		c.ordered = c.ordered[1:]
	}
	if len(c.ordered) >= c.opt.CallsPerSecond {
		return false
	}
	c.ordered = append(c.ordered, now)
	return true
}

// bare is a number as Vonage writes it: without a plus.
func bare(number string) string { return strings.TrimPrefix(number, "+") }

func newConversation() string { return "CON-" + uuid.NewString() }

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func newPrivateKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", fmt.Errorf("private key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("private key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}

// publicPEM is the public half of a private key.
func publicPEM(private string) (string, error) {
	block, _ := pem.Decode([]byte(private))
	if block == nil {
		return "", errors.New("private key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("private key: %w", err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return "", errors.New("private key is not RSA")
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", fmt.Errorf("public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}
