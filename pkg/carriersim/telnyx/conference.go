package telnyx

import (
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// conference is a room with a name. It and its participants are guarded by the
// carrier's mutex.
type conference struct {
	id, name  string
	room      carriersim.Room
	created   time.Time
	started   bool
	ended     time.Time
	reason    string
	most      int
	in        []*participant
	connected string // the application of the leg that made it
}

// participant is a leg in a conference.
type participant struct {
	s            *session
	member       *carriersim.Member
	muted, held  bool
	endOnExit    bool // for everybody
	softEnd      bool // the conference, but not the calls of the others
	unhear, mute func()
}

// plug connects the phone as far as it may hear and speak.
func (p *participant) plug() {
	for _, undo := range []func(){p.unhear, p.mute} {
		if undo != nil {
			undo()
		}
	}
	p.unhear, p.mute = nil, nil
	if !p.held {
		p.unhear = p.s.mixer.hear(p.member)
	}
	if !p.held && !p.muted {
		p.mute = p.s.mixer.listen(p.member)
	} else {
		p.member.Said(nil) // or the last frame would be heard for ever
	}
}

func (p *participant) unplug() {
	p.held = true
	p.plug()
	p.member.Leave()
}

// conferenceRequest is what creates a conference.
type conferenceRequest struct {
	common
	CallControlID string `json:"call_control_id"`
	Name          string `json:"name"`
	Beep          string `json:"beep_enabled"`
	ComfortNoise  *bool  `json:"comfort_noise"`
	Duration      int    `json:"duration_minutes"`
	HoldAudioURL  string `json:"hold_audio_url"`
	HoldMediaName string `json:"hold_media_name"`
	Max           *int   `json:"max_participants"`
	Region        string `json:"region"`
	Start         *bool  `json:"start_conference_on_create"`
}

func (c *Carrier) createConference(r *http.Request) (any, error) {
	var q conferenceRequest
	warning, err := readJSON(r, &q)
	if err != nil {
		return nil, err
	}
	s, err := c.speaker(q.CallControlID, &q.common)
	if err != nil {
		return nil, err
	}
	if warning != nil {
		s.Warn("%v", warning)
	}
	most := 250
	if q.Max != nil {
		most = *q.Max
	}
	switch {
	case q.Name == "":
		return nil, invalid(codeBadRequest, "name", "is required")
	case most < 2 || most > 800:
		return nil, invalid(codeRange, "max_participants", "must be 2 to 800")
	case !slices.Contains([]string{"", "always", "never", "on_enter", "on_exit"}, q.Beep):
		return nil, invalid(codeEnum, "beep_enabled", "%q", q.Beep)
	}
	f := &conference{id: uuid.NewString(), name: q.Name, created: time.Now(), most: most, connected: s.order.connection}
	f.room.Shut(true)
	c.mu.Lock()
	c.conferences = append(c.conferences, f)
	c.mu.Unlock()
	s.tell(carriersim.KindConference, "conference.created", s.conferring(f, nil))
	if err := c.enter(f, s, &participant{}, q.Start == nil || *q.Start); err != nil {
		return nil, err
	}
	return data(f.resource()), nil
}

// speaker is an answered leg that may be put into a conference.
func (c *Carrier) speaker(id string, q *common) (*session, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	s, err := c.session(id)
	if err != nil {
		return nil, err
	}
	_, err = s.admit("conference", q)
	return s, err
}

func (s *session) conferring(f *conference, more map[string]any) map[string]any {
	return with(with(s.ids(), map[string]any{"conference_id": f.id}), more)
}

func (f *conference) resource() map[string]any {
	doc := map[string]any{
		"record_type": "conference", "id": f.id, "name": f.name, "created_at": stamp(f.created),
		"expires_at": stamp(f.created.Add(4 * time.Hour)), "connection_id": f.connected, "status": "init",
	}
	switch {
	case !f.ended.IsZero():
		doc["status"], doc["end_reason"] = "completed", f.reason
	case f.started:
		doc["status"] = "in_progress"
	}
	return doc
}

// conference finds one by its id.
func (c *Carrier) conference(id string) (*conference, error) {
	if _, err := uuid.Parse(id); err != nil {
		return nil, invalid(codeConferenceID, "id", "invalid conference id %q", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.conferences, func(f *conference) bool { return f.id == id })
	if i < 0 {
		return nil, notFound("Conference")
	}
	return c.conferences[i], nil
}

func (c *Carrier) getConference(r *http.Request) (any, error) {
	f, err := c.conference(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return data(f.resource()), nil
}

func (c *Carrier) listConferences(r *http.Request) (any, error) {
	name := r.URL.Query().Get("filter[name]")
	c.mu.Lock()
	defer c.mu.Unlock()
	list := []map[string]any{}
	for _, f := range c.conferences {
		if name == "" || f.name == name {
			list = append(list, f.resource())
		}
	}
	return page(r, list)
}

// enter puts a leg into a conference, and starts that if it is to.
func (c *Carrier) enter(f *conference, s *session, p *participant, start bool) error {
	c.loosen(s)
	c.mu.Lock()
	err := f.mayEnter(s)
	if err == nil {
		p.s, p.member = s, f.room.Join()
		p.plug()
		f.in = append(f.in, p)
		if start && !f.started {
			f.started = true
			f.room.Shut(false)
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	s.Note("joined conference %s", f.name)
	s.tell(carriersim.KindConference, "conference.participant.joined", s.conferring(f, nil))
	if s.Context().Err() != nil { // it may have left before it was in
		c.leaveConference(s)
	}
	return nil
}

func (f *conference) mayEnter(s *session) error {
	switch {
	case !f.ended.IsZero():
		return errConferenceEnded
	case f.participant(s) != nil:
		return &apiError{http.StatusUnprocessableEntity, codeAlreadyIn, "The call is in this conference already", "/call_control_id"}
	case len(f.in) >= f.most:
		return &apiError{http.StatusUnprocessableEntity, codeFull, "The conference is full", ""}
	}
	return nil
}

var errConferenceEnded = &apiError{http.StatusUnprocessableEntity, codeNoConference, "The conference has already ended", ""}

func (f *conference) participant(s *session) *participant {
	i := slices.IndexFunc(f.in, func(p *participant) bool { return p.s == s })
	if i < 0 {
		return nil
	}
	return f.in[i]
}

// leaveConference takes a leg out of all conferences, some of which end by it.
func (c *Carrier) leaveConference(s *session) {
	c.mu.Lock()
	conferences := slices.Clone(c.conferences)
	c.mu.Unlock()
	for _, f := range conferences {
		c.mu.Lock()
		p := f.participant(s)
		if p == nil {
			c.mu.Unlock()
			continue
		}
		p.unplug()
		f.in = slices.DeleteFunc(f.in, func(o *participant) bool { return o == p })
		last := len(f.in) == 0
		c.mu.Unlock()
		s.Note("left conference %s", f.name)
		s.tell(carriersim.KindConference, "conference.participant.left", s.conferring(f, nil))
		switch {
		case p.endOnExit || p.softEnd:
			c.endConference(f, s, "host_left", p.endOnExit)
		case last:
			c.endConference(f, s, "all_left", false)
		}
	}
}

// endConference ends a conference, once, and the calls in it if they shall.
func (c *Carrier) endConference(f *conference, by *session, reason string, hangUp bool) {
	c.mu.Lock()
	over := !f.ended.IsZero()
	left := f.in
	if !over {
		f.ended, f.reason, f.in = time.Now(), reason, nil
		for _, p := range left {
			p.unplug()
		}
	}
	c.mu.Unlock()
	if over {
		return
	}
	by.tell(carriersim.KindConference, "conference.ended", by.conferring(f, map[string]any{"reason": reason}))
	for _, p := range left {
		if hangUp {
			p.s.Hangup(hungUpByTelnyx)
		}
	}
}

// actionRequest has the fields of all actions together.
type actionRequest struct {
	common
	CallControlID  string   `json:"call_control_id"`
	CallControlIDs []string `json:"call_control_ids"`
	Beep           string   `json:"beep_enabled"`
	EndOnExit      bool     `json:"end_conference_on_exit"`
	SoftEndOnExit  bool     `json:"soft_end_conference_on_exit"`
	Hold           bool     `json:"hold"`
	HoldAudioURL   string   `json:"hold_audio_url"`
	HoldMediaName  string   `json:"hold_media_name"`
	Mute           bool     `json:"mute"`
	Region         string   `json:"region"`
	StartOnEnter   bool     `json:"start_conference_on_enter"`
	SupervisorRole string   `json:"supervisor_role"`
	Whisper        []string `json:"whisper_call_control_ids"`
}

func (c *Carrier) conferenceAction(r *http.Request) (any, error) {
	f, err := c.conference(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var q actionRequest
	if _, err := readJSON(r, &q); err != nil {
		return nil, err
	}
	switch action := r.PathValue("action"); action {
	case "join", "leave":
		s, err := c.speaker(q.CallControlID, &q.common)
		if err != nil {
			return nil, err
		}
		if action == "leave" {
			c.leaveConference(s)
			break
		}
		if err := c.enter(f, s, &participant{muted: q.Mute, held: q.Hold, endOnExit: q.EndOnExit, softEnd: q.SoftEndOnExit}, q.StartOnEnter); err != nil {
			return nil, err
		}
	case "mute", "unmute", "hold", "unhold":
		c.adjust(f, action, q.CallControlIDs)
	case "end":
		c.mu.Lock()
		in := f.in
		c.mu.Unlock()
		if len(in) == 0 {
			return nil, errConferenceEnded
		}
		c.endConference(f, in[0].s, "ended_via_api", true)
	default:
		return nil, notFound("Action")
	}
	return data(map[string]string{"result": "ok"}), nil
}

// adjust mutes or holds the participants with the given ids, or all.
func (c *Carrier) adjust(f *conference, action string, ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range f.in {
		if len(ids) > 0 && !slices.Contains(ids, p.s.ID()) && !slices.Contains(ids, p.s.hookID) {
			continue
		}
		switch action {
		case "mute", "unmute":
			p.muted = action == "mute"
		default:
			p.held = action == "hold"
		}
		p.plug()
	}
}
