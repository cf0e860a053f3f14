package telnyx

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Telnyx' words for the state of a leg. The last is its hang-up cause.
const (
	stateParked   = "parked"
	stateAnswered = "answered"
	stateBridging = "bridging"
	stateHangup   = "hangup"
)

// Who hangs up, in the words of the timeline.
const (
	hungUpByPerson = "person"
	hungUpByAPI    = "api"
	hungUpByTelnyx = "carrier"
	hungUpByLimit  = "limit"
)

// longestCall is how long a call may last that names no limit.
const longestCall = 14400 * time.Second

// order is what the gateway asked for when a leg was made.
type order struct {
	connection     string
	hooks          hookFields
	state          string // client_state
	ring, limit    time.Duration
	noAnswer       string // the cause where nobody picks up
	digits         string // pressed after the answer
	detect         string
	stream         *streamOrder
	with           *session // shares its call_session_id
	bridgeOnAnswer bool     // with that
	park, parkWith bool     // stays when the other leg leaves: this, or that
}

// session is a leg.
type session struct {
	*carriersim.Leg
	c         *Carrier
	order     order
	hookID    string // the call_control_id in its webhooks
	legID     string
	sessionID string
	created   time.Time
	mixer     mixer
	streams   sync.WaitGroup
	answered  chan struct{}

	mu        sync.Mutex
	hooks     hookFields
	state     string // client_state
	over      bool
	commanded bool // something was ordered
	refusal   *cause
	commands  map[string]time.Time // by command_id
	stream    *stream
	bridge    *bridge
	sound     *announcement
}

// newSession makes a leg that the REST API knows from the first moment at which
// anybody else can see it.
func (c *Carrier) newSession(spec carriersim.Spec, o order, parent *session) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	spec.ID = newControlID()
	if parent != nil {
		spec.Parent = parent.ID()
	}
	leg, err := c.NewLeg(spec)
	if err != nil {
		return nil, err
	}
	s := &session{
		Leg: leg, c: c, order: o, hookID: spec.ID, legID: uuid.NewString(), sessionID: uuid.NewString(), created: time.Now(),
		answered: make(chan struct{}), hooks: o.hooks, state: o.state, commands: map[string]time.Time{},
	}
	if c.opt.Moved && spec.Direction == call.Outbound {
		s.hookID = newControlID()
		c.byID[s.hookID] = s
	}
	if o.with != nil {
		s.sessionID = o.with.sessionID
	}
	c.sessions = append(c.sessions, s)
	c.byID[s.ID()] = s
	return s, nil
}

// receive is the life of an inbound leg: it is parked until it is commanded, or
// the caller gives up.
func (s *session) receive() {
	s.GiveUpAfterRing()
	s.Note("initiated")
	s.Note("ringing")
	s.tell(carriersim.KindInbound, "call.initiated", s.initiated("incoming"))
	if app := s.c.application(s.order.connection); app.FirstCommand {
		s.c.Go(func(context.Context) {
			if carriersim.Sleep(s.Context(), time.Duration(app.FirstSecs)*time.Second) == nil && !s.wasCommanded() {
				s.Hangup(hungUpByTelnyx)
			}
		})
	}
	<-s.Context().Done()
	s.finish()
}

func (s *session) wasCommanded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commanded
}

// place is the life of an outbound leg. Its stream is opened before anybody
// picks up.
func (s *session) place() {
	s.Note("initiated")
	s.tell(carriersim.KindStatus, "call.initiated", s.initiated("outgoing"))
	if s.order.stream != nil {
		s.openStream(s.order.stream)
	}
	outcome := s.Person().Outcome
	if outcome != carriersim.Busy && outcome != carriersim.Unreachable {
		s.Note("ringing")
	}
	if outcome = s.RingPhone(s.Context(), s.order.ring); outcome == carriersim.Answers && s.answer() {
		s.bridgeAsOrdered()
		<-s.Context().Done()
		s.finish()
		return
	}
	if s.Context().Err() == nil {
		s.refuse(outcomeCause(outcome, s.order.noAnswer))
	}
	s.finish()
}

// bridgeAsOrdered joins the leg with the one for which it was made. Where that is
// parked still, it is answered now.
func (s *session) bridgeAsOrdered() {
	first := s.order.with
	if !s.order.bridgeOnAnswer || first == nil {
		return
	}
	if first.Direction() == call.Inbound {
		first.answer()
	}
	if first.Answered() {
		s.c.join(first, s, s.order.parkWith, s.order.park)
	}
}

// answer makes the leg answered, billed and limited, and reports whether this
// was the time.
func (s *session) answer() bool {
	if !s.Answer(true) {
		return false
	}
	s.move(stateAnswered)
	s.Connect(&s.mixer, &s.mixer)
	s.OnKey(s.pressed)
	s.tell(carriersim.KindStatus, "call.answered", with(s.parties(), map[string]any{
		"state": stateAnswered, "start_time": stamp(s.created), "custom_headers": []any{}, "sip_headers": []any{}, "tags": []any{},
	}))
	close(s.answered)
	s.c.Go(func(context.Context) {
		if carriersim.Sleep(s.Context(), s.order.limit) == nil {
			s.Hangup(hungUpByLimit)
		}
	})
	if s.order.digits != "" {
		s.HearKeys(s.order.digits)
	}
	if s.order.detect != "" && s.order.detect != "disabled" {
		s.c.Go(func(context.Context) { s.detect(s.order.detect) })
	}
	return true
}

// pressed tells of a key twice: in a webhook and on the stream.
func (s *session) pressed(digit string) {
	s.tell(carriersim.KindDTMF, "call.dtmf.received", with(s.parties(), map[string]any{"digit": digit}))
	s.mu.Lock()
	st := s.stream
	s.mu.Unlock()
	if st != nil {
		st.press(digit)
	}
}

// move changes the state of a leg that is not over.
func (s *session) move(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.SetStatus(state)
	}
}

// detect tells who picked up.
func (s *session) detect(mode string) {
	if carriersim.Sleep(s.Context(), s.c.opt.DetectAfter) != nil {
		return
	}
	kind, human := "call.machine.", "human"
	if mode == "premium" {
		kind, human = "call.machine.premium.", "human_residence"
	}
	if !s.Person().Machine {
		s.detected(kind+"detection.ended", human)
		return
	}
	greeting := map[string]string{"premium": "beep_detected", "detect_beep": "beep_detected", "detect_words": "ended", "greeting_end": "ended"}[mode]
	if !s.c.opt.BeepFirst || greeting != "beep_detected" {
		s.detected(kind+"detection.ended", "machine")
	}
	if greeting != "" && carriersim.Sleep(s.Context(), s.c.opt.DetectAfter) == nil {
		s.detected(kind+"greeting.ended", greeting)
	}
}

func (s *session) detected(event, result string) {
	s.Note("detected %s", result)
	s.tell(carriersim.KindAMD, event, with(s.parties(), map[string]any{"result": result}))
}

// resource is the leg as the API shows it. It has neither a status nor a cause.
func (s *session) resource() map[string]any {
	ended := s.EndedAt()
	doc := map[string]any{
		"record_type": "call", "call_control_id": s.ID(), "call_leg_id": s.legID, "call_session_id": s.sessionID,
		"is_alive": ended.IsZero(), "client_state": s.clientState(), "call_duration": int(s.Duration() / time.Second),
		"start_time": stamp(s.created),
	}
	if !ended.IsZero() {
		doc["end_time"] = stamp(ended)
	}
	return doc
}

// clientState is null where there is none.
func (s *session) clientState() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == "" {
		return nil
	}
	return s.state
}

// with returns doc with more fields.
func with(doc, more map[string]any) map[string]any {
	for name, value := range more {
		doc[name] = value
	}
	return doc
}
