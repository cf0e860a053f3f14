package plivoswitch

import (
	"context"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/course"
)

// patience is how long the network behind a carrier lets a phone ring that
// nobody answers, and that does not say itself how long.
const patience = 60 * time.Second

// session is a call as the carrier handles it.
type session struct {
	*carriersim.Leg
	course  course.Course[source]
	c       *Switch
	order   order
	created time.Time

	mu        sync.Mutex
	why       *End // what hangUp was given
	ended     *End
	ringing   time.Time
	machine   bool
	streaming bool
}

// newSession makes a call that the REST API knows from the first moment at which
// anybody else can see it.
func (s *Switch) newSession(spec carriersim.Spec, o order) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	spec.ID = NewUUID()
	leg, err := s.NewLeg(spec)
	if err != nil {
		return nil, err
	}
	c := &session{Leg: leg, c: s, order: o, created: time.Now()}
	s.sessions = append(s.sessions, c)
	s.byID[c.ID()] = c
	return c, nil
}

// receive is the life of an inbound call.
func (s *session) receive(app application) {
	s.GiveUpAfterRing()
	if app.AnswerURL == "" {
		s.Warn("the number leads to no application with an answer URL")
		s.hangUp(byCarrier, endNowhere)
		s.finish()
		return
	}
	s.course.Run(s.Leg, &source{
		hook: hook{app.AnswerURL, app.AnswerMethod}, kind: carriersim.KindInbound, event: "StartApp",
		fallback: hook{app.FallbackURL, app.FallbackMethod},
	}, s.runOne)
	s.finish()
}

// place is the life of a call that was ordered over REST.
func (s *session) place() {
	defer s.finish()
	if carriersim.Sleep(s.Context(), s.c.turn(time.Now())) != nil {
		return
	}
	s.SetStatus(statusInitiated)
	s.Note(statusInitiated)
	if s.c.m.TellsInitiated {
		s.callback(carriersim.KindStatus, s.order.ring, "CallInitiated", nil)
	}
	if o, timeout := s.ring(s.Context(), s.order.ringTimeout); o != carriersim.Answers {
		if s.Context().Err() == nil {
			s.end(s.refused(o, timeout))
		}
		return
	}
	s.pickUp()
	from := s.order.answer
	if s.detectNow() {
		from.fields = url.Values{"Machine": {"true"}}
	}
	s.course.Run(s.Leg, &from, s.runOne)
}

// ring lets the person's phone ring and tells what they do, and whether the
// limit was over before they or the network had enough.
func (s *session) ring(ctx context.Context, limit time.Duration) (o carriersim.Outcome, timeout bool) {
	p := s.Person()
	if p.Outcome != carriersim.Busy && p.Outcome != carriersim.Unreachable {
		s.mu.Lock()
		s.ringing = time.Now()
		s.mu.Unlock()
		s.SetStatus(statusRinging)
		s.Note(statusRinging)
		s.callback(carriersim.KindStatus, s.order.ring, "Ring", nil)
		if s.order.hangupOnRing > 0 {
			s.schedule(s.order.hangupOnRing)
		}
	}
	enough := patience
	if p.Outcome == carriersim.NoAnswer && p.Ring > 0 {
		enough = p.Ring
	}
	return s.RingPhone(ctx, min(limit, enough)), limit <= enough
}

// schedule hangs up later.
func (s *session) schedule(after time.Duration) {
	s.c.Go(func(context.Context) {
		if carriersim.Sleep(s.Context(), after) == nil {
			s.hangUp(byLimit, endScheduled)
		}
	})
}

// pickUp makes an outbound call answered.
func (s *session) pickUp() {
	s.answer()
	if s.order.digits != "" {
		s.HearKeys(s.order.digits)
	}
	if s.order.detection != "" && s.order.detectTo.url != "" {
		s.c.Go(func(context.Context) { s.detectAside() })
	}
}

// answer makes the call answered and billed, if it is not.
func (s *session) answer() {
	if !s.Answer(true) {
		return
	}
	s.SetStatus(statusInProgress)
	if s.order.limit > 0 {
		s.schedule(s.order.limit)
	}
}

// detectNow runs machine detection that the answer URL has to wait for, and
// reports whether it found one.
func (s *session) detectNow() bool {
	if s.order.detection == "" || s.order.detectTo.url != "" {
		return false
	}
	if carriersim.Sleep(s.Context(), s.c.m.DetectAfter) != nil || !s.verdict() {
		return false
	}
	s.dropMachine()
	return true
}

// detectAside runs machine detection beside the XML. Who reports machines only
// says nothing of a human.
func (s *session) detectAside() {
	if carriersim.Sleep(s.Context(), s.c.m.DetectAfter) != nil {
		return
	}
	form := url.Values{"Machine": {strconv.FormatBool(s.verdict())}}
	if form.Get("Machine") == "false" && !s.c.m.TellsHumans {
		return
	}
	if s.c.m.TellsHumans {
		form.Set("IfMachine", "continue")
		if s.order.detection == detectHangup {
			form.Set("IfMachine", "hangup")
		}
	}
	s.callback(carriersim.KindAMD, s.order.detectTo, "MachineDetection", form)
	if form.Get("Machine") == "true" {
		s.dropMachine()
	}
}

// verdict decides who has answered.
func (s *session) verdict() (machine bool) {
	machine = s.Person().Machine
	s.mu.Lock()
	s.machine = machine
	s.mu.Unlock()
	if machine {
		s.Note("detected machine")
	} else {
		s.Note("detected human")
	}
	return machine
}

// dropMachine hangs up on a machine, where that was ordered.
func (s *session) dropMachine() {
	if s.order.detection == detectHangup {
		s.hangUp(byMachine, endMachine)
	}
}

// redirect makes the call run something else. It fails when the call is not in
// progress. Whether it stops a stream at once is not known; here it does.
func (s *session) redirect(to source) bool {
	if s.Status() != statusInProgress || s.Context().Err() != nil {
		return false
	}
	s.course.Redirect(to)
	return true
}

// live reports whether the carrier works on the call: not queued, not over.
func (s *session) live() bool { return s.EndedAt().IsZero() && s.Status() != statusQueued }

func (s *session) outbound() bool { return s.Direction() == call.Outbound }
