package provider

import (
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// NoticeKind says what a callback is about.
type NoticeKind string

// The kinds. A status callback that carries a terminal status ends the call.
const (
	InboundCall  NoticeKind = "inbound_call"
	Answer       NoticeKind = "answer" // the carrier asks what to do with an answered outbound call
	CallStatus   NoticeKind = "call_status"
	AMD          NoticeKind = "amd"
	StreamStatus NoticeKind = "stream_status"
	DTMF         NoticeKind = "dtmf"
	CDR          NoticeKind = "cdr"
	CostReport   NoticeKind = "cost"
	Recording    NoticeKind = "recording"
	Conference   NoticeKind = "conference"
	DialAction   NoticeKind = "dial_action"
	DialEvent    NoticeKind = "dial_event"
	Transfer     NoticeKind = "transfer"
	RedirectDone NoticeKind = "redirect"
	Hold         NoticeKind = "hold"  // the far side held the call, or took it back; RawStatus says which
	CarrierError NoticeKind = "error" // the carrier tells of a failure that ends nothing
	NoKind       NoticeKind = "none"  // understood, and of no consequence
	UnknownKind  NoticeKind = "unknown"
)

// Notice is one callback in Trunkline's words. Fields that the carrier did not
// give are zero.
type Notice struct {
	Kind      NoticeKind
	AccountID string // the account as the carrier names it

	LegID     string // the carrier's id for REST: CallSid, CallUUID, uuid, call_control_id, channel id
	StableID  string // the id that never changes in the leg's life, where that is another one
	SessionID string // what joins the legs of one conversation
	ChildLeg  string // the other leg of a dial
	RequestID string // the dial as the carrier named it before the leg had an id
	CallID    string // Trunkline's own id, where the carrier echoes it

	EventID  string // the carrier's id of this callback, the same when it is repeated
	Sequence *int   // the carrier's order of callbacks
	Time     time.Time

	Direction     call.Direction
	From, To      string // E.164, SIP URI, or the carrier's word; From is "" for a withheld number
	Anonymous     bool
	CallerName    string
	ForwardedFrom string

	Status    call.Status // "" when the callback moves no status
	RawStatus string
	Cause     call.Cause // of a terminal status
	Code      string     // the carrier's cause word or number
	SIPCode   int
	Seconds   *int // talk time
	Cost      *call.Cost

	AnsweredBy  call.AnsweredBy
	Verdict     string // AMD in the carrier's word
	DetectionMS int
	Digit       string
	StreamID    string // the carrier's id of a media stream
	StreamEvent string // started, stopped, error, or the carrier's word
	Error       string // the carrier's text about a failure

	RecordingID  string
	RecordingURL string

	Ref       string            // opaque: kept in the log and handed back in History and Leg
	Variables map[string]string // custom headers and data that ride on the call
	Detail    map[string]string // what else is worth keeping, by the names used in docs/providers.md

	// Reply says that a caller waits for an instruction in the answer.
	Reply bool
	// Next is the instruction that the carrier fetches here because Redirect
	// told it to; nil where the answer is for others to decide. Without Reply
	// it is what is left of an instruction one step of which is over, at a
	// carrier that takes commands: an order to redirect the leg, or to hang up.
	Next *call.Instruction
	// Foreign says that the leg is none of Trunkline's calls (a transfer leg,
	// a socket leg): it makes no call of its own.
	Foreign bool
}

// Terminal reports whether the notice ends its call.
func (n *Notice) Terminal() bool {
	return n.Status.Terminal() && (n.Kind == CallStatus || n.Kind == CDR)
}

// Identity is the id by which the leg is known for its whole life.
func (n *Notice) Identity() string {
	if n.StableID != "" {
		return n.StableID
	}
	return n.LegID
}
