package event

import (
	"strconv"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

var (
	_ = register[CallRequested]()
	_ = register[CallReceived]()
	_ = register[CallDialing]()
	_ = register[CallInitiated]()
	_ = register[CallRinging]()
	_ = register[CallAnswered]()
	_ = register[CallEnded]()
	_ = register[CallPriced]()
)

// CallRequested records that an order for an outbound call was accepted.
type CallRequested struct {
	To           string            `json:"to"`   // E.164 or SIP URI
	From         string            `json:"from"` // the caller id that will be shown
	Application  string            `json:"application"`
	Variables    map[string]string `json:"variables,omitempty"`
	RingSeconds  int               `json:"ring_seconds"`
	LimitSeconds int               `json:"limit_seconds,omitempty"` // talk limit
	ExpiresAt    time.Time         `json:"expires_at"`              // after which it is no longer dialled
}

// Type is call.requested.
func (CallRequested) Type() string { return "call.requested" }

// Key is empty: a call is requested once.
func (CallRequested) Key() string { return "" }

// CallReceived records that a carrier announced an inbound call.
type CallReceived struct {
	From          string            `json:"from"` // E.164, SIP URI, or "" when withheld
	To            string            `json:"to"`
	Anonymous     bool              `json:"anonymous,omitempty"` // the caller withholds the number
	Application   string            `json:"application,omitempty"`
	Variables     map[string]string `json:"variables,omitempty"` // custom headers and the like
	CallerName    string            `json:"caller_name,omitempty"`
	ForwardedFrom string            `json:"forwarded_from,omitempty"`
	CarrierRef    string            `json:"carrier_ref,omitempty"` // opaque: what the provider needs to act on this call later
}

// Type is call.received.
func (CallReceived) Type() string { return "call.received" }

// Key is empty: a call is received once.
func (CallReceived) Key() string { return "" }

// CallDialing records that a dial is about to be written to the carrier. Recording it is
// the lock: whoever is refused must not dial this attempt.
type CallDialing struct {
	Attempt int `json:"attempt"` // from 1
}

// Type is call.dialing.
func (CallDialing) Type() string { return "call.dialing" }

// Key is the attempt.
func (c CallDialing) Key() string { return strconv.Itoa(c.Attempt) }

// CallInitiated records that the carrier has the call.
type CallInitiated struct {
	CarrierRef string `json:"carrier_ref,omitempty"` // opaque: what the provider needs to act on this call later
}

// Type is call.initiated.
func (CallInitiated) Type() string { return "call.initiated" }

// Key is empty.
func (CallInitiated) Key() string { return "" }

// CallRinging records that the other side rings.
type CallRinging struct{}

// Type is call.ringing.
func (CallRinging) Type() string { return "call.ringing" }

// Key is empty.
func (CallRinging) Key() string { return "" }

// CallAnswered records that the call is in progress.
type CallAnswered struct {
	AnsweredBy call.AnsweredBy `json:"answered_by,omitempty"` // where detection ran before the answer was told
	CarrierRef string          `json:"carrier_ref,omitempty"` // opaque, where the carrier names it only now
}

// Type is call.answered.
func (CallAnswered) Type() string { return "call.answered" }

// Key is empty.
func (CallAnswered) Key() string { return "" }

// CallEnded is the one terminal fact of a call, whoever finds it first.
type CallEnded struct {
	Status      call.Status `json:"status"` // a terminal one
	Cause       call.Cause  `json:"cause"`
	Detail      string      `json:"detail,omitempty"`       // for people
	CarrierCode string      `json:"carrier_code,omitempty"` // the carrier's own word or number
	SIPCode     int         `json:"sip_code,omitempty"`
	Seconds     *int        `json:"seconds,omitempty"` // talk time, absent where unknown
}

// Type is call.ended.
func (CallEnded) Type() string { return "call.ended" }

// Key is empty: there is one end.
func (CallEnded) Key() string { return "" }

// CallPriced records that the carrier told what a leg of the call costs.
type CallPriced struct {
	ID   string    `json:"id"` // the carrier's event or leg, made safe for a subject
	Cost call.Cost `json:"cost"`
}

// Type is call.priced.
func (CallPriced) Type() string { return "call.priced" }

// Key is ID.
func (c CallPriced) Key() string { return c.ID }
