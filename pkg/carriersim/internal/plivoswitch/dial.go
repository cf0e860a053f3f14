package plivoswitch

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Limits of <Dial> in seconds, where it names none.
const (
	dialRing  = 120
	dialLimit = 14400
)

// attributes of <Dial> and of the nouns in it.
const (
	dialAttrs   = "action method timeout timeLimit callerId callerName hangupOnStar redirect callbackUrl callbackMethod confirmSound confirmKey confirmTimeout dialMusic digitsMatch digitsMatchBLeg sipHeaders machineDetection"
	numberAttrs = "sendDigits sendDigitsMode sendOnPreanswer sipHeaders"
	userAttrs   = "sendDigits sendOnPreanswer sipHeaders sipAuthUsername sipAuthPassword"
)

// rung is what became of a dialled leg.
type rung struct {
	leg     *session
	outcome carriersim.Outcome
	timeout bool
}

// runDial rings everybody that it names. The call is answered when one of them
// is.
func (s *session) runDial(ctx context.Context, e *element) outcome {
	legs := s.dialled(e)
	if len(legs) == 0 {
		s.Warn("<Dial> without anybody to dial")
		return goOn
	}
	if s.Answered() {
		defer s.Connect(carriersim.Ringback(s.Rate()))()
	}
	won, last := s.ringAll(ctx, legs, s.seconds(e, "timeout", dialRing))
	result := url.Values{
		"DialALegUUID": {s.ID()}, "DialBLegUUID": {""}, "DialRingStatus": {strconv.FormatBool(last.rang())},
	}
	if won != nil {
		s.dialEvent(e, won, "answer")
		s.answer()
		s.bridge(ctx, e, won)
		last = won
		result.Set("DialRingStatus", "true")
		result.Set("DialStatus", statusCompleted)
	} else {
		result.Set("DialStatus", last.endedAs().Word)
	}
	if won != nil || s.c.m.NamesUnanswered {
		result.Set("DialBLegUUID", last.ID())
	}
	result.Set("DialHangupCause", last.endedAs().Cause)
	return s.after(ctx, e, result)
}

// rang reports whether the phone at a leg has rung.
func (s *session) rang() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.ringing.IsZero()
}

// endedAs is the end of a leg that is over.
func (s *session) endedAs() End {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		return End{}
	}
	return *s.ended
}

// dialled makes the legs that a <Dial> names.
func (s *session) dialled(e *element) (legs []*session) {
	caller := e.attr("callerId", "")
	for i := range e.Children {
		n := &e.Children[i]
		switch n.name() {
		case "Number":
			s.check(n, numberAttrs)
		case "User":
			s.check(n, userAttrs)
			if !strings.HasPrefix(n.text(), "sip:") {
				s.Warn("<User> %q is no SIP URI", n.text())
				continue
			}
		default:
			s.Warn("unknown or unsupported <%s> in <Dial>", n.name())
			continue
		}
		from := caller
		if from == "" {
			from = s.From()
		}
		leg, err := s.c.newSession(carriersim.Spec{
			Parent: s.ID(), Direction: call.Outbound, From: s.c.m.Written(from), To: s.c.m.Written(n.text()),
			Rate: s.Rate(), Person: s.c.PersonAt(bare(n.text())), Status: statusQueued,
		}, order{digits: n.attr("sendDigits", "")})
		if err != nil {
			s.Warn("%v", err)
			continue
		}
		if _, ours := s.c.Find(caller); caller != "" && !ours && s.c.m.OwnCallerID {
			s.Warn("callerId %q of <Dial> is not a number of the account", caller)
			leg.hangUp(byCarrier, endCallerID)
			leg.finish()
		}
		legs = append(legs, leg)
	}
	return legs
}

// ringAll rings all legs at once. The first to answer is returned, the others
// are over; without one, the last to give up comes second.
func (s *session) ringAll(ctx context.Context, legs []*session, limit time.Duration) (won, last *session) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	results := make(chan rung, len(legs))
	for _, leg := range legs {
		go func() {
			o, timeout := carriersim.Unreachable, false
			if leg.Context().Err() == nil {
				o, timeout = leg.ring(ctx, limit)
			}
			results <- rung{leg, o, timeout}
		}()
	}
	for range legs {
		r := <-results
		last = r.leg
		switch {
		case r.outcome == carriersim.Answers && won == nil && ctx.Err() == nil:
			won = r.leg
			stop()
		case won != nil:
			r.leg.end(endLostRace)
		case ctx.Err() != nil:
			r.leg.end(endCancelled)
		default:
			r.leg.end(r.leg.refused(r.outcome, r.timeout))
		}
	}
	if won != nil {
		won.pickUp()
	}
	return won, last
}

// bridge joins the two until one of them hangs up, the time is over or the
// markup is interrupted. The dialled leg is over afterwards.
func (s *session) bridge(ctx context.Context, e *element, leg *session) {
	room := &carriersim.Room{}
	mine, theirs := room.Join(), room.Join()
	defer s.Connect(mine, mine)()
	leg.Connect(theirs, theirs)
	s.Note("bridged %s", leg.ID())
	s.dialEvent(e, leg, "connected")
	timer := time.NewTimer(s.seconds(e, "timeLimit", dialLimit))
	defer timer.Stop()
	select {
	case <-leg.Context().Done():
	case <-ctx.Done():
	case <-timer.C:
	}
	leg.hangUp(byCarrier, endNormal)
	leg.finish()
	s.dialEvent(e, leg, "hangup")
}

// dialEvent tells the callback URL of a <Dial> what its leg does.
func (s *session) dialEvent(e *element, leg *session, action string) {
	to := e.hook("callbackUrl", "callbackMethod")
	if to.url == "" {
		return
	}
	form := url.Values{
		"CallUUID": {s.ID()}, "Event": {"Dial" + strings.ToUpper(action[:1]) + action[1:]}, "DialAction": {action},
		"DialALegUUID": {s.ID()}, "DialBLegUUID": {leg.ID()}, "DialBLegStatus": {action},
		"DialBLegFrom": {leg.From()}, "DialBLegTo": {leg.To()},
	}
	if action == "hangup" {
		end := leg.endedAs()
		seconds := strconv.Itoa(wholeSeconds(leg.Duration()))
		form.Set("DialBLegDuration", seconds)
		form.Set("DialBLegBillDuration", seconds)
		form.Set("DialBLegHangupCause", end.Cause)
		form.Set("DialBLegHangupCauseCode", strconv.Itoa(end.Code))
		form.Set("DialBLegHangupCauseName", end.Name)
		form.Set("DialBLegHangupSource", end.Source)
	}
	s.Notify(s.webhook(carriersim.KindAction, form.Get("Event"), to, form, s.c.m.Status))
}
