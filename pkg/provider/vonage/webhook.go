package vonage

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// identify finds the account that a webhook on the shared inbound URL is for.
// Only its token names one.
func identify(req *provider.Request) (account string, ok bool) {
	if c, signed := said(req.Header); signed && c.Issuer == issuer && c.APIKey != "" {
		return c.APIKey, true
	}
	e, err := read(req)
	return "", err == nil && cmp.Or(e.UUID, e.CallUUID) != "" && strings.HasPrefix(string(e.Conversation), "CON-")
}

// Parse implements provider.WebhookReceiver. Vonage sends all events of a call
// to one URL, and all of an application's to another: their fields tell them
// apart. Only the telephone's leg is the call; a media socket, and a leg that
// an instruction dialled, have events of their own that must not move it.
func (d *driver) Parse(req *provider.Request, known func() provider.History) (provider.Notice, error) {
	e, err := read(req)
	if err != nil {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "webhook is no JSON object")
	}
	if cmp.Or(e.UUID, e.CallUUID, e.Conversation, e.ConversationTo) == "" {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "webhook names neither a leg nor a conversation")
	}
	token, _ := said(req.Header) // it was verified before
	n := provider.Notice{
		Kind: e.kind(req), AccountID: token.APIKey, EventID: token.ID,
		LegID:     string(cmp.Or(e.UUID, e.CallUUID)),
		SessionID: string(cmp.Or(e.ConversationTo, e.Conversation)),
		Time:      timestamp(e.Timestamp),
		Ref:       string(e.RegionURL),
	}
	switch n.Kind {
	case provider.InboundCall, provider.Answer:
		e.voice(&n)
	case provider.CallStatus:
		e.progress(&n)
		disown(&n, req, known)
	case provider.DialAction, provider.DialEvent:
		e.progress(&n)
		n.LegID, n.ChildLeg = "", n.LegID
		n.Reply = n.Kind == provider.DialAction
	case provider.StreamStatus:
		e.socket(&n)
	case provider.AMD:
		e.verdict(&n)
	case provider.DTMF:
		e.pressed(&n)
	case provider.Recording:
		e.recording(&n)
	default:
		e.parties(&n)
		n.Error = string(e.Reason)
		details(&n, detail{"previous_session_id", e.ConversationFrom})
	}
	return n, nil
}

// kind tells what a webhook is about.
func (e *event) kind(req *provider.Request) provider.NoticeKind {
	hook, word := req.Hook, strings.ToLower(string(e.Status))
	asks := hook == provider.HookInbound || hook == provider.HookAnswer || hook == provider.HookFallback
	switch {
	case word == "disconnected", word != "" && (e.ofSocket() || hook == provider.HookStream):
		return provider.StreamStatus
	case e.RecordingURL != "":
		return provider.Recording
	case e.ConversationTo != "":
		return provider.Transfer
	case e.DTMF != nil, e.Speech != nil:
		return provider.DTMF
	case word == "human", word == "machine":
		return provider.AMD
	case word != "" && hook == provider.HookDialAction && status(word).Terminal():
		return provider.DialAction
	case word != "" && (hook == provider.HookDialAction || hook == provider.HookDialEvent):
		return provider.DialEvent
	case word != "":
		return provider.CallStatus
	case e.Reason != "" && !(asks && e.UUID != ""): // an answer URL is told why the one before it failed
		return provider.CarrierError
	case hook == provider.HookAnswer, asks && req.CallID != "":
		return provider.Answer
	case asks && e.UUID != "":
		return provider.InboundCall
	}
	return provider.UnknownKind
}

// voice reads the request for an instruction. It has no status and no
// direction: what is asked for says both.
func (e *event) voice(n *provider.Notice) {
	e.parties(n)
	n.Reply = true
	n.Direction, n.Status = call.Inbound, call.Ringing
	if n.Kind == provider.Answer {
		n.Direction, n.Status = call.Outbound, call.Answered
	}
	n.Error = string(e.Reason)
	n.Variables = e.variables()
	details(n, detail{"endpoint_type", e.EndpointType})
}

// parties reads who is talking to whom.
func (e *event) parties(n *provider.Notice) {
	n.From, n.To = number(cmp.Or(e.From, e.FromUser)), number(e.To)
	switch strings.ToLower(string(e.From)) {
	case "anonymous", "unknown", "restricted", "unavailable", "private", "withheld":
		n.From, n.Anonymous = "", true
	}
	switch word := call.Direction(e.Direction); word {
	case call.Inbound, call.Outbound:
		n.Direction = word
	}
}

var digits = regexp.MustCompile(`^[1-9][0-9]*$`)

// number writes a telephone number in E.164 form. Addresses and names of users
// stay what they are.
func number(party text) string {
	if digits.MatchString(string(party)) {
		return "+" + string(party)
	}
	return string(party)
}

// progress reads the status of a leg.
func (e *event) progress(n *provider.Notice) {
	e.parties(n)
	e.ending(n)
	n.Status = status(n.RawStatus)
	n.Cause = cause(n.Status, n.Code)
	n.Seconds = e.Duration.seconds()
	n.Cost = cost(string(e.Price))
	details(n, detail{"rate", e.Rate}, detail{"network", e.Network}, detail{"start_time", e.StartTime},
		detail{"end_time", e.EndTime}, detail{"disconnected_by", e.DisconnectedBy})
}

// ending reads the carrier's words for what became of a leg.
func (e *event) ending(n *provider.Notice) {
	n.RawStatus = string(e.Status)
	n.Code = strings.ToLower(string(e.Detail))
	n.SIPCode, _ = strconv.Atoi(string(e.SIPCode))
}

// disown takes the end of a leg that the call's leg dialled for what it is: an
// instruction that names no URL for it has it told at the call's.
func disown(n *provider.Notice, req *provider.Request, known func() provider.History) {
	if !n.Status.Terminal() || req.CallID == "" {
		return
	}
	if leg := known().LegID; leg != "" && leg != n.LegID {
		n.Kind, n.LegID, n.ChildLeg = provider.DialEvent, leg, n.LegID
	}
}

// socket reads the status of a media socket's leg, which is none of a call. It
// echoes what the instruction gave the socket, so Trunkline's own id.
func (e *event) socket(n *provider.Notice) {
	e.ending(n)
	n.LegID, n.ChildLeg = "", n.LegID
	n.Variables = e.Headers.texts()
	n.CallID = n.Variables["call"]
	n.Error = string(cmp.Or(e.Reason, e.Detail))
	switch s := status(n.RawStatus); {
	case s == call.Answered:
		n.StreamEvent = "started"
	case s == call.Completed, strings.EqualFold(n.RawStatus, "disconnected"):
		n.StreamEvent = "stopped"
	case s.Terminal():
		n.StreamEvent = "failed"
	}
}

func (e *event) verdict(n *provider.Notice) {
	e.parties(n)
	n.RawStatus, n.Verdict = string(e.Status), string(e.Status)
	n.AnsweredBy = call.Machine
	if strings.EqualFold(n.Verdict, "human") {
		n.AnsweredBy = call.Human
	}
	details(n, detail{"sub_state", e.SubState})
}

func (e *event) pressed(n *provider.Notice) {
	e.parties(n)
	if e.DTMF != nil {
		n.Digit = string(e.DTMF.Digits)
		details(n, detail{"timed_out", e.DTMF.TimedOut})
	}
	if e.Speech != nil && len(e.Speech.Results) > 0 {
		details(n, detail{"speech", e.Speech.Results[0].Text})
	}
}

func (e *event) recording(n *provider.Notice) {
	n.RecordingID, n.RecordingURL = string(e.RecordingUUID), string(e.RecordingURL)
	details(n, detail{"size_bytes", e.Size}, detail{"start_time", e.StartTime}, detail{"end_time", e.EndTime})
}

// detail is a plain copy of a field, by a name of docs/providers.md.
type detail struct {
	name  string
	value text
}

func details(n *provider.Notice, list ...detail) {
	for _, d := range list {
		if d.value == "" {
			continue
		}
		if n.Detail == nil {
			n.Detail = map[string]string{}
		}
		n.Detail[d.name] = string(d.value)
	}
}

// timestamp is zero where there is none.
func timestamp(t text) time.Time {
	at, err := time.Parse(time.RFC3339, string(t))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
