package telnyx

import (
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// ends puts Telnyx' causes of a hang-up into Trunkline's words.
var ends = map[word]struct {
	status call.Status
	cause  call.Cause
}{
	"normal_clearing":   {call.Completed, call.CauseNormal},
	"time_limit":        {call.Completed, call.CauseLimit},
	"user_busy":         {call.Busy, call.CauseBusy},
	"timeout":           {call.NoAnswer, call.CauseNoAnswer},
	"no_answer":         {call.NoAnswer, call.CauseNoAnswer},
	"originator_cancel": {call.Canceled, call.CauseCanceled},
	"call_rejected":     {call.Failed, call.CauseRejected},
	"not_found":         {call.Failed, call.CauseUnreachable},
}

// hungUp reads the end of a leg. Telnyx tells neither how long it was talked
// nor, for some causes, whether it was answered at all: that is in the log.
func hungUp(n *provider.Notice, p *payload, s *state, known func() provider.History) {
	var h provider.History
	if s.Parent == "" { // what the log knows is about the leg that dialled
		h = known()
	}
	n.Kind, n.Code, n.SIPCode = provider.CallStatus, string(p.HangupCause), number(p.SIPCause)
	detail(n, "hangup_source", p.HangupSource)
	if p.Quality != nil {
		detail(n, "quality_mos", p.Quality.Inbound.MOS)
	}
	if leg := parseRef(h.Ref).leg; leg != "" && n.StableID != "" && leg != n.StableID {
		n.Foreign = true // another leg, which was told to report here
	}
	answered := !h.AnsweredAt.IsZero() || s.live()
	end, told := ends[p.HangupCause]
	switch {
	case told:
		n.Status, n.Cause = end.status, end.cause
	case answered:
		n.Status, n.Cause = call.Completed, call.CauseUnknown
	case n.SIPCode >= 300:
		n.Status, n.Cause = call.Failed, call.CauseCarrier
	default:
		n.Status, n.Cause = call.Failed, call.CauseUnknown
	}
	if s.Parent != "" || h.AnsweredAt.IsZero() && answered {
		return // how long it was is not known here
	}
	talked := 0
	if !h.AnsweredAt.IsZero() && n.Time.After(h.AnsweredAt) {
		talked = int(n.Time.Sub(h.AnsweredAt) / time.Second)
	}
	n.Seconds = &talked
}

// ref is what the log keeps of a leg beside its id: who called whom, and the
// id that does not change.
type ref struct {
	inbound bool
	leg     string // call_leg_id
}

const (
	refInbound  = "in:"
	refOutbound = "out:"
)

func (r ref) String() string {
	if r.inbound {
		return refInbound + r.leg
	}
	return refOutbound + r.leg
}

func parseRef(text string) ref {
	if leg, ok := strings.CutPrefix(text, refInbound); ok {
		return ref{inbound: true, leg: leg}
	}
	leg, ok := strings.CutPrefix(text, refOutbound)
	if !ok {
		return ref{}
	}
	return ref{leg: leg}
}
