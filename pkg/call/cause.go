package call

import "slices"

// Cause says in one word why a call ended. Carriers' own codes ride beside it.
type Cause string

// The causes Trunkline tells apart.
const (
	CauseNormal        Cause = "normal"         // somebody hung up
	CauseBusy          Cause = "busy"           // the callee is busy
	CauseNoAnswer      Cause = "no_answer"      // rang out
	CauseRejected      Cause = "rejected"       // the callee or the network refused
	CauseCanceled      Cause = "canceled"       // hung up by this side before an answer
	CauseUnreachable   Cause = "unreachable"    // number does not exist or cannot be reached
	CauseMachine       Cause = "machine"        // ended because an answering machine took it
	CauseNoAgent       Cause = "no_agent"       // nobody could take it
	CauseCarrier       Cause = "carrier"        // refused or lost by the carrier
	CauseLimit         Cause = "limit"          // a ring or talk limit ran out
	CauseExpired       Cause = "expired"        // the order was too old
	CauseUncertain     Cause = "uncertain"      // the outcome of the dial cannot be known
	CauseUnknown       Cause = "unknown"        // the carrier gave no reason
	CauseStreamFailed  Cause = "stream_failed"  // the audio could not be connected
	CauseInvalid       Cause = "invalid"        // the order itself was wrong
	CauseUnauthorized  Cause = "unauthorized"   // the carrier refused the trunk's credentials
	CauseNotConfigured Cause = "not_configured" // no number or application answers this call
)

var causes = []Cause{CauseNormal, CauseBusy, CauseNoAnswer, CauseRejected, CauseCanceled, CauseUnreachable, CauseMachine,
	CauseNoAgent, CauseCarrier, CauseLimit, CauseExpired, CauseUncertain, CauseUnknown, CauseStreamFailed, CauseInvalid,
	CauseUnauthorized, CauseNotConfigured}

// Known reports whether c is one of the causes above.
func (c Cause) Known() bool { return slices.Contains(causes, c) }

// AnsweredBy is the verdict of answering-machine detection.
type AnsweredBy string

// The verdicts.
const (
	Human         AnsweredBy = "human"
	Machine       AnsweredBy = "machine"
	Fax           AnsweredBy = "fax"
	UnknownAnswer AnsweredBy = "unknown"
)

// Cost is what a carrier charges for a leg. Amount is an exact decimal, never
// negative; a leg that is not priced yet has no Cost at all.
type Cost struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency,omitempty"` // ISO 4217, empty where the carrier names none
}
