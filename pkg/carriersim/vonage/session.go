package vonage

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/course"
)

// Who hangs up, in the words of the timeline.
const (
	hungUpByPerson = "person"
	hungUpByAPI    = "api"
	hungUpByMarkup = "markup"
	hungUpByVonage = "carrier"
)

// SIP codes of the ends of calls.
const (
	sipOK         = 200
	sipNotFound   = 404
	sipBusy       = 486
	sipTerminated = 487
	sipError      = 500
	sipDeclined   = 603
)

// order is what the gateway asked for when a leg was made.
type order struct {
	app          string
	host         string // of the region
	conversation string // "" is a new one
	answer       script // of outbound calls
	events       hook   // an empty one stands for the application's
	wait         bool   // a failure's event may be answered with an NCCO
	ring, limit  time.Duration
	digits       string // pressed after the answer
	detect       *detection
}

// session is a phone's leg.
type session struct {
	*carriersim.Leg
	course  course.Course[script]
	c       *Carrier
	order   order
	created time.Time

	mu           sync.Mutex
	conversation string
	over         bool
}

// newSession makes a leg that the REST API knows from the first moment at which
// anybody else can see it.
func (c *Carrier) newSession(spec carriersim.Spec, o order) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	spec.ID, spec.Rate = uuid.NewString(), lineRate
	leg, err := c.NewLeg(spec)
	if err != nil {
		return nil, err
	}
	s := &session{Leg: leg, c: c, order: o, created: time.Now(), conversation: o.conversation}
	if s.conversation == "" {
		s.conversation = newConversation()
	}
	c.legs = append(c.legs, s)
	return s, nil
}

func (s *session) facts() facts {
	s.mu.Lock()
	conversation := s.conversation
	s.mu.Unlock()
	return facts{
		uuid: s.ID(), conversation: conversation, host: s.order.host, status: s.Status(), direction: s.Direction(),
		from: addressed(s.From()), to: addressed(s.To()), network: "US-FIXED", rate: phoneRate,
		created: s.created, answered: s.AnsweredAt(), ended: s.EndedAt(),
	}
}

// addressed tells what kind of party an address names.
func addressed(address string) party {
	if strings.HasPrefix(address, "sip:") {
		return party{Type: "sip", URI: address}
	}
	return party{Type: "phone", Number: address}
}

// receive is the life of an inbound call.
func (s *session) receive() {
	s.GiveUpAfterRing()
	s.progress(statusStarted)
	s.progress(statusRinging)
	app := s.c.application(s.order.app)
	if app.answer.url == "" {
		s.Warn("the number leads to no application with an answer_url")
		s.end(s.Context(), statusFailed, "cannot_route", sipNotFound)
		return
	}
	s.course.Run(s.Leg, &script{kind: carriersim.KindInbound, hook: app.answer, fallback: app.fallback}, s.runOne)
	s.finish()
}

// place is the life of a call that was ordered over REST.
func (s *session) place() {
	if outcome := s.call(s.Context()); outcome != carriersim.Answers {
		s.refused(s.Context(), outcome)
		return
	}
	s.answer()
	s.course.Run(s.Leg, &s.order.answer, s.runOne)
	s.finish()
}

// call rings the phone and waits for what the person does.
func (s *session) call(ctx context.Context) carriersim.Outcome {
	s.progress(statusStarted)
	if o := s.Person().Outcome; o != carriersim.Busy && o != carriersim.Unreachable {
		s.progress(statusRinging)
	}
	return s.RingPhone(ctx, s.order.ring)
}

// refused ends a leg that was not answered. The gateway may have an NCCO for
// the leg that dialled it.
func (s *session) refused(ctx context.Context, o carriersim.Outcome) *script {
	switch {
	case s.Context().Err() != nil, ctx.Err() != nil:
		s.Hangup(hungUpByVonage)
		s.finish()
		return nil
	case o == carriersim.Busy:
		return s.end(ctx, statusBusy, "", sipBusy)
	case o == carriersim.Rejects:
		return s.end(ctx, statusRejected, "declined", sipDeclined)
	case o == carriersim.Unreachable:
		return s.end(ctx, statusFailed, "cannot_route", sipNotFound)
	}
	return s.end(ctx, statusTimeout, "", sipTerminated)
}

// answer makes the leg answered, billed and limited, if it is not.
func (s *session) answer() {
	if !s.Answer(true) {
		return
	}
	s.progress(statusAnswered)
	s.c.Go(func(context.Context) {
		if carriersim.Sleep(s.Context(), s.order.limit) == nil {
			s.Hangup("limit")
		}
	})
	if s.order.digits != "" {
		s.HearKeys(strings.ReplaceAll(s.order.digits, "p", ""))
	}
	if s.order.detect != nil {
		s.c.Go(func(context.Context) { s.detect(s.order.detect) })
	}
}

// detect tells who picked up. The NCCO runs meanwhile.
func (s *session) detect(d *detection) {
	if carriersim.Sleep(s.Context(), s.c.opt.DetectAfter) != nil {
		return
	}
	if !s.Person().Machine {
		s.detected(statusHuman, "")
		return
	}
	s.detected(statusMachine, "")
	if d.Behavior == "hangup" {
		s.Hangup(hungUpByVonage)
		return
	}
	if d.Mode == "detect_beep" && carriersim.Sleep(s.Context(), s.c.opt.DetectAfter) == nil {
		s.detected(statusMachine, "beep_start")
	}
}

// detected names the leg in another field than all other events do.
func (s *session) detected(who, sub string) {
	s.Note("detected %s", strings.TrimSpace(who+" "+sub))
	s.setStatus(who)
	f := s.facts()
	doc := f.event(who, map[string]any{"call_uuid": f.uuid})
	delete(doc, "uuid")
	delete(doc, "direction")
	if sub != "" {
		doc["sub_state"] = sub
	}
	s.notify(carriersim.KindAMD, who, doc)
}

// finish ends a call that somebody hung up, or whose NCCO is used up.
func (s *session) finish() {
	if s.Answered() {
		s.end(s.Context(), statusCompleted, "", sipOK)
		return
	}
	s.end(s.Context(), statusCancelled, "", sipTerminated)
}

// end is the last that happens to a leg. An earlier end stays. What the gateway
// answers is returned where it may say how the leg that dialled goes on.
func (s *session) end(ctx context.Context, status, detail string, sip int) *script {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return nil
	}
	s.over = true
	s.mu.Unlock()
	by := s.HungUpBy()
	s.End(status)
	defer s.Finish()
	more := map[string]any{"sip_code": sip}
	if detail != "" {
		more["detail"] = detail
	}
	if status == statusCompleted {
		more["disconnected_by"] = "platform"
		if by == hungUpByPerson {
			more["disconnected_by"] = "user"
		}
	}
	f := s.facts()
	doc := f.event(status, more)
	if s.order.wait && status != statusCompleted {
		return s.consult(ctx, carriersim.KindAction, status, doc)
	}
	s.notify(carriersim.KindStatus, status, doc)
	if s.c.opt.CompletedToo && status != statusCompleted {
		s.notify(carriersim.KindStatus, statusCompleted, f.event(statusCompleted, nil))
	}
	return nil
}

// progress moves the leg and tells the gateway.
func (s *session) progress(status string) {
	s.setStatus(status)
	switch status {
	case statusStarted:
		s.Note("initiated")
	case statusRinging:
		s.Note("ringing")
	}
	f := s.facts()
	s.notify(carriersim.KindStatus, status, f.event(status, nil))
}

// setStatus moves a leg that is not over.
func (s *session) setStatus(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.SetStatus(status)
	}
}

// transfer makes the call run something else, in another conversation. Who was
// in the old one stays there.
func (s *session) transfer(to script) error {
	if !s.Answered() {
		return &apiError{http.StatusBadRequest, "Bad Request", "The call is not answered", nil}
	}
	s.mu.Lock()
	if s.over || s.Context().Err() != nil {
		s.mu.Unlock()
		return notFound("Call")
	}
	from := s.conversation
	s.conversation = newConversation()
	doc := map[string]any{"conversation_uuid_from": from, "conversation_uuid_to": s.conversation, "uuid": s.ID(), "timestamp": now()}
	s.course.Redirect(to)
	s.mu.Unlock()
	s.notify(carriersim.KindOther, "transfer", doc)
	return nil
}
