package cloudonix

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/course"
)

// The words of sessions and their updates. None says that a conversation is
// over: the last word of one is connected.
const (
	wordNew        = "new"
	wordProcessing = "processing"
	wordRinging    = "ringing"
	wordConnected  = "connected"
	wordBusy       = "busy"
	wordNoAnswer   = "noanswer"
	wordCancel     = "cancel"
	wordError      = "error"
	wordCongestion = "congestion"
	wordFailed     = "failed"
)

// dispositions are the words of call detail records by the last word of the
// session.
var dispositions = map[string]string{
	wordConnected: "ANSWER", wordBusy: "BUSY", wordNoAnswer: "NOANSWER", wordCancel: "CANCEL",
	wordError: "FAILED", wordFailed: "FAILED", wordCongestion: "CONGESTION",
}

// Directions in voice requests.
const (
	dirInbound = "inbound"
	dirAPI     = "outbound-api"
)

// byAPI is who hung up when the gateway did so over REST.
const byAPI = "api"

// session is a call as Cloudonix handles it. The leg's id is the token.
type session struct {
	*carriersim.Leg
	course    course.Course[source]
	c         *Carrier
	number    int    // id
	callSID   string // of no use in REST
	sipID     string // Call-ID
	direction string
	created   time.Time

	mu         sync.Mutex
	order      order
	word       string
	modified   time.Time
	updates    int
	answeredBy string
	over       bool
	timer      *time.Timer // of the talk limit
}

// newSession makes a call that the REST API knows from the first moment at which
// anybody else can see it.
func (c *Carrier) newSession(spec carriersim.Spec, direction string, o order) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	spec.ID, spec.Status = randomHex(16), wordNew
	leg, err := c.NewLeg(spec)
	if err != nil {
		return nil, err
	}
	number := c.nextSerial()
	s := &session{
		Leg: leg, c: c, number: number, callSID: "call-" + strconv.Itoa(number), sipID: randomHex(6) + "@198.51.100.7",
		direction: direction, order: o, created: time.Now(), word: wordNew, modified: time.Now(),
	}
	if s.order.limit == 0 {
		s.order.limit = talkLimit
	}
	for _, w := range o.warnings {
		s.Warn("%s", w)
	}
	c.sessions = append(c.sessions, s)
	c.byToken[s.ID()] = s
	return s, nil
}

// receive is the life of an inbound call.
func (s *session) receive() {
	s.GiveUpAfterRing()
	s.update(wordNew)
	if s.order.app.URL == "" {
		s.Warn("no application is asked about this number")
		s.end(wordCongestion)
		return
	}
	s.update(wordProcessing)
	s.update(wordRinging)
	s.course.Run(s.Leg, &source{app: s.order.app, kind: carriersim.KindInbound}, s.runOne)
	s.finish()
}

// place is the life of a call that was ordered over REST.
func (s *session) place() {
	s.update(wordNew)
	s.update(wordProcessing)
	s.Note("initiated")
	if o := s.Person().Outcome; o != carriersim.Busy && o != carriersim.Unreachable {
		s.update(wordRinging)
	}
	if outcome := s.RingPhone(s.Context(), s.order.timeout); outcome != carriersim.Answers {
		s.refused(outcome)
		return
	}
	if !s.answer() {
		s.finish()
		return
	}
	if s.order.digits != "" {
		s.HearKeys(s.order.digits)
	}
	s.detect()
	s.course.Run(s.Leg, &source{app: s.order.app, cxml: s.order.cxml, kind: carriersim.KindAnswer}, s.runOne)
	s.finish()
}

// refused ends a call that was not answered. Which word a declined call has is
// not documented.
func (s *session) refused(o carriersim.Outcome) {
	switch {
	case s.Context().Err() != nil:
		s.finish()
	case o == carriersim.Busy:
		s.end(wordBusy)
	case o == carriersim.Rejects:
		s.end(wordFailed)
	case o == carriersim.Unreachable:
		s.end(wordCongestion)
	default:
		s.end(wordNoAnswer)
	}
}

// answer makes the call answered and billed. It reports whether it is.
func (s *session) answer() bool {
	if s.Answered() {
		return true
	}
	if !s.Answer(true) {
		return false
	}
	s.mu.Lock()
	seconds := s.order.limit
	s.mu.Unlock()
	s.setLimit(seconds)
	s.update(wordConnected)
	return true
}

// setLimit hangs up when the call has been answered for so long.
func (s *session) setLimit(seconds int) {
	left := max(0, time.Duration(seconds)*time.Second-s.Duration())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order.limit = seconds
	switch {
	case s.over || !s.Answered():
	case s.timer == nil:
		s.timer = time.AfterFunc(left, func() { s.Hangup("limit") })
	default:
		s.timer.Reset(left)
	}
}

// detect runs machine detection, where it was ordered. The synchronous kind
// holds the call back until the verdict.
func (s *session) detect() {
	o := &s.order
	if o.detection == "" {
		return
	}
	if !o.detectAsync {
		if carriersim.Sleep(s.Context(), s.c.opt.DetectAfter) == nil {
			s.verdict()
		}
		return
	}
	if o.detectURL == "" {
		s.Warn("machine detection without callback")
		return
	}
	s.c.Go(func(context.Context) {
		if carriersim.Sleep(s.Context(), s.c.opt.DetectAfter) == nil {
			s.reportVerdict(s.verdict())
		}
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

// finish ends a call that somebody hung up, or whose markup is used up.
func (s *session) finish() {
	switch by := s.HungUpBy(); {
	case s.Answered():
		s.end(wordConnected)
	case by == "person", by == byAPI:
		s.end(wordCancel)
	default:
		s.end(wordFailed)
	}
}

// end is the last that happens to a call. An earlier end stays.
func (s *session) end(word string) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.over = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	s.End(dispositions[word])
	s.tell(word)
	s.record(word)
	s.Finish()
}

// update moves the session to a word and tells the gateway, twice: at least ten
// updates come of every call.
func (s *session) update(word string) {
	if word == wordRinging {
		s.Note("ringing")
	}
	s.SetStatus(word)
	s.tell(word)
	s.tell(word)
}

// errand is what the gateway may want to know of the session now: a verb that
// begins or ends is an update, too.
func (s *session) errand() {
	s.mu.Lock()
	word := s.word
	s.mu.Unlock()
	s.tell(word)
}

// redirect makes the call run something else. It fails when it is over.
func (s *session) redirect(to source) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.Context().Err() != nil {
		return false
	}
	s.course.Redirect(to)
	return true
}

// resource is the session as the API shows it.
func (s *session) resource() doc {
	answered, ended := s.AnsweredAt(), s.EndedAt()
	s.mu.Lock()
	defer s.mu.Unlock()
	return doc{
		"id": s.number, "domainId": s.c.domain.ID, "domain": s.c.Domain(), "subscriberId": 1200,
		"destination": s.To(), "callerId": s.From(), "direction": s.way(), "token": s.ID(),
		"createdAt": iso(s.created), "modifiedAt": iso(s.modified), "timeLimit": s.order.limit, "status": s.word,
		"vappServer": vappServer, "profile": s.profile(), "callback": s.order.callback, "url": s.order.app.URL,
		"callStartTime": millis(s.created), "callAnswerTime": millis(answered), "callEndTime": millis(ended),
		"startTime": iso(s.created), "answerTime": iso(answered), "endTime": iso(ended), "error": nil,
	}
}

// profile is what was sent along with the call, by the gateway or by the trunk
// that delivered it.
func (s *session) profile() json.RawMessage {
	switch {
	case s.order.profile != nil:
		return s.order.profile
	case s.direction == dirInbound:
		return json.RawMessage(`{"trunk-sip-headers":{}}`)
	}
	return json.RawMessage("{}")
}

// way is the direction in updates and in REST.
func (s *session) way() string {
	if s.direction == dirInbound {
		return "incoming"
	}
	return "outgoing"
}

const vappServer = "198.51.100.20"

// millis is a time in milliseconds, null for none.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func iso(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
