package plivohook

import (
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

// words puts the carriers' words, in lower case, into Trunkline's. One that is
// not known moves nothing.
var words = map[string]call.Status{
	"queued":      call.Queued,
	"initiated":   call.Initiated,
	"ringing":     call.Ringing,
	"early":       call.Ringing,
	"in-progress": call.Answered,
	"completed":   call.Completed,
	"busy":        call.Busy,
	"no-answer":   call.NoAnswer,
	"timeout":     call.NoAnswer,
	"failed":      call.Failed,
	"cancel":      call.Canceled,
	"canceled":    call.Canceled,
	"cancelled":   call.Canceled,
}

// Word returns the status that a carrier's word stands for, "" for a word that
// is not known.
func Word(word string) call.Status { return words[strings.ToLower(word)] }

// Outcome is what a carrier says of a leg that is over.
type Outcome struct {
	Word       string // CallStatus; completed or nothing where it does not tell
	AnswerTime string // empty, or a word for it, when it was never answered
	Billed     int    // seconds
	Code       int    // https://www.plivo.com/docs/voice/troubleshooting/hangup-causes; 0 when unknown
	Reason     string // HangupCause
	Source     string // HangupSource
}

func endOf(said form.Fields) Outcome {
	o := Outcome{
		Word: said.Get("CallStatus"), AnswerTime: said.Get("AnswerTime"),
		Reason: said.Get("HangupCause"), Source: said.Get("HangupSource"),
	}
	if n := Int(said, "BillDuration"); n != nil {
		o.Billed = *n
	}
	if n := Int(said, "HangupCauseCode"); n != nil {
		o.Code = *n
	}
	return o
}

// Answered reports whether the leg was answered. How long it lasted proves
// nothing: some carriers count the ringing.
func (o Outcome) Answered() bool {
	switch strings.ToLower(o.AnswerTime) {
	case "", "null", "none", "0":
		return o.Billed > 0
	}
	return true
}

// Status is how the leg ended, and which rule says so: word, answered, code or
// cause. A word other than completed is believed; completed is said of every
// end by some carriers, and says nothing.
func (o Outcome) Status() (s call.Status, by string) {
	if s := Word(o.Word); s.Terminal() && s != call.Completed {
		return s, "word"
	}
	if o.Answered() {
		return call.Completed, "answered"
	}
	if o.Code > 0 {
		return o.statusOfCode(), "code"
	}
	switch strings.ToUpper(o.Reason) {
	case "USER_BUSY":
		s = call.Busy
	case "NO_ANSWER", "NO_USER_RESPONSE":
		s = call.NoAnswer
	case "ORIGINATOR_CANCEL":
		s = call.Canceled
	default:
		s = call.Completed
	}
	return s, "cause"
}

// The codes that are told apart.
const (
	codeCanceled    = 1000
	codeNoAnswer    = 3000
	codeBusy        = 3010
	codeRejected    = 3020
	codeForbidden   = 3040
	codeUnallocated = 3050
	codeUnreachable = 3070 // request timeout
	codeAllBusy     = 3100
	codeDeclined    = 3110
	codeNowhere     = 3120
	codeSpam        = 3130
	codeDoNotCall   = 3140
	codeNormal      = 4000
	codeEndOfRoom   = 4030 // and the end of the markup, below it
	codeScheduled   = 6000
	codeRingTimeout = 6010
	codeLostRace    = 9000
	codeMachine     = 9100
)

func (o Outcome) statusOfCode() call.Status {
	switch code := o.Code; {
	case code == codeBusy, code == codeAllBusy:
		return call.Busy
	case code == codeNoAnswer, code == codeRingTimeout:
		return call.NoAnswer
	case code == codeCanceled, code == codeLostRace:
		return call.Canceled
	case code >= codeNormal && code <= codeEndOfRoom, code == codeMachine:
		return call.Completed
	case code == codeRejected && strings.EqualFold(o.Source, "Answer XML"): // Trunkline rejected it
		return call.Canceled
	}
	return call.Failed
}

// Cause says why the leg ended.
func (o Outcome) Cause() call.Cause {
	switch s, _ := o.Status(); s {
	case call.Busy:
		return call.CauseBusy
	case call.NoAnswer:
		return call.CauseNoAnswer
	case call.Canceled:
		return call.CauseCanceled
	case call.Failed:
		return o.causeOfFailure()
	}
	switch o.Code {
	case codeMachine:
		return call.CauseMachine
	case codeScheduled:
		return call.CauseLimit
	}
	return call.CauseNormal
}

func (o Outcome) causeOfFailure() call.Cause {
	switch code := o.Code; {
	case code == 0:
		return call.CauseUnknown
	case code == codeRejected, code == codeForbidden, code == codeDeclined, code == codeSpam, code == codeDoNotCall:
		return call.CauseRejected
	case code >= 2000 && code < 3000, code == codeUnallocated, code == codeUnreachable, code == codeNowhere:
		return call.CauseUnreachable
	case code == codeScheduled:
		return call.CauseLimit
	case code >= 7000 && code < 9000: // the carrier could not use what Trunkline answered
		return call.CauseNoAgent
	}
	return call.CauseCarrier
}
