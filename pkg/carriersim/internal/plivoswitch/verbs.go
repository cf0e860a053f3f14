package plivoswitch

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// verb is how an element at the top of a document is run.
type verb struct {
	run     func(s *session, ctx context.Context, e *element) outcome
	answers bool   // before it runs; the others leave a ringing call so
	attrs   string // those that it may have
}

var verbs map[string]verb

func init() { // not a literal: the verbs refer to documents, which refer to verbs
	verbs = map[string]verb{
		"Speak":      {(*session).runSpeak, true, "voice language loop"},
		"Play":       {(*session).runPlay, true, "loop"},
		"Wait":       {(*session).runWait, false, "length silence minSilence beep"},
		"DTMF":       {(*session).runDTMF, true, "async"},
		"Stream":     {(*session).runStream, true, streamAttrs},
		"Dial":       {(*session).runDial, false, dialAttrs},
		"Conference": {(*session).runConference, true, conferenceAttrs},
		"PreAnswer":  {(*session).runPreAnswer, false, ""},
		"Redirect":   {(*session).runRedirect, false, "method"},
		"Hangup":     {(*session).runHangup, false, "reason schedule"},
	}
}

// endless is how often a loop of 0 plays: longer than any call.
const endless = 1 << 20

func (s *session) runSpeak(ctx context.Context, e *element) outcome {
	s.Note("says %s", e.text())
	s.repeat(ctx, carriersim.Spoken(e.text(), s.Rate()), s.loops(e))
	return goOn
}

func (s *session) runPlay(ctx context.Context, e *element) outcome {
	s.Note("plays %s", e.text())
	pcm, err := s.c.File(ctx, e.text(), s.Rate())
	if err != nil {
		s.Note("plays a tone instead: %v", err)
	}
	s.repeat(ctx, pcm, s.loops(e))
	return goOn
}

func (s *session) repeat(ctx context.Context, pcm []int16, times int) {
	for range times {
		if s.Play(ctx, pcm) != nil {
			return
		}
	}
}

func (s *session) loops(e *element) int {
	n, err := strconv.Atoi(e.attr("loop", "1"))
	switch {
	case err != nil || n < 0:
		s.Warn("loop %q of <%s>", e.attr("loop", ""), e.name())
		return 1
	case n == 0:
		return endless
	}
	return n
}

// runWait waits. While the call is not answered it leaves it so.
func (s *session) runWait(ctx context.Context, e *element) outcome {
	if s.Answered() {
		s.Start()
	}
	carriersim.Sleep(ctx, s.seconds(e, "length", 1))
	return goOn
}

var keys = regexp.MustCompile(`^[0-9*#A-DwW]*$`)

func (s *session) runDTMF(ctx context.Context, e *element) outcome {
	if !keys.MatchString(e.text()) {
		s.Warn("digits %q of <DTMF>", e.text())
		return goOn
	}
	s.Start()
	s.HearKeys(e.text())
	if !e.isTrue("async", true) {
		carriersim.Sleep(ctx, time.Duration(len(e.text()))*200*time.Millisecond)
	}
	return goOn
}

// runPreAnswer plays to a caller who is not answered yet.
func (s *session) runPreAnswer(ctx context.Context, e *element) outcome {
	for i := range e.Children {
		switch child := &e.Children[i]; child.name() {
		case "Speak", "Play", "Wait":
			s.check(child, verbs[child.name()].attrs)
			verbs[child.name()].run(s, ctx, child)
		default:
			s.Warn("<%s> in <PreAnswer>", child.name())
		}
	}
	return goOn
}

func (s *session) runRedirect(_ context.Context, e *element) outcome {
	return outcome{over: true, next: &source{
		hook: hook{e.text(), e.attr("method", "POST")}, kind: carriersim.KindAction, event: "Redirect",
	}}
}

// runHangup hangs up, now or later. A call that is not answered is refused by
// it, and not billed.
func (s *session) runHangup(_ context.Context, e *element) outcome {
	if after := s.seconds(e, "schedule", 0); after > 0 {
		s.schedule(after)
		return goOn
	}
	reason := e.attr("reason", "rejected")
	switch {
	case s.Answered() || s.outbound():
		s.hangUp(byMarkup, endByXML)
	case reason == "busy":
		s.hangUp(byGateway, endBusyXML)
	default:
		if reason != "rejected" {
			s.Warn("reason %q of <Hangup>", reason)
		}
		s.hangUp(byGateway, endRejectedXML)
	}
	return outcome{over: true}
}
