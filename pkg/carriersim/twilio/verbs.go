package twilio

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// verb is how an element at the top of a document is run. first says that it
// is the first of its document.
type verb struct {
	run   func(s *session, ctx context.Context, e *element, first bool) outcome
	attrs string // those that it may have
}

var verbs map[string]verb

func init() { // not a literal: the verbs refer to documents, which refer to verbs
	verbs = map[string]verb{
		"Say":      {(*session).runSay, "voice language loop"},
		"Play":     {(*session).runPlay, "loop digits"},
		"Pause":    {(*session).runPause, "length"},
		"Connect":  {(*session).runConnect, "action method"},
		"Dial":     {(*session).runDial, "action method timeout timeLimit callerId answerOnBridge hangupOnStar record recordingTrack recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent trim ringTone sequential referUrl referMethod events passports"},
		"Redirect": {(*session).runRedirect, "method"},
		"Reject":   {(*session).runReject, "reason"},
		"Hangup":   {(*session).runHangup, ""},
	}
}

// endless is how often a loop of 0 plays: longer than any call.
const endless = 1 << 20

func (s *session) runSay(ctx context.Context, e *element, _ bool) outcome {
	s.answer()
	s.say(ctx, e.Text, s.loops(e))
	return goOn
}

func (s *session) say(ctx context.Context, text string, times int) {
	s.Note("says %s", text)
	s.repeat(ctx, carriersim.Spoken(text, s.Rate()), times)
}

func (s *session) runPlay(ctx context.Context, e *element, _ bool) outcome {
	s.answer()
	if digits := e.Attr("digits", ""); digits != "" {
		s.Start()
		s.HearKeys(digits)
		carriersim.Sleep(ctx, time.Duration(len(digits))*200*time.Millisecond)
		return goOn
	}
	s.Note("plays %s", e.Text)
	pcm, err := s.c.File(ctx, e.Text, s.Rate())
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
	n, err := strconv.Atoi(e.Attr("loop", "1"))
	switch {
	case err != nil || n < 0:
		s.Warn("12200 loop %q of <%s>", e.Attr("loop", ""), e.Name)
		return 1
	case n == 0:
		return endless
	}
	return n
}

// runPause waits. While the call is not answered it leaves it so.
func (s *session) runPause(ctx context.Context, e *element, _ bool) outcome {
	if s.Answered() {
		s.Start()
	}
	carriersim.Sleep(ctx, s.seconds(e, "length", 1))
	return goOn
}

// seconds reads an attribute that is a number of seconds.
func (s *session) seconds(e *element, name string, fallback int) time.Duration {
	n, err := strconv.Atoi(e.Attr(name, strconv.Itoa(fallback)))
	if err != nil || n < 0 {
		s.Warn("12200 %s %q of <%s>", name, e.Attr(name, ""), e.Name)
		n = fallback
	}
	return time.Duration(n) * time.Second
}

func (s *session) runRedirect(_ context.Context, e *element, _ bool) outcome {
	return outcome{over: true, next: &source{url: e.Text, method: e.Attr("method", http.MethodPost), kind: carriersim.KindAction}}
}

// runReject refuses a call that is not answered; it is not billed. Anywhere
// but first in an unanswered inbound call Twilio has answered already.
func (s *session) runReject(_ context.Context, e *element, first bool) outcome {
	if !first || s.Answered() || s.direction != dirInbound {
		s.Warn("<Reject> comes too late")
		return outcome{over: true}
	}
	s.Hangup("gateway")
	switch reason := e.Attr("reason", "rejected"); reason {
	case "busy":
		s.end(statusBusy, sipBusy)
	default:
		if reason != "rejected" {
			s.Warn("12200 reason %q of <Reject>", reason)
		}
		s.end(statusNoAnswer, sipDeclined)
	}
	return outcome{over: true}
}

// runHangup answers first, where nothing has: only <Reject> does not.
func (s *session) runHangup(context.Context, *element, bool) outcome {
	s.answer()
	return outcome{over: true}
}
