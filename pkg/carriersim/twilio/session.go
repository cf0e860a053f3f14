package twilio

import (
	"context"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/course"
)

// Twilio's words for the status of a call. "initiated" is only in callbacks.
const (
	statusQueued     = "queued"
	statusInitiated  = "initiated"
	statusRinging    = "ringing"
	statusInProgress = "in-progress"
	statusCompleted  = "completed"
	statusBusy       = "busy"
	statusFailed     = "failed"
	statusNoAnswer   = "no-answer"
	statusCanceled   = "canceled"
)

// The names of the events that a status callback can be ordered for.
const (
	eventInitiated = "initiated"
	eventRinging   = "ringing"
	eventAnswered  = "answered"
	eventCompleted = "completed" // all ends
)

// Twilio's words for directions.
const (
	dirInbound = "inbound"
	dirAPI     = "outbound-api"
	dirDial    = "outbound-dial"
)

// SIP codes of the ends of calls.
const (
	sipOK         = 200
	sipNotFound   = 404
	sipBusy       = 486
	sipTerminated = 487
	sipDeclined   = 603
)

// hungUpByAPI is who hung up when the gateway did so over REST.
const hungUpByAPI = "api"

// order is what the gateway asked for when it made a call.
type order struct {
	answer       source
	statusURL    string
	statusMethod string
	events       []string
	timeout      time.Duration // of ringing
	limit        time.Duration // of talking, 0 is none
	digits       string        // pressed after the answer
	detection    string        // MachineDetection
	detectAsync  bool
	detectURL    string
	detectMethod string
}

// session is a call as Twilio handles it.
type session struct {
	*carriersim.Leg
	course    course.Course[source]
	c         *Carrier
	direction string
	numberSID string
	token     string // CallToken
	created   time.Time
	order     order

	mu         sync.Mutex
	updated    time.Time
	queued     time.Duration // before it started
	sequence   int
	sip        int
	answeredBy string
}

// newSession makes a call that the REST API knows from the first moment at which
// anybody else can see it. at is the number that was called, nil for others.
func (c *Carrier) newSession(spec carriersim.Spec, direction string, o order, at *number) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	spec.ID = newSID("CA")
	leg, err := c.NewLeg(spec)
	if err != nil {
		return nil, err
	}
	s := &session{Leg: leg, c: c, direction: direction, order: o, created: time.Now(), updated: time.Now()}
	if at != nil {
		s.numberSID, s.token = at.SID, newSID("CT")
	}
	c.sessions = append(c.sessions, s)
	c.bySID[s.ID()] = s
	return s, nil
}

// receive is the life of an inbound call.
func (s *session) receive(n number) {
	s.GiveUpAfterRing()
	if n.VoiceApplicationSID != "" || n.TrunkSID != "" || n.VoiceURL == "" {
		s.Warn("the number has no voice URL that counts")
		s.end(statusFailed, sipNotFound)
		return
	}
	s.course.Run(s.Leg, &source{
		url: n.VoiceURL, method: n.VoiceMethod, kind: carriersim.KindInbound,
		fallbackURL: n.VoiceFallbackURL, fallbackMethod: n.VoiceFallbackMethod,
	}, s.runOne)
	s.finish()
}

// place is the life of a call that was ordered over REST.
func (s *session) place() {
	wait := s.c.turn(time.Now())
	s.mu.Lock()
	s.queued = wait
	s.mu.Unlock()
	if carriersim.Sleep(s.Context(), wait) != nil {
		s.finish()
		return
	}
	if outcome := s.ring(s.Context(), s.order.timeout); outcome != carriersim.Answers {
		s.refused(outcome)
		return
	}
	s.pickUp()
	s.course.Run(s.Leg, &s.order.answer, s.runOne)
	s.finish()
}

// ring announces the call to the person and waits for what they do.
func (s *session) ring(ctx context.Context, limit time.Duration) carriersim.Outcome {
	s.progress(statusInitiated, eventInitiated)
	if o := s.Person().Outcome; o != carriersim.Busy && o != carriersim.Unreachable {
		s.progress(statusRinging, eventRinging)
	}
	return s.RingPhone(ctx, limit)
}

// refused ends a call that was not answered.
func (s *session) refused(o carriersim.Outcome) {
	switch {
	case s.Context().Err() != nil:
		s.finish()
	case o == carriersim.Busy:
		s.end(statusBusy, sipBusy)
	case o == carriersim.Rejects:
		s.end(statusFailed, sipDeclined) // the word for a 603 is not documented
	case o == carriersim.Unreachable:
		s.end(statusFailed, sipNotFound)
	default:
		s.end(statusNoAnswer, sipTerminated)
	}
}

// pickUp makes an outbound call answered.
func (s *session) pickUp() {
	s.answer()
	s.progress(statusInProgress, eventAnswered)
	if s.order.digits != "" {
		s.HearKeys(s.order.digits)
	} else {
		s.detect()
	}
}

// answer makes the call answered and billed, if it is not.
func (s *session) answer() {
	if !s.Answer(true) {
		return
	}
	s.setStatus(statusInProgress)
	if s.order.limit > 0 {
		s.c.Go(func(context.Context) {
			if carriersim.Sleep(s.Context(), s.order.limit) == nil {
				s.Hangup("limit")
			}
		})
	}
}

// detect runs machine detection, where it was ordered. The synchronous kind
// holds the call back until the verdict.
func (s *session) detect() {
	if s.order.detection == "" {
		return
	}
	if !s.order.detectAsync {
		if carriersim.Sleep(s.Context(), s.c.opt.DetectAfter) == nil {
			s.verdict()
		}
		return
	}
	if s.order.detectURL == "" {
		s.Warn("21262 machine detection without callback")
		return
	}
	s.c.Go(func(context.Context) {
		if carriersim.Sleep(s.Context(), s.c.opt.DetectAfter) != nil {
			return
		}
		by := s.verdict()
		s.Notify(s.webhook(carriersim.KindAMD, by, s.order.detectMethod, s.order.detectURL, url.Values{
			"CallSid": {s.ID()}, "AccountSid": {s.c.opt.AccountSID},
			"AnsweredBy": {by}, "MachineDetectionDuration": {s.detectionMS()},
		}))
	})
}

func (s *session) verdict() string {
	by := "human"
	if s.Person().Machine {
		by = "machine_start"
		if s.order.detection == "DetectMessageEnd" {
			by = "machine_end_beep"
		}
	}
	s.mu.Lock()
	s.answeredBy = by
	s.mu.Unlock()
	s.Note("detected %s", by)
	return by
}

func (s *session) detectionMS() string {
	return strconv.FormatInt(s.c.opt.DetectAfter.Milliseconds(), 10)
}

// finish ends a call that somebody hung up, or whose markup is used up.
func (s *session) finish() {
	switch by := s.HungUpBy(); {
	case s.Answered():
		s.end(statusCompleted, sipOK)
	case by == hungUpByAPI, by == "carrier":
		s.end(statusCanceled, sipTerminated)
	default:
		s.end(statusNoAnswer, sipTerminated)
	}
}

// end is the last that happens to a call. An earlier end stays.
func (s *session) end(status string, sip int) {
	s.mu.Lock()
	if s.sip != 0 {
		s.mu.Unlock()
		return
	}
	s.sip = sip
	s.updated = time.Now()
	s.mu.Unlock()
	s.End(status)
	s.callback(status, eventCompleted)
	s.Finish()
}

// progress moves the call and tells the gateway, if it wants to hear of it.
func (s *session) progress(status, event string) {
	if status != statusInitiated { // which the REST resource does not know
		s.setStatus(status)
	}
	if event != eventAnswered {
		s.Note("%s", event)
	}
	s.callback(status, event)
}

func (s *session) setStatus(status string) {
	s.SetStatus(status)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.updated = time.Now()
}

// redirect makes the call run something else. It fails when the call is not in
// progress.
func (s *session) redirect(to source) bool {
	if s.Status() != statusInProgress || s.Context().Err() != nil {
		return false
	}
	s.course.Redirect(to)
	return true
}
