package cloudonix

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const (
	dialAttrs = "action callerId callerName forwardHeaders headers trunks timeout timeLimit record"
	sipAttrs  = "username password domain"
	dialRing  = 30        // seconds, of a <Dial> without timeout
	dialLimit = talkLimit // seconds
)

// rung is what became of a dialled leg.
type rung struct {
	leg     *carriersim.Leg
	outcome carriersim.Outcome
}

// runDial leaves a caller who was not answered ringing until somebody picks up.
// A dialled leg is no session of its own.
func (s *session) runDial(ctx context.Context, e *element) outcome {
	if len(e.Children) == 1 && e.Children[0].Name == "Conference" {
		if !s.answer() {
			return outcome{over: true}
		}
		s.confer(ctx, &e.Children[0])
		return s.after(ctx, e, "completed")
	}
	if trunk := e.Attr("trunks", ""); trunk != "" && !slices.Contains(s.c.opt.Trunks, trunk) {
		s.Warn("trunk %q does not exist", trunk)
		return s.after(ctx, e, "failed")
	}
	legs := s.dialled(e)
	if len(legs) == 0 {
		s.Warn("<Dial> without anybody to dial")
		return goOn
	}
	if s.Answered() {
		defer s.Connect(carriersim.Ringback(s.Rate()))()
	}
	leg, last := s.ringAll(ctx, legs, s.seconds(e, "timeout", dialRing))
	if leg == nil {
		return s.after(ctx, e, dialStatus(last))
	}
	leg.Answer(true)
	if s.answer() {
		s.bridge(ctx, leg, s.seconds(e, "timeLimit", dialLimit))
	}
	leg.Hangup("carrier")
	endLeg(leg, wordConnected)
	return s.after(ctx, e, "completed")
}

// dialStatus is an outcome as the action URL is told it.
func dialStatus(o carriersim.Outcome) string {
	switch o {
	case carriersim.Busy:
		return "busy"
	case carriersim.NoAnswer:
		return "no-answer"
	}
	return "failed"
}

// dialled makes the legs that a <Dial> names.
func (s *session) dialled(e *element) []*carriersim.Leg {
	nouns := e.Children
	if len(nouns) == 0 && e.Text != "" {
		nouns = []element{{Name: "Number", Text: e.Text}}
	}
	var legs []*carriersim.Leg
	for i := range nouns {
		n := &nouns[i]
		switch n.Name {
		case "Number":
			s.check(n, "")
		case "Sip":
			s.check(n, sipAttrs)
		default:
			s.Warn("unknown or unsupported <%s> in <Dial>", n.Name)
			continue
		}
		leg, err := s.c.NewLeg(carriersim.Spec{
			ID: randomHex(16), Parent: s.ID(), Direction: call.Outbound, From: e.Attr("callerId", s.From()), To: n.Text,
			Person: s.c.PersonAt(n.Text), Status: wordNew,
		})
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
func (s *session) ringAll(ctx context.Context, legs []*carriersim.Leg, limit time.Duration) (*carriersim.Leg, carriersim.Outcome) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	results := make(chan rung, len(legs))
	for _, leg := range legs {
		s.c.Go(func(context.Context) {
			leg.Note("ringing")
			results <- rung{leg, leg.RingPhone(ctx, limit)}
		})
	}
	var winner *carriersim.Leg
	last := carriersim.NoAnswer
	for range legs {
		var r rung
		select {
		case r = <-results:
		case <-s.Context().Done(): // the exchange may be closing, and start nothing more
			for _, leg := range legs {
				endLeg(leg, wordCancel)
			}
			return nil, last
		}
		switch {
		case r.outcome == carriersim.Answers && winner == nil && ctx.Err() == nil:
			winner = r.leg
			stop()
		case ctx.Err() != nil:
			endLeg(r.leg, wordCancel)
		default:
			last = r.outcome
			endLeg(r.leg, map[carriersim.Outcome]string{carriersim.Busy: wordBusy, carriersim.NoAnswer: wordNoAnswer}[r.outcome])
		}
	}
	return winner, last
}

func endLeg(leg *carriersim.Leg, word string) {
	if word == "" {
		word = wordFailed
	}
	leg.End(dispositions[word])
	leg.Finish()
}

// bridge joins the two until one of them hangs up, the time is over or the
// markup is interrupted.
func (s *session) bridge(ctx context.Context, leg *carriersim.Leg, limit time.Duration) {
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
}

const conferenceAttrs = "beep dtmf holdMusic muted prompts startConferenceOnEnter endConferenceOnExit maxParticipants record trim " +
	"recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent statusCallback statusCallbackMethod statusCallbackEvent talkDetection"

// conference is a named room of the domain.
type conference struct {
	name string
	id   string
	room carriersim.Room
	over chan struct{} // closed when it ends

	// Guarded by the carrier's mutex.
	parties int
	wanted  bool // somebody came who does not wait
	ended   bool
}

// confer keeps a leg in a conference until it leaves or the conference ends.
func (s *session) confer(ctx context.Context, e *element) {
	s.check(e, conferenceAttrs)
	name := e.Text
	if name == "" {
		name = "default"
	}
	for _, noise := range []string{"beep", "holdMusic"} { // both are on unless it is said
		if e.Attr(noise, "true") == "true" {
			s.Note("conference has %s", noise)
		}
	}
	s.c.mu.Lock()
	r, ok := s.c.rooms[name]
	if !ok {
		r = &conference{name: name, id: "conf-" + randomHex(4), over: make(chan struct{})}
		r.room.Shut(true)
		s.c.rooms[name] = r
	}
	r.parties++
	r.wanted = r.wanted || e.Attr("startConferenceOnEnter", "true") != "false"
	start := r.wanted && r.parties > 1
	s.c.mu.Unlock()
	me := r.room.Join()
	defer s.Connect(me, me)()
	s.Note("joined conference %s", name)
	s.inRoom(r, e, "participant-join")
	if start {
		r.room.Shut(false)
		s.inRoom(r, e, "conference-start")
	}
	select {
	case <-ctx.Done():
	case <-r.over:
	}
	me.Leave()
	s.Note("left conference %s", name)
	s.inRoom(r, e, "participant-leave")
	s.c.mu.Lock()
	r.parties--
	end := !r.ended && (r.parties == 0 || e.IsTrue("endConferenceOnExit"))
	r.ended = r.ended || end
	if end && s.c.rooms[name] == r {
		delete(s.c.rooms, name)
	}
	s.c.mu.Unlock()
	if end {
		close(r.over)
		s.inRoom(r, e, "conference-end")
	}
}

// inRoom reports an event, if it was ordered: "participant-join" as "join".
func (s *session) inRoom(r *conference, e *element, event string) {
	_, short, _ := strings.Cut(event, "-")
	if !slices.Contains(strings.Fields(e.Attr("statusCallbackEvent", "")), short) {
		return
	}
	s.callback(carriersim.KindConference, event, e.Attr("statusCallback", ""),
		doc{"StatusCallbackEvent": event, "ConferenceSid": r.id, "FriendlyName": r.name})
}
