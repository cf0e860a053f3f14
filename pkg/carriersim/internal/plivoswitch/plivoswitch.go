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
