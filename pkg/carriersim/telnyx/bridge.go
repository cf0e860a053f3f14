package telnyx

import (
	"context"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// bridge joins two legs.
type bridge struct {
	room carriersim.Room
	legs [2]*session
	park [2]bool // stays when the other leaves
	undo []func()
}

func (b *bridge) other(s *session) (other *session, parks bool) {
	if b.legs[0] == s {
		return b.legs[1], b.park[1]
	}
	return b.legs[0], b.park[0]
}

// join bridges two legs, and ends the bridges in which they were.
func (c *Carrier) join(a, b *session, parkA, parkB bool) {
	c.loosen(a)
	c.loosen(b)
	j := &bridge{legs: [2]*session{a, b}, park: [2]bool{parkA, parkB}}
	c.mu.Lock()
	for _, s := range j.legs {
		me := j.room.Join()
		j.undo = append(j.undo, me.Leave, s.mixer.hear(me), s.mixer.listen(me))
		s.bridge = j
	}
	c.mu.Unlock()
	for _, s := range j.legs {
		s.Note("bridged")
		s.tell(carriersim.KindStatus, "call.bridged", s.parties())
		s.reroute()
	}
	for _, s := range j.legs {
		if s.Context().Err() != nil { // it may have left before it was in
			c.part(s)
		}
	}
}

// loosen takes a leg out of its bridge, and returns what is left of it.
func (c *Carrier) loosen(s *session) (other *session, parks bool) {
	c.mu.Lock()
	j := s.bridge
	if j == nil {
		c.mu.Unlock()
		return nil, false
	}
	other, parks = j.other(s)
	s.bridge, other.bridge = nil, nil
	c.mu.Unlock()
	for _, undo := range j.undo {
		undo()
	}
	s.reroute()
	other.reroute()
	return other, parks
}

// part is the end of a leg for those that it talked to.
func (c *Carrier) part(s *session) {
	if other, parks := c.loosen(s); other != nil && !parks {
		other.Hangup(hungUpByTelnyx)
	}
	c.leaveConference(s)
}

// reroute leads the sound of the leg's stream to whom it is for now.
func (s *session) reroute() {
	s.mu.Lock()
	st := s.stream
	s.mu.Unlock()
	if st != nil {
		st.route()
	}
}

// route leads what the gateway says to the phones that shall hear it: while the
// leg is alone to the only one, while it is bridged to this, the other or both.
func (st *stream) route() {
	st.s.c.mu.Lock()
	b := st.s.bridge
	st.s.c.mu.Unlock()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.unroute != nil {
		st.unroute()
		st.unroute = nil
	}
	switch {
	case !st.live:
	case b == nil || st.order.target == "self":
		st.unroute = st.s.mixer.hear(st.playout)
	case st.order.target == "opposite":
		other, _ := b.other(st.s)
		st.unroute = other.mixer.hear(st.playout)
	default:
		voice := &speaker{playout: st.playout, member: b.room.Join()}
		stop := st.s.mixer.hear(voice)
		st.unroute = func() {
			stop()
			voice.member.Leave()
		}
	}
}

// speaker lets a stream talk into a room. It is a source for the clock's sake
// alone: nobody hears it but through the room.
type speaker struct {
	playout *carriersim.Playout
	member  *carriersim.Member
	frame   []int16
}

// Next implements carriersim.Source.
func (p *speaker) Next(frame []int16) {
	if len(p.frame) != len(frame) {
		p.frame = make([]int16, len(frame))
	}
	clear(p.frame)
	p.playout.Next(p.frame)
	p.member.Said(p.frame)
}

func (s *session) cmdBridge(body []byte) error {
	var q struct {
		common
		With         string `json:"call_control_id"`
		Queue        string `json:"queue"`
		Park         string `json:"park_after_unbridge"`
		Hold         string `json:"hold_after_unbridge"`
		PlayRingtone bool   `json:"play_ringtone"`
		Ringtone     string `json:"ringtone"`
		PreventTwice bool   `json:"prevent_double_bridge"`
		MuteDTMF     string `json:"mute_dtmf"`
		unsimulatedFields
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	other, err := s.c.session(q.With)
	switch {
	case err != nil:
		return err
	case other == s:
		return invalid(codeControlID, "call_control_id", "A call cannot be bridged with itself")
	case other.Context().Err() != nil:
		return errEnded
	case !other.Answered():
		return invalid(codeNotAnswered, "call_control_id", "The other call has not been answered yet")
	}
	s.c.mu.Lock()
	bridged := s.bridge != nil || other.bridge != nil
	s.c.mu.Unlock()
	if q.PreventTwice && bridged {
		return invalid(codeBadRequest, "prevent_double_bridge", "One of the calls is bridged already")
	}
	s.c.join(s, other, q.Park == "self", false)
	return nil
}

// cmdTransfer calls somebody and bridges the two. Where nobody answers, this leg
// goes on as it was.
func (s *session) cmdTransfer(body []byte) error {
	var q struct {
		common
		legFields
		TargetState    string `json:"target_leg_client_state"`
		BillingGroupID string `json:"billing_group_id"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	if q.From == "" {
		q.From = s.To()
	}
	o, to, err := q.order()
	if err != nil {
		return err
	}
	o.connection, o.with, o.bridgeOnAnswer = s.order.connection, s, true
	o.parkWith, o.park = o.park, false
	o.state = q.TargetState
	if state, ok := s.clientState().(string); ok && o.state == "" {
		o.state = state
	}
	if o.hooks.WebhookURL == "" { // whose webhooks go where those of this leg go is not documented
		s.mu.Lock()
		o.hooks.WebhookURL = s.hooks.WebhookURL
		s.mu.Unlock()
	}
	if err := s.c.mayCall(&o, q.From, to); err != nil {
		return err
	}
	other, err := s.c.newSession(carriersim.Spec{
		Direction: call.Outbound, From: q.From, To: to, Person: s.c.PersonAt(to), Status: stateBridging,
	}, o, s)
	if err != nil {
		return err
	}
	q.warn(other)
	s.c.Go(func(context.Context) { s.ringFor(other) })
	s.c.Go(func(context.Context) { other.place() })
	return nil
}

// ringFor lets the leg hear how another phone rings. When it leaves meanwhile,
// the other is not called any more.
func (s *session) ringFor(other *session) {
	defer s.mixer.hear(&ringback{carriersim.Ringback(s.Rate())})()
	select {
	case <-other.answered:
	case <-other.Context().Done():
	case <-s.Context().Done():
		other.Hangup(hungUpByTelnyx)
	}
}

// ringback can be compared, which a Source need not be.
type ringback struct{ carriersim.Source }
