// Package provider is the contract between Trunkline and the kinds of carrier.
//
// A provider package registers one Spec in its init and implements a small
// Driver; everything else it can do is an optional interface of one ability
// (capability.go). Services never hold a Driver: they hold an Account, which
// owns time-outs, error kinds and "unsupported" once for all providers.
//
// A Driver is safe for concurrent use. It must not keep the slices and maps it
// is handed, and it never retries: whoever calls decides by the Kind of the
// error. Unless a method says otherwise, its error is an *Error.
package provider

import (
	"context"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// Driver is what every provider can do with one account at its carrier.
type Driver interface {
	// Dial places a call. It writes at most one request that can ring a phone.
	// Kind uncertain means that the request was written and its outcome is not
	// known; every other kind of error is a proof that nobody was rung.
	Dial(ctx context.Context, req DialRequest) (DialResult, error)
	// Hangup ends a leg in whatever state it is. A leg that is already over is
	// no error.
	Hangup(ctx context.Context, leg Leg) error
}

// DialRequest is an outbound call.
type DialRequest struct {
	CallID       string
	To           string // E.164, extension or SIP URI; at a PBX also an endpoint
	From         string // caller id: E.164, or what the carrier takes
	RingSeconds  int    // > 0
	LimitSeconds int    // talk limit, 0 for the carrier's own
	AMD          string // command.AMDOff, AMDDetect or AMDWait
	SendDigits   string // pressed after the answer
	// URL mints the callback URL of this call for a hook.
	URL func(hook Hook) string
}

// DialResult is what the carrier said to a dial.
type DialResult struct {
	LegID string // "" where the carrier names the leg only later
	Ref   string // opaque: handed back in Leg.Ref
}

// Leg names one leg at the carrier.
type Leg struct {
	ID     string
	Ref    string // what DialResult or Notice gave
	CallID string
	// Cause is why the leg is hung up, for carriers that pass it on; "" for no
	// particular reason.
	Cause call.Cause
	// URL mints a callback URL of the leg's call for a hook; nil where nobody
	// can. Carriers need one that fetch an instruction instead of taking it.
	URL func(hook Hook) string `json:"-"`
	// Connect has a media node dial a media socket of the leg, at carriers
	// that are the one to be dialled; nil where nobody can. It returns as soon
	// as the order is safe.
	Connect func(ctx context.Context, s Socket) error `json:"-"`
}

// Socket is a carrier's media socket, for a media node to dial.
type Socket struct {
	StreamID string // of the instruction
	URL      string // ws:// or wss://; whoever knows it has the audio
	Protocol string // WebSocket subprotocol
	Insecure bool   // the server's certificate is not verified
}

// LegStatus is what a carrier says of a leg when asked.
type LegStatus struct {
	Status  call.Status // Uncertain: it is over, and the carrier does not tell how
	Cause   call.Cause  // of a terminal status
	Raw     string      // the carrier's own word
	Seconds *int        // talk time of an ended leg, nil where unknown
}

// Number is a number that the account has at its carrier.
type Number struct {
	Number     string `json:"number"` // E.164
	ID         string `json:"id,omitempty"`
	Name       string `json:"name,omitempty"`
	InboundURL string `json:"inbound_url,omitempty"` // where calls to it go now
}

// Inbound is where a carrier shall deliver the calls to a number.
type Inbound struct {
	AnswerURL string
	StatusURL string // told the end of inbound calls, where the carrier can
}
