package plivohook

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

// Parse reads a webhook. normal gives an address the form in which Trunkline
// keeps it. The notice's Time stays zero: times of these carriers are local to
// an account, without a zone.
func Parse(said form.Fields, normal func(string) string) (provider.Notice, error) {
	n := provider.Notice{
		Kind: kind(said), AccountID: Account(said),
		LegID: said.Get("CallUUID"), RequestID: said.Get("RequestUUID"),
		Direction: direction(said), From: normal(said.Get("From")), To: normal(said.Get("To")),
		CallerName: said.Get("CallerName"), ForwardedFrom: normal(said.Get("ForwardedFrom")),
		RawStatus: said.Get("CallStatus"), Variables: custom(said),
	}
	if n.LegID == "" {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "%s without CallUUID", n.Kind)
	}
	if withheld(n.From) {
		n.From, n.Anonymous = "", true
	}
	machine(&n, said)
	switch n.Kind {
	case provider.InboundCall, provider.RedirectDone:
		n.Reply = true
		n.Status = words[strings.ToLower(n.RawStatus)]
		details(&n, said, startDetails)
	case provider.Answer:
		n.Reply = true
		n.Status = cmp.Or(words[strings.ToLower(n.RawStatus)], call.Answered)
		details(&n, said, startDetails)
	case provider.CallStatus:
		parseStatus(&n, said)
	case provider.StreamStatus:
		parseStream(&n, said)
	case provider.DialAction:
		parseDialAction(&n, said)
	case provider.DialEvent:
		parseDialEvent(&n, said, normal)
	case provider.Conference:
		details(&n, said, conferenceDetails)
		n.Digit = said.Get("ConferenceDigitsMatch")
		set(&n, "conference_event", conferenceEvent(said.Get("ConferenceAction")))
	case provider.Recording:
		n.RecordingID, n.RecordingURL = said.Get("RecordingID"), cmp.Or(said.Get("RecordUrl"), said.Get("RecordFile"))
		n.RawStatus = said.Get("Event")
		n.Seconds = Int(said, "RecordingDuration")
		details(&n, said, recordingDetails)
	}
	n.EventID = eventID(said)
	return n, nil
}

// Account is the account that a webhook names.
func Account(said form.Fields) string {
	return cmp.Or(said.Get("ParentAuthID"), said.Get("AuthID"), said.Get("auth_id"))
}

// kind tells what a webhook is about. The order matters: a dial's outcome comes
// with Event=Redirect, too.
func kind(said form.Fields) provider.NoticeKind {
	for _, mark := range [...]struct {
		field, value string // any but none when ""
		kind         provider.NoticeKind
	}{
		{"DialAction", "", provider.DialEvent}, {"DialStatus", "", provider.DialAction},
		{"ConferenceAction", "", provider.Conference}, {"Event", "Hangup", provider.CallStatus},
		{"RecordUrl", "", provider.Recording}, {"RecordingID", "", provider.Recording},
		{"StreamID", "", provider.StreamStatus}, {"Event", "MachineDetection", provider.AMD},
		{"Event", "CallInitiated", provider.CallStatus}, {"Event", "Ring", provider.CallStatus},
		{"Event", "Redirect", provider.RedirectDone},
	} {
		if v := said.Get(mark.field); v != "" && (mark.value == "" || mark.value == v) {
			return mark.kind
		}
	}
	switch event := said.Get("Event"); {
	case event == "" && said.Get("Machine") != "":
		return provider.AMD
	case event == "StartApp" && direction(said) == call.Inbound:
		return provider.InboundCall
	case event == "StartApp" && direction(said) == call.Outbound:
		return provider.Answer
	}
	return provider.UnknownKind
}

func direction(said form.Fields) call.Direction {
	switch d := call.Direction(strings.ToLower(said.Get("Direction"))); d {
	case call.Inbound, call.Outbound:
		return d
	}
	return ""
}

// machine reads the verdict on who answered. It also rides on other webhooks
// of the call.
func machine(n *provider.Notice, said form.Fields) {
	n.Verdict = said.Get("Machine")
	switch {
	case strings.EqualFold(n.Verdict, "true"):
		n.AnsweredBy = call.Machine
	case n.Verdict != "" || n.Kind == provider.AMD:
		n.AnsweredBy = call.Human
	}
}

// parseStatus reads how far a call came. It ends with Event=Hangup alone.
func parseStatus(n *provider.Notice, said form.Fields) {
	word := strings.ToLower(n.RawStatus)
	switch event := said.Get("Event"); {
	case event == "Hangup":
		parseEnd(n, said)
		return
	case word == "" && event == "Ring":
		n.Status = call.Ringing
	case word == "" && event == "CallInitiated":
		n.Status = call.Initiated
	case !words[word].Terminal():
		n.Status = words[word]
	}
}

func parseEnd(n *provider.Notice, said form.Fields) {
	end := endOf(said)
	var by string
	n.Status, by = end.Status()
	n.Cause = end.Cause()
	n.Code = end.Reason
	if end.Code > 0 {
		n.Code = strconv.Itoa(end.Code)
	}
	if n.Status == call.Failed {
		n.Error = said.Get("HangupCauseName")
	}
	n.Seconds = Int(said, "Duration")
	details(n, said, endDetails)
	setInt(n, "hangup_code", Int(said, "HangupCauseCode"))
	setInt(n, "bill_duration_s", Int(said, "BillDuration"))
	set(n, "status_by", by)
}

func parseStream(n *provider.Notice, said form.Fields) {
	n.StreamID = said.Get("StreamID")
	n.StreamEvent = said.Get("Event")
	if word := streamEvents[strings.ToLower(n.StreamEvent)]; word != "" {
		n.StreamEvent = word
	}
	n.Error = cmp.Or(said.Get("Error"), said.Get("StatusReason"))
	details(n, said, streamDetails)
}

// streamEvents are the events of a media stream. The carrier's documents have
// two sets of names for some.
var streamEvents = map[string]string{
	"startstream": "started", "stopstream": "stopped", "droppedstream": "dropped",
	"degradedstream": "degraded", "playedstream": "played", "clearedaudio": "cleared",
}

// parseDialAction reads the outcome of a dial instruction, which is that of the
// leg that was dialled, never that of the call.
func parseDialAction(n *provider.Notice, said form.Fields) {
	n.Reply = true
	n.ChildLeg = said.Get("DialBLegUUID")
	n.RawStatus = said.Get("DialStatus")
	n.Status = words[strings.ToLower(n.RawStatus)]
	if n.Status.Terminal() {
		n.Cause = Outcome{Word: n.RawStatus, Reason: said.Get("DialHangupCause")}.Cause()
	}
	n.Code = said.Get("DialHangupCause")
	details(n, said, dialDetails)
}

func parseDialEvent(n *provider.Notice, said form.Fields, normal func(string) string) {
	n.ChildLeg = said.Get("DialBLegUUID")
	n.RawStatus = said.Get("DialBLegStatus")
	n.Digit = said.Get("DialDigitsMatched")
	n.Seconds = Int(said, "DialBLegDuration")
	n.Code = cmp.Or(said.Get("DialBLegHangupCauseCode"), said.Get("DialBLegHangupCause"))
	details(n, said, dialEventDetails)
	set(n, "child_from", normal(said.Get("DialBLegFrom")))
	set(n, "child_to", normal(said.Get("DialBLegTo")))
}

func conferenceEvent(action string) string {
	switch action {
	case "enter":
		return "participant-join"
	case "exit":
		return "participant-leave"
	}
	return action
}

// custom reads the headers of SIP legs, by their names as sent.
func custom(said form.Fields) (headers map[string]string) {
	for _, f := range said {
		if !strings.HasPrefix(f.Name, "SIP-H-") && !strings.HasPrefix(f.Name, "X-PH-") {
			continue
		}
		if headers == nil {
			headers = map[string]string{}
		}
		if _, twice := headers[f.Name]; !twice {
			headers[f.Name] = f.Value
		}
	}
	return headers
}

// eventID is made of what a repeat has in common with the first, and no other
// webhook of the leg has. The carriers number none.
func eventID(said form.Fields) string {
	var id strings.Builder
	id.Grow(96)
	id.WriteString(said.Get("CallUUID"))
	for _, name := range [...]string{
		"Event", "CallStatus", "DialAction", "DialStatus", "DialBLegUUID", "DialDigitsMatched",
		"ConferenceAction", "ConferenceUUID", "ConferenceMemberID", "ConferenceDigitsMatch",
		"StreamID", "Name", "RecordingID", "Machine", "Timestamp",
	} {
		if v := said.Get(name); v != "" {
			id.WriteByte('-')
			id.WriteString(v)
		}
	}
	return id.String()
}

// Int reads a whole number that is not negative, nil when there is none.
func Int(said form.Fields, name string) *int {
	n, err := strconv.Atoi(said.Get(name))
	if err != nil || n < 0 {
		return nil
	}
	return &n
}
