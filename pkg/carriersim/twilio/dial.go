package twilio

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Limits of <Dial> where it names none. Twilio itself may ring some seconds
// longer than it is told, which nobody needs to wait for here.
const (
	dialRing  = 30 // seconds
	dialLimit = 4 * time.Hour
)

// attributes of the nouns in <Dial>.
const (
	numberAttrs = "url method sendDigits byoc statusCallback statusCallbackMethod statusCallbackEvent machineDetection machineDetectionTimeout machineDetectionSpeechThreshold machineDetectionSpeechEndThreshold machineDetectionSilenceTimeout amdStatusCallback amdStatusCallbackMethod"
	sipAttrs    = numberAttrs + " username password"
)

// rung is what became of a dialled leg.
type rung struct {
	leg     *session
	outcome carriersim.Outcome
}

func (s *session) runDial(ctx context.Context, e *element, _ bool) outcome {
	if len(e.Children) == 1 && e.Children[0].Name == "Conference" {
		s.answer()
		s.confer(ctx, &e.Children[0])
		return s.after(ctx, e, url.Values{"DialCallStatus": {"answered"}, "DialBridged": {"true"}})
	}
	if !e.IsTrue("answerOnBridge") {
		s.answer()
	}
	legs := s.dialled(e)
	if len(legs) == 0 {
		s.answer()
		s.Warn("13201 <Dial> without anybody to dial")
		return goOn
	}
	if s.Answered() {
		defer s.Connect(carriersim.Ringback(s.Rate()))()
	}
	leg, outcome := s.ringAll(ctx, legs, s.seconds(e, "timeout", dialRing))
	result := url.Values{"DialCallStatus": {dialStatus(outcome)}, "DialBridged": {"false"}}
	if leg != nil {
		limit := dialLimit
		if e.Has("timeLimit") {
			limit = s.seconds(e, "timeLimit", 0)
		}
		s.answer()
		s.bridge(ctx, leg, limit)
		result = url.Values{
			"DialCallStatus": {statusCompleted}, "DialBridged": {"true"}, "DialCallSid": {leg.ID()},
			"DialCallDuration": {strconv.Itoa(wholeSeconds(leg.Duration()))},
		}
	} else {
		s.answer() // what follows is for somebody who listens
		result.Set("DialCallSid", legs[0].ID())
	}
	return s.after(ctx, e, result)
}

func dialStatus(o carriersim.Outcome) string {
	switch o {
	case carriersim.Busy:
		return statusBusy
	case carriersim.NoAnswer:
		return statusNoAnswer
	}
	return statusFailed
}

// dialled makes the legs that a <Dial> names.
func (s *session) dialled(e *element) []*session {
	nouns := e.Children
	if len(nouns) == 0 && e.Text != "" {
		nouns = []element{{Name: "Number", Text: e.Text}}
	}
	callerID := e.Attr("callerId", s.From())
	var legs []*session
	for i := range nouns {
		n := &nouns[i]
		switch n.Name {
		case "Number":
			s.check(n, numberAttrs)
		case "Sip":
			s.check(n, sipAttrs)
		default:
			s.Warn("12200 unknown or unsupported <%s> in <Dial>", n.Name)
			continue
		}
		events := strings.Fields(n.Attr("statusCallbackEvent", eventCompleted))
		for _, event := range events {
			if !validEvent(event) {
				s.Warn("21626 status callback event %q", event)
			}
		}
		leg, err := s.c.newSession(carriersim.Spec{
			Parent: s.ID(), Direction: call.Outbound, From: callerID, To: n.Text,
			Person: s.c.PersonAt(n.Text), Status: statusQueued,
		}, dirDial, order{
			statusURL: n.Attr("statusCallback", ""), statusMethod: n.Attr("statusCallbackMethod", http.MethodPost), events: events,
			digits: n.Attr("sendDigits", ""),
		}, nil)
		if err != nil {
			s.Warn("%v", err)
			continue
		}
		legs = append(legs, leg)
	}
	return legs
}

// ringAll rings all legs at once. The first to answer is returned, the others
// are over; without one, the outcome of the last.
func (s *session) ringAll(ctx context.Context, legs []*session, limit time.Duration) (*session, carriersim.Outcome) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	results := make(chan rung, len(legs))
	for _, leg := range legs {
		go func() { results <- rung{leg, leg.ring(ctx, limit)} }()
	}
	var winner *session
	last := carriersim.NoAnswer
	for range legs {
		switch r := <-results; {
		case r.outcome == carriersim.Answers && winner == nil && ctx.Err() == nil:
			winner = r.leg
			stop()
		case ctx.Err() != nil:
			r.leg.end(statusCanceled, sipTerminated)
		default:
			last = r.outcome
			r.leg.refused(r.outcome)
		}
	}
	if winner != nil {
		winner.pickUp()
	}
	return winner, last
}

// bridge joins the two until one of them hangs up, the time is over or the
// markup is interrupted. The dialled leg is over afterwards.
func (s *session) bridge(ctx context.Context, leg *session, limit time.Duration) {
	room := &carriersim.Room{}
	mine, theirs := room.Join(), room.Join()
	defer s.Connect(mine, mine)()
	leg.Connect(theirs, theirs)
	s.Note("bridged %s", leg.ID())
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-leg.Context().Done():
	case <-ctx.Done():
	case <-timer.C:
	}
	leg.Hangup("carrier")
	leg.finish()
}
