package ari

import (
	"strconv"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Causes of Q.850 that are told apart.
const (
	causeUnallocated   = 1
	causeNoRoute       = 3
	causeNormal        = 16
	causeBusy          = 17
	causeNoResponse    = 18
	causeNoAnswer      = 19
	causeAbsent        = 20
	causeRejected      = 21
	causeChanged       = 22
	causeElsewhere     = 26
	causeOutOfOrder    = 27
	causeInvalidNumber = 28
)

// reasonOf is Asterisk's word for why a channel is hung up. A caller who was not
// answered hears it as a status of SIP: busy is 486, rejected 403, and so on.
func reasonOf(c call.Cause) string {
	switch c {
	case call.CauseBusy:
		return "busy"
	case call.CauseNoAnswer:
		return "no_answer"
	case call.CauseRejected:
		return "rejected"
	case call.CauseUnreachable, call.CauseNotConfigured:
		return "unallocated"
	case call.CauseNoAgent, call.CauseCarrier, call.CauseStreamFailed:
		return "congestion"
	}
	return "normal"
}

// sipCancelled is the SIP status of a call that its caller gave up.
const sipCancelled = 487

// destroyed is the end of a channel, and the only event that tells its cause.
func destroyed(n *provider.Notice, e *event) {
	if e.Channel == nil {
		return
	}
	n.Code, n.RawStatus = strconv.Itoa(e.Cause), e.CauseText
	switch {
	case n.StreamID != "": // its tech_cause is the close code of a socket
		n.Kind, n.StreamEvent = provider.StreamStatus, "stopped"
		if e.Channel.State != "Up" {
			n.StreamEvent, n.Error = "error", "the media socket was not connected: "+e.CauseText
		}
		return
	case n.Foreign:
		n.Kind = provider.DialEvent
		return
	}
	if e.TechCause >= 100 && e.TechCause < 700 {
		n.SIPCode = e.TechCause
	}
	n.Kind = provider.CallStatus
	n.Status, n.Cause = outcome(e.Channel.State == "Up", n.Direction == call.Outbound, e.Cause, e.TechCause)
	if n.Status == call.Failed {
		n.Error = e.CauseText
	}
}

// outcome is how a call ended. An answered one is completed whatever the cause
// is; of one that was not, the cause decides, but for a caller who gave up.
func outcome(answered, outbound bool, cause, sip int) (call.Status, call.Cause) {
	switch {
	case answered:
		return call.Completed, call.CauseNormal
	case !outbound && sip == sipCancelled:
		return call.Canceled, call.CauseCanceled
	}
	switch cause {
	case causeBusy:
		return call.Busy, call.CauseBusy
	case causeNoResponse, causeNoAnswer, causeAbsent:
		return call.NoAnswer, call.CauseNoAnswer
	case causeNormal, causeElsewhere:
		return call.Canceled, call.CauseCanceled
	case causeRejected:
		return call.Failed, call.CauseRejected
	case causeUnallocated, 2, causeNoRoute, causeChanged, causeOutOfOrder, causeInvalidNumber:
		return call.Failed, call.CauseUnreachable
	case 0:
		return call.Failed, call.CauseUnknown
	}
	return call.Failed, call.CauseCarrier
}
