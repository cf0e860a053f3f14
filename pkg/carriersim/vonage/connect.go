package vonage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// connect joins the call with another party.
type connect struct {
	head
	asks
	Endpoint     []endpoint `json:"endpoint"`
	From         string     `json:"from"`
	RandomFrom   bool       `json:"randomFromNumber"`
	EventType    string     `json:"eventType"`
	Timeout      *int       `json:"timeout"` // of ringing, in seconds
	Limit        *int       `json:"limit"`   // of talking, in seconds
	Detection    string     `json:"machineDetection"`
	Advanced     *detection `json:"advancedMachineDetection"`
	RingbackTone string     `json:"ringbackTone"`
}

// endpoint is who is called, in an NCCO and over REST.
type endpoint struct {
	Type            string         `json:"type"`
	Number          string         `json:"number"`
	DTMFAnswer      string         `json:"dtmfAnswer"`
	OnAnswer        any            `json:"onAnswer"`
	Shaken          string         `json:"shaken"`
	URI             string         `json:"uri"`
	ContentType     string         `json:"content-type"`
	Headers         map[string]any `json:"headers"`
	Authorization   *authorization `json:"authorization"`
	StandardHeaders any            `json:"standardHeaders"`
	StandardREST    any            `json:"standard_headers"`
	User            string         `json:"user"`
	Extension       string         `json:"extension"`
}

// authorization is what a socket's handshake shall carry.
type authorization struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// contentTypes are the formats of a socket, with their rates in hertz.
var contentTypes = map[string]int{"audio/l16;rate=8000": 8000, "audio/l16;rate=16000": 16000, "audio/l16;rate=24000": 24000}

const (
	maxHeaders       = 512  // bytes of JSON
	maxAuthorization = 8191 // bytes
)

// party is the endpoint as the API shows it.
func (e *endpoint) party() party {
	switch e.Type {
	case "phone":
		return party{Type: e.Type, Number: e.Number}
	case "app":
		return party{Type: e.Type, URI: e.User}
	case "vbc":
		return party{Type: e.Type, Number: e.Extension}
	}
	return party{Type: e.Type, URI: e.URI}
}

func (e *endpoint) check() error {
	switch e.Type {
	case "phone":
		if !digits.MatchString(e.Number) || !keys.MatchString(e.DTMFAnswer) {
			return fmt.Errorf("number %q must be 7 to 15 digits, dtmfAnswer keys", e.Number)
		}
	case "sip":
		if addressed(e.URI).Type != "sip" {
			return fmt.Errorf("uri %q is not a SIP URI", e.URI)
		}
	case "websocket":
		return e.checkSocket()
	case "app", "vbc":
	default:
		return fmt.Errorf("type %q", e.Type)
	}
	return nil
}

func (e *endpoint) checkSocket() error {
	u, err := url.Parse(e.URI)
	if err != nil || u.Scheme != "wss" && u.Scheme != "ws" || u.Host == "" {
		return fmt.Errorf("uri %q is not a WebSocket", e.URI)
	}
	if contentTypes[e.ContentType] == 0 {
		return fmt.Errorf("content-type %q", e.ContentType)
	}
	if headers, err := json.Marshal(e.Headers); err != nil || len(headers) > maxHeaders {
		return fmt.Errorf("headers are longer than %d bytes", maxHeaders)
	}
	switch a := e.Authorization; {
	case a == nil, a.Type == "vonage":
	case a.Type != "custom" || a.Value == "" || len(a.Value) > maxAuthorization:
		return errors.New("authorization must be vonage, or custom with a value")
	}
	return nil
}

func (a *connect) check() error {
	switch {
	case len(a.Endpoint) != 1:
		return errors.New("exactly one endpoint")
	case a.RandomFrom && a.From != "":
		return errors.New("either from or randomFromNumber")
	case !slices.Contains([]string{"", "synchronous"}, a.EventType):
		return fmt.Errorf("eventType %q", a.EventType)
	case a.Timeout != nil && (*a.Timeout < 3 || *a.Timeout > 7200):
		return errors.New("timeout must be 3 to 7200")
	case a.Limit != nil && (*a.Limit < 1 || *a.Limit > lengthLimit):
		return fmt.Errorf("limit must be 1 to %d", lengthLimit)
	}
	if a.Advanced == nil && a.Detection != "" {
		a.Advanced = &detection{Behavior: a.Detection}
	}
	if a.Advanced != nil {
		if err := a.Advanced.check(); err != nil {
			return err
		}
	}
	if err := a.Endpoint[0].check(); err != nil {
		return err
	}
	return a.asks.check()
}

func (a *connect) run(ctx context.Context, s *session) *script {
	if a.Endpoint[0].Type == "websocket" {
		return s.connectSocket(ctx, a)
	}
	return s.connectPhone(ctx, a)
}

// connectPhone calls somebody and lets the two talk.
func (s *session) connectPhone(ctx context.Context, a *connect) *script {
	e := &a.Endpoint[0]
	from := a.From
	if a.RandomFrom || from == "" {
		from = s.c.Numbers()[0]
	}
	if !s.c.owns(from) {
		s.Warn("caller id %s is not a number of this account", from)
	}
	if e.OnAnswer != nil {
		s.Warn("onAnswer is not simulated")
	}
	o := order{
		app: s.order.app, host: s.order.host, conversation: s.facts().conversation,
		events: s.events().to(a.EventURL, a.EventMethod), wait: a.EventType == "synchronous",
		ring: secondsOr(a.Timeout, ringLimit), limit: secondsOr(a.Limit, lengthLimit), digits: e.DTMFAnswer, detect: a.Advanced,
	}
	to := e.party().name()
	other, err := s.c.newSession(carriersim.Spec{
		Parent: s.ID(), Direction: call.Outbound, From: from, To: to, Person: s.c.PersonAt(to), Status: statusStarted,
	}, o)
	if err != nil {
		s.Warn("%v", err)
		return nil
	}
	silence := s.Connect(carriersim.Ringback(s.Rate()))
	outcome := other.call(ctx)
	silence()
	if outcome != carriersim.Answers {
		return other.refused(ctx, outcome)
	}
	other.answer()
	s.bridge(ctx, other)
	return nil
}

func secondsOr(n *int, fallback int) time.Duration {
	if n != nil {
		fallback = *n
	}
	return time.Duration(fallback) * time.Second
}

// bridge joins the two until one of them hangs up. Where this one is
// transferred, the other stays behind in the old conversation.
func (s *session) bridge(ctx context.Context, other *session) {
	room := &carriersim.Room{}
	mine, theirs := room.Join(), room.Join()
	disconnect := s.Connect(mine, mine)
	other.Connect(theirs, theirs)
	s.Note("bridged %s", other.ID())
	select {
	case <-other.Context().Done():
	case <-ctx.Done():
	}
	disconnect()
	mine.Leave()
	if other.Context().Err() == nil && s.Context().Err() == nil {
		s.c.Go(func(context.Context) {
			<-other.Context().Done()
			other.finish()
		})
		return
	}
	other.Hangup(hungUpByVonage)
	other.finish()
}
