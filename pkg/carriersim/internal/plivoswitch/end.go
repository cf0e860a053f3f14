package plivoswitch

import (
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// The carriers' words for the status of a call.
const (
	statusQueued     = "queued"
	statusInitiated  = "initiated"
	statusRinging    = "ringing"
	statusInProgress = "in-progress"
	statusCompleted  = "completed"
	statusBusy       = "busy"
	statusFailed     = "failed"
	statusNoAnswer   = "no-answer"
	statusTimeout    = "timeout"
	statusCancel     = "cancel"
)

// Who can hang up, in the words of the timeline.
const (
	byPerson  = "person"
	byGateway = "gateway" // refused the call
	byAPI     = "api"
	byMarkup  = "markup"
	byLimit   = "limit"
	byMachine = "machine detection"
	byCarrier = "carrier"
)

// End is why a call is over, in the words of the hang-up callback and of the
// call's record.
type End struct {
	Word   string // CallStatus, and DialStatus of a dialled leg
	Code   int
	Cause  string
	Name   string
	Source string // "" is the carrier itself
}

// Sources of a hang-up that are neither a person nor the carrier.
const (
	sourceXML     = "Answer XML"
	sourceAPI     = "API Request"
	sourceError   = "Error"
	sourceCallee  = "Callee"
	sourceCaller  = "Caller"
	sourceNetwork = "Carrier"
)

// The ends, as the sheet's table of hang-up codes has them. Words and sources
// of rarer ones are not known for certain.
var (
	endNormal      = End{statusCompleted, 4000, "NORMAL_CLEARING", "Normal Hangup", ""}
	endOfXML       = End{statusCompleted, 4010, "NORMAL_CLEARING", "End Of XML Instructions", ""}
	endByXML       = End{statusCompleted, 4000, "NORMAL_CLEARING", "Normal Hangup", sourceXML}
	endRejectedXML = End{statusCompleted, 3020, "CALL_REJECTED", "Rejected", sourceXML}
	endBusyXML     = End{statusBusy, 3010, "USER_BUSY", "Busy Line", sourceXML}
	endCancelled   = End{statusCancel, 1000, "ORIGINATOR_CANCEL", "Cancelled", ""}
	endScheduled   = End{statusCompleted, 6000, "NORMAL_CLEARING", "Scheduled Hangup", ""}
	endMachine     = End{statusCompleted, 9100, "NORMAL_CLEARING", "Machine Detected", ""}
	endLostRace    = End{statusCancel, 9000, "LOSE_RACE", "Lost Race", ""}
	endBusy        = End{statusBusy, 3010, "USER_BUSY", "Busy Line", sourceCallee}
	endRejected    = End{statusFailed, 3020, "CALL_REJECTED", "Rejected", sourceCallee}
	endNoAnswer    = End{statusNoAnswer, 3000, "NO_ANSWER", "No Answer", sourceCallee}
	endRingTimeout = End{statusTimeout, 6010, "NO_ANSWER", "Ring Timeout Reached", ""}
	endUnallocated = End{statusFailed, 3050, "UNALLOCATED_NUMBER", "Unallocated Number", sourceNetwork}
	endCallerID    = End{statusFailed, 3030, "CALL_REJECTED", "Unknown Caller ID", ""}
	endNowhere     = End{statusFailed, 0, "NORMAL_TEMPORARY_FAILURE", "Unknown", ""}
)

// endOfFetch is a document that could not be got or read. Codes 7011 to 7014
// are those of answer URLs, 7022 to 7034 those of others; which is which within
// them is not known.
func endOfFetch(answer, reached bool) End {
	e := End{statusFailed, 7022, "NORMAL_CLEARING", "Error Reaching URL", sourceError}
	if answer {
		e.Code, e.Name = 7011, "Error Reaching Answer URL"
	}
	if reached {
		e.Code, e.Name = e.Code+1, "Invalid XML"
	}
	return e
}

// refused is the end of a leg that was not answered.
func (s *session) refused(o carriersim.Outcome, timeout bool) End {
	switch {
	case o == carriersim.Busy:
		return endBusy
	case o == carriersim.Rejects:
		return endRejected
	case o == carriersim.Unreachable:
		return endUnallocated
	case timeout:
		return endRingTimeout
	}
	return endNoAnswer
}

// finish ends a call that somebody has hung up.
func (s *session) finish() {
	s.mu.Lock()
	why := s.why
	s.mu.Unlock()
	if why != nil {
		s.end(*why)
		return
	}
	e := endNormal
	if !s.Answered() {
		e = endCancelled
	}
	switch s.HungUpBy() {
	case byAPI:
		e.Source = sourceAPI
	case byPerson:
		e.Source = sourceCallee
		if s.Direction() == call.Inbound {
			e.Source = sourceCaller
		}
	}
	s.end(e)
}

// hangUp ends the call for a reason of the markup's or of the carrier's, unless
// somebody has hung up already.
func (s *session) hangUp(by string, why End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Hangup(by) {
		s.why = &why
	}
}

// end is the last that happens to a call. An earlier end stays.
func (s *session) end(e End) {
	if e.Source == "" {
		e.Source = s.c.m.Brand
	}
	if s.Answered() {
		e.Word = statusCompleted
	}
	told := e.Word
	if s.c.m.OneWord {
		told = statusCompleted
	}
	s.mu.Lock()
	if s.ended != nil {
		s.mu.Unlock()
		return
	}
	s.ended = &e
	s.mu.Unlock()
	s.Note("hang-up code %d %s, source %s", e.Code, e.Name, e.Source)
	s.End(told)
	fields := s.hangupFields(e)
	fields.Set("CallStatus", told)
	s.callback(carriersim.KindStatus, s.order.hangup, "Hangup", fields)
	s.Finish()
}
