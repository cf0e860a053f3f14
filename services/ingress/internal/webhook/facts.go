package webhook

import (
	"cmp"
	"maps"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/subject"
)

// factsOf returns the facts that a notice of a provider stands for, all but
// the reception of an inbound call.
func factsOf(n *provider.Notice, spec *provider.Spec) []event.Fact {
	switch n.Kind {
	case provider.CallStatus, provider.CDR:
		return progress(n)
	case provider.Answer:
		facts := []event.Fact{event.CallAnswered{AnsweredBy: n.AnsweredBy, CarrierRef: n.Ref}}
		if n.AnsweredBy != "" { // the answer may be recorded already, without the verdict
			facts = append(facts, amd(n))
		}
		return facts
	case provider.AMD:
		return []event.Fact{amd(n)}
	case provider.StreamStatus:
		return streamed(n, spec)
	case provider.DTMF:
		return pressed(n, spec.DigitsFrom)
	case provider.CostReport:
		return priced(n)
	case provider.Recording:
		return []event.Fact{recording(n)}
	case provider.NoKind, provider.InboundCall:
		return nil
	}
	return []event.Fact{reported(n)}
}

// progress is what a status callback says of the call itself. A word that
// moves nothing is kept as the carrier's.
func progress(n *provider.Notice) []event.Fact {
	if n.Terminal() {
		end := event.CallEnded{Status: n.Status, Cause: cmp.Or(n.Cause, call.CauseUnknown), Detail: n.Error,
			CarrierCode: cmp.Or(n.Code, n.RawStatus), SIPCode: n.SIPCode, Seconds: n.Seconds}
		return append([]event.Fact{end}, priced(n)...)
	}
	switch n.Status {
	case call.Queued:
		return nil
	case call.Initiated:
		return []event.Fact{event.CallInitiated{CarrierRef: n.Ref}}
	case call.Ringing:
		return []event.Fact{event.CallRinging{}}
	case call.Answered:
		return []event.Fact{event.CallAnswered{AnsweredBy: n.AnsweredBy, CarrierRef: n.Ref}}
	}
	return append(priced(n), reported(n))
}

// receivedOf is the reception of an inbound call that an application answers.
func receivedOf(n *provider.Notice, application string) event.CallReceived {
	return event.CallReceived{From: n.From, To: n.To, Anonymous: n.Anonymous, Application: application, Variables: n.Variables,
		CallerName: n.CallerName, ForwardedFrom: n.ForwardedFrom, CarrierRef: n.Ref}
}

// streamed is the carrier's word about audio. A carrier that is answered in
// markup tells of an inbound call's answer by nothing else.
func streamed(n *provider.Notice, spec *provider.Spec) []event.Fact {
	told := event.StreamReported{ID: key(n), Status: cmp.Or(n.StreamEvent, n.RawStatus, "unknown"), Detail: n.Error}
	if n.StreamEvent == "started" && !spec.Has(provider.CanAnswer) {
		return []event.Fact{event.CallAnswered{}, told}
	}
	return []event.Fact{told}
}

func amd(n *provider.Notice) event.AMDDetected {
	return event.AMDDetected{ID: key(n), AnsweredBy: cmp.Or(n.AnsweredBy, call.UnknownAnswer), Verdict: n.Verdict, DetectionMS: n.DetectionMS}
}

// pressed makes a fact of each digit, where the webhook is the source that
// counts. What cannot be pressed is no digit.
func pressed(n *provider.Notice, digits provider.DigitSource) []event.Fact {
	if digits == provider.DigitsFromMedia {
		return nil
	}
	id := key(n)
	var facts []event.Fact
	for i, digit := range n.Digit {
		if !strings.ContainsRune("0123456789*#ABCD", digit) {
			return []event.Fact{reported(n)}
		}
		if i > 0 {
			id = subject.Token(key(n) + "-" + strconv.Itoa(i))
		}
		facts = append(facts, event.DTMFReceived{ID: id, Digit: string(digit)})
	}
	return facts
}

// priced is keyed by the leg: the same price may come with the end and later.
func priced(n *provider.Notice) []event.Fact {
	if n.Cost == nil {
		return nil
	}
	return []event.Fact{event.CallPriced{ID: subject.Token(n.LegID), Cost: *n.Cost}}
}

func recording(n *provider.Notice) event.RecordingReported {
	f := event.RecordingReported{ID: key(n), Status: cmp.Or(n.RawStatus, "unknown"), URL: n.RecordingURL}
	if n.RecordingID != "" {
		f.ID = subject.Token(n.RecordingID + "-" + f.Status)
	}
	if n.Seconds != nil {
		f.Seconds = *n.Seconds
	}
	return f
}

// reported keeps what has no fact of its own.
func reported(n *provider.Notice) event.CarrierReported {
	f := event.CarrierReported{ID: key(n), Kind: string(cmp.Or(n.Kind, provider.UnknownKind)), Status: n.RawStatus, Detail: n.Detail}
	if n.ChildLeg != "" {
		f.Detail = maps.Clone(n.Detail)
		if f.Detail == nil {
			f.Detail = map[string]string{}
		}
		f.Detail["child_leg"] = n.ChildLeg
	}
	return f
}

// key tells the notices of a call apart, and is the same when one is repeated:
// the carrier's own id of it, else all that makes it this one.
func key(n *provider.Notice) string {
	if n.EventID != "" {
		return subject.Token(n.EventID)
	}
	parts := []string{n.Identity(), string(n.Kind), n.RawStatus, n.StreamID, n.StreamEvent, n.ChildLeg, n.Verdict, n.Digit}
	if n.Sequence != nil {
		parts = append(parts, strconv.Itoa(*n.Sequence))
	}
	if !n.Time.IsZero() {
		parts = append(parts, strconv.FormatInt(n.Time.UnixNano(), 36))
	}
	return subject.Token(strings.Join(parts, "/"))
}
