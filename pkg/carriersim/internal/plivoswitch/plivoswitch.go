// Package plivoswitch is what the simulated Plivo and the simulated Vobiz have
// in common: calls and their REST requests, XML, media streams, conferences,
// applications, and the fields of callbacks. In what the two differ, Manners
// says; accounts, signatures, numbers and error bodies are each persona's own.
//
// It is strict where these carriers are: what they would only put into a log is
// noted as a warning in the call's timeline. Where a behaviour is not known for
// certain, a comment beside the line says so. Not simulated: recording, digits
// and speech as input (<GetDigits>, <GetInput>, <Gather>), MultiPartyCall, the
// outbound track of streams, several streams on one call, streams, speech and
// conferences over REST, transfers of the dialled leg, hangupOnStar, hold music.
// A <Stream> without keepCallAlive is connected only until the next element that
// plays something.
package plivoswitch

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Switch is one simulated account's calls. Open starts its REST API.
type Switch struct {
	*carriersim.Exchange
	m   Manners
	api API // set by Open

	mu       sync.Mutex
	numbers  []*Number
	apps     []*application
	sessions []*session // in the order in which they began
	byID     map[string]*session
	rooms    map[string]*conference
	nextCall time.Time // when the account may start a call again
}

// Manners are in what the carriers that run on a Switch differ. Where both are
// known to do the same, there is no field.
type Manners struct {
	Provider string  // the provider's name: "plivo"
	Brand    string  // who hung up, where the carrier did: "Plivo"
	Account  Account // every callback names the main one

	// Callbacks.
	Written     func(number string) string // how numbers are written in them
	StartZone   *time.Location             // of SessionStart; all other times are in Zone
	Complete    func(form url.Values)      // adds the fields that only this carrier has
	Fetch       carriersim.Policy          // for what is answered with XML
	Status      carriersim.Policy          // for the others
	Fragments   bool                       // a fragment of the URL overrides the policy
	Headers     http.Header                // of every callback
	HTTPHeaders bool                       // custom headers come as X-VH-* headers of HTTP, not as X-PH-* fields
	Sign        func(w *carriersim.Webhook)

	// Calls.
	OneWord            bool // every hang-up is called completed
	RingCounts         bool // Duration and call_duration count ringing
	TellsInitiated     bool // a callback comes before the ringing
	TellsHumans        bool // detection reports a human, too
	NamesUnanswered    bool // DialBLegUUID is there for a leg that nobody answered
	OwnCallerID        bool // callerId of <Dial> must be a number of the account
	NeedsAnswerMethod  bool // a dial without answer_method is refused
	IgnoresRingTimeout bool
	StayAlone          bool // default of the attribute of <Conference>
	BareConferences    bool // callbacks of conferences carry no status, and no numbers at the exit
	CallsPerSecond     int  // those above it stay queued; 0 is no limit
	DetectAfter        time.Duration
	RecordAfter        time.Duration // from the end of a call until its record can be read
	InboundRate        int64         // a minute, in millionths of the currency
	OutboundRate       int64
	Amount             func(millionths int64) string

	Stream StreamManners
}

// StreamManners is the part of Manners that concerns the media socket.
type StreamManners struct {
	Account       string // accountId of the start message
	Handshake     func(url string) http.Header
	FirstSequence int           // sequenceNumber of the start message
	Terse         bool          // answers of the carrier's carry no more than they must
	AnyFormat     bool          // playAudio may differ from the stream's format
	ClearAfter    time.Duration // clearAudio takes so long, and takes what comes meanwhile
	Stops         bool          // there is stop, and no sendDTMF; only that is told as StopStream
	Reconnects    int           // of a socket that could not be opened
	Wide          bool          // 24 kHz is offered
}

// Zone is where the accounts are: not in UTC, so that local times show.
var Zone = time.FixedZone("IST", 5*3600+1800)

// Number is a number of the account. Its fields are guarded by the switch.
type Number struct {
	Address string // as the carrier writes it
	App     string // id of the application, "" for none
}

// New returns a running switch with the account's numbers, as the carrier
// writes them.
func New(m Manners, numbers []string) *Switch {
	s := &Switch{
		Exchange: carriersim.NewExchange(m.Provider, numbers), m: m,
		byID: map[string]*session{}, rooms: map[string]*conference{},
	}
	for _, n := range numbers {
		s.numbers = append(s.numbers, &Number{Address: n})
	}
	return s
}

// Expect implements carriersim.Carrier. A plus before a number makes no difference.
func (s *Switch) Expect(to string, p carriersim.Person) { s.Exchange.Expect(bare(to), p) }

// Find returns a copy of the account's number, written with or without a plus.
func (s *Switch) Find(number string) (Number, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.find(number); n != nil {
		return *n, true
	}
	return Number{}, false
}

// List returns copies of all numbers.
func (s *Switch) List() []Number {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Number
	for _, n := range s.numbers {
		list = append(list, *n)
	}
	return list
}

func (s *Switch) find(number string) *Number {
	i := slices.IndexFunc(s.numbers, func(n *Number) bool { return bare(n.Address) == bare(number) })
	if i < 0 {
		return nil
	}
	return s.numbers[i]
}

// Attach leads a number to an application, "" to none.
func (s *Switch) Attach(number, app string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.find(number)
	if n == nil {
		return notFound()
	}
	if app != "" && s.app(app) == nil {
		return invalid("application %s does not exist", app)
	}
	n.App = app
	return nil
}

// SetInbound leads a number to the gateway: through its application, which is
// made if it has none.
func (s *Switch) SetInbound(number, answerURL, hangupURL string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.find(number)
	if n == nil {
		return fmt.Errorf("%s: %s is not a number of this account", s.m.Provider, number)
	}
	a := s.app(n.App)
	if a == nil {
		a = s.newApp()
		n.App = a.ID
	}
	a.AnswerURL, a.AnswerMethod, a.HangupURL, a.HangupMethod = answerURL, http.MethodPost, hangupURL, http.MethodPost
	return nil
}

// Ring implements carriersim.Carrier.
func (s *Switch) Ring(ctx context.Context, from, to string, p carriersim.Person) (*carriersim.Call, error) {
	s.mu.Lock()
	n := s.find(to)
	if n == nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("%s: %s is not a number of this account", s.m.Provider, to)
	}
	var app application
	if a := s.app(n.App); a != nil {
		app = *a
	}
	s.mu.Unlock()
	c, err := s.newSession(carriersim.Spec{
		Direction: call.Inbound, From: s.m.Written(from), To: n.Address, Person: p, Status: statusRinging,
	}, order{hangup: hook{app.HangupURL, app.HangupMethod}.or(hook{app.AnswerURL, app.AnswerMethod})})
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Hangup(byPerson) })
	s.Go(func(context.Context) {
		defer stop()
		c.receive(app)
	})
	return c.Call, nil
}

// turn reserves the next start of a call and returns how long to wait for it.
func (s *Switch) turn(now time.Time) time.Duration {
	if s.m.CallsPerSecond == 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nextCall.Before(now) {
		s.nextCall = now
	}
	wait := s.nextCall.Sub(now)
	s.nextCall = s.nextCall.Add(time.Second / time.Duration(s.m.CallsPerSecond))
	return wait
}

// bare is a number without its plus; anything else stays as it is.
func bare(number string) string { return strings.TrimPrefix(number, "+") }
