package twilio

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const conferenceAttrs = "muted beep startConferenceOnEnter endConferenceOnExit waitUrl waitMethod maxParticipants record region trim coach participantLabel jitterBufferSize statusCallback statusCallbackMethod statusCallbackEvent recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent eventCallbackUrl"

// conference is a named room of the account. The settings of the participant
// who comes first count for all.
type conference struct {
	c      *Carrier
	sid    string
	name   string
	room   carriersim.Room
	over   chan struct{} // closed when it ends
	url    string
	method string
	events []string

	// Guarded by the carrier's mutex.
	parties  int
	wanted   bool // somebody came who does not wait
	started  bool
	ended    bool
	sequence int
}

// confer keeps a leg in a conference until it leaves or the conference ends.
func (s *session) confer(ctx context.Context, e *element) {
	s.check(e, conferenceAttrs)
	if len(e.Text) > 128 || e.Text == "" {
		s.Warn("13222 conference name %q", e.Text)
		return
	}
	r := s.c.enter(e)
	me := r.room.Join()
	defer s.Connect(me, me)()
	s.Note("joined conference %s", e.Text)
	r.joined(s, e)
	reason := "participant_updated_via_api" // a redirect takes them out
	select {
	case <-ctx.Done():
		if s.Context().Err() != nil {
			reason = "participant_hung_up"
		}
	case <-r.over:
		reason = "moderator_ended_conference"
	}
	me.Leave()
	s.Note("left conference %s", e.Text)
	r.left(s, e, reason)
}

// enter returns the conference of that name, new if there is none.
func (c *Carrier) enter(e *element) *conference {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.rooms[e.Text]
	if !ok {
		r = &conference{
			c: c, sid: newSID("CF"), name: e.Text, over: make(chan struct{}),
			url: e.Attr("statusCallback", ""), method: e.Attr("statusCallbackMethod", http.MethodPost),
			events: strings.Fields(e.Attr("statusCallbackEvent", "")),
		}
		r.room.Shut(true)
		c.rooms[e.Text] = r
	}
	r.parties++
	return r
}

// joined announces a participant, and starts the conference once there are two
// of whom one does not wait for somebody else.
func (r *conference) joined(s *session, e *element) {
	r.notify(s, e, "participant-join", nil)
	r.c.mu.Lock()
	r.wanted = r.wanted || startsOnEnter(e)
	start := !r.started && r.wanted && r.parties > 1
	r.started = r.started || start
	r.c.mu.Unlock()
	if start {
		r.room.Shut(false)
		r.notify(s, e, "conference-start", nil)
	}
}

func startsOnEnter(e *element) bool {
	return strings.EqualFold(e.Attr("startConferenceOnEnter", "true"), "true")
}

// left announces that a participant is gone, and ends the conference with the
// last, or with one whose exit ends it.
func (r *conference) left(s *session, e *element, reason string) {
	r.c.mu.Lock()
	r.parties--
	why := "participant-with-end-conference-on-exit-left"
	if r.parties == 0 {
		why = "last-participant-left"
	}
	end := !r.ended && (r.parties == 0 || e.IsTrue("endConferenceOnExit"))
	r.ended = r.ended || end
	if end && r.c.rooms[r.name] == r {
		delete(r.c.rooms, r.name)
	}
	r.c.mu.Unlock()
	r.notify(s, e, "participant-leave", url.Values{
		"ParticipantCallStatus": {s.Status()}, "ReasonParticipantLeft": {reason},
	})
	if end {
		close(r.over)
		r.notify(s, e, "conference-end", url.Values{"CallSidEndingConference": {s.ID()}, "ReasonConferenceEnded": {why}})
	}
}

// notify posts an event, if it was ordered: "participant-join" as "join",
// "conference-start" as "start".
func (r *conference) notify(s *session, e *element, event string, more url.Values) {
	_, short, _ := strings.Cut(event, "-")
	if r.url == "" || !slices.Contains(r.events, short) {
		return
	}
	r.c.mu.Lock()
	r.sequence++
	form := url.Values{
		"AccountSid": {s.c.opt.AccountSID}, "ConferenceSid": {r.sid}, "FriendlyName": {r.name},
		"StatusCallbackEvent": {event}, "SequenceNumber": {strconv.Itoa(r.sequence)}, "Timestamp": {rfc2822(time.Now())},
	}
	r.c.mu.Unlock()
	if strings.HasPrefix(event, "participant-") {
		form = with(form, url.Values{
			"CallSid": {s.ID()}, "Muted": {e.Attr("muted", "false")}, "Hold": {"false"}, "Coaching": {"false"},
			"StartConferenceOnEnter": {strconv.FormatBool(startsOnEnter(e))},
			"EndConferenceOnExit":    {strconv.FormatBool(e.IsTrue("endConferenceOnExit"))},
		})
		if label := e.Attr("participantLabel", ""); label != "" {
			form.Set("ParticipantLabel", label)
		}
	}
	s.Notify(s.webhook(carriersim.KindConference, event, r.method, r.url, with(form, more)))
}
