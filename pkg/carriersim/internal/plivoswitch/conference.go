package plivoswitch

import (
	"context"
	"net/url"
	"strconv"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const conferenceAttrs = "muted enterSound exitSound startConferenceOnEnter endConferenceOnExit stayAlone waitSound maxMembers record recordFileFormat timeLimit hangupOnStar action method callbackUrl callbackMethod digitsMatch floorEvent redirect relayDTMF"

// conference is a named room of the account. It exists while somebody is in it.
type conference struct {
	c    *Switch
	id   string
	name string
	room carriersim.Room

	// Guarded by the switch's mutex.
	members []*member
	entered int  // members so far
	started bool // somebody came who does not wait
}

// member is a leg in a conference.
type member struct {
	s     *session
	e     *element
	id    int
	first bool
	out   chan struct{} // closed when they are thrown out
}

// runConference keeps a leg in a conference until it leaves, is thrown out or
// the conference ends.
func (s *session) runConference(ctx context.Context, e *element) outcome {
	if e.text() == "" {
		s.Warn("<Conference> without a name")
		return goOn
	}
	r, m := s.c.enter(s, e)
	me := r.room.Join()
	disconnect := s.Connect(me, me)
	s.Note("joined conference %s", r.name)
	m.notify(r, "enter", m.first, false)
	r.settle()
	select {
	case <-ctx.Done():
	case <-m.out:
	}
	me.Leave()
	disconnect()
	s.Note("left conference %s", r.name)
	last := r.leave(m)
	m.notify(r, "exit", false, last)
	return s.after(ctx, e, m.fields(r, "exit", false, last))
}

// enter puts a leg into the conference of that name, new if there is none.
func (c *Switch) enter(s *session, e *element) (*conference, *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.rooms[e.text()]
	if !ok {
		r = &conference{c: c, id: NewUUID(), name: e.text()}
		r.room.Shut(true)
		c.rooms[r.name] = r
	}
	r.entered++
	m := &member{s: s, e: e, id: r.entered, first: len(r.members) == 0, out: make(chan struct{})}
	r.members = append(r.members, m)
	if e.isTrue("startConferenceOnEnter", true) {
		r.started = true
		r.room.Shut(false)
	}
	return r, m
}

// settle throws out who is alone and may not be.
func (r *conference) settle() {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if len(r.members) == 1 && !r.members[0].e.isTrue("stayAlone", r.c.m.StayAlone) {
		r.members[0].s.Note("thrown out of conference %s, being alone", r.name)
		r.throwOut(r.members[0])
	}
}

// throwOut ends a membership, once. The switch is locked.
func (r *conference) throwOut(m *member) {
	select {
	case <-m.out:
	default:
		close(m.out)
	}
}

// leave takes a member out, ends the conference where it ends with them, and
// reports whether they were the last.
func (r *conference) leave(m *member) (last bool) {
	r.c.mu.Lock()
	for i, other := range r.members {
		if other == m {
			r.members = append(r.members[:i:i], r.members[i+1:]...)
			break
		}
	}
	last = len(r.members) == 0
	if m.e.isTrue("endConferenceOnExit", false) {
		for _, other := range r.members {
			r.throwOut(other)
		}
	}
	if last && r.c.rooms[r.name] == r {
		delete(r.c.rooms, r.name)
	}
	r.c.mu.Unlock()
	r.settle()
	return last
}

func (m *member) fields(r *conference, action string, first, last bool) url.Values {
	return url.Values{
		"ConferenceAction": {action}, "ConferenceName": {r.name}, "ConferenceUUID": {r.id}, "ConferenceMemberID": {strconv.Itoa(m.id)},
		"ConferenceFirstMember": {strconv.FormatBool(first)}, "ConferenceLastMember": {strconv.FormatBool(last)},
	}
}

// notify tells the member's callback URL. Vobiz leaves the numbers out at the
// exit.
func (m *member) notify(r *conference, action string, first, last bool) {
	to := m.e.hook("callbackUrl", "callbackMethod")
	if to.url == "" {
		return
	}
	form := m.fields(r, action, first, last)
	form.Set("CallUUID", m.s.ID())
	form.Set("Event", map[string]string{"enter": "ConferenceEnter", "exit": "ConferenceExit"}[action])
	if !r.c.m.BareConferences {
		form.Set("CallStatus", m.s.Status())
		form.Set("Direction", string(m.s.Direction()))
	}
	if action == "enter" || !r.c.m.BareConferences {
		form.Set("From", m.s.From())
		form.Set("To", m.s.To())
	}
	m.s.Notify(m.s.webhook(carriersim.KindConference, form.Get("Event"), to, form, r.c.m.Status))
}
