package twilio

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

const (
	formType = "application/x-www-form-urlencoded"
	// headerToken is the same on every repeat of a webhook.
	headerToken = "I-Twilio-Idempotency-Token"

	usualFields = 48   // room for what a webhook usually has
	mostFields  = 1000 // more is no webhook of Twilio's
)

// fields reads the fields of a request into dst: those of the query of a GET,
// else those of a form. It reports false where there is no form.
func fields(dst form.Fields, req *provider.Request) (form.Fields, bool) {
	switch {
	case strings.Count(req.URL, "&") > mostFields, bytes.Count(req.Body, []byte("&")) > mostFields:
		return nil, false
	case req.Method == http.MethodGet:
		return form.Append(dst, req.Query()), true
	case req.Header.MediaType() == formType:
		return form.Append(dst, req.Body), true
	}
	return nil, false
}

var accountSID = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)

// identify finds the account that a webhook on the shared inbound URL is for.
func identify(req *provider.Request) (account string, ok bool) {
	said, _ := fields(nil, req)
	account = said.Get("AccountSid")
	_, signed := req.Header.Lookup(headerSignature)
	ours := signed || strings.HasPrefix(req.Header.Get("User-Agent"), "TwilioProxy") ||
		accountSID.MatchString(account) && said.Get("CallSid") != ""
	return account, ours && account != ""
}

// Parse implements provider.WebhookReceiver. All webhooks are flat forms; the
// hook says what one is about.
func (d *driver) Parse(req *provider.Request, _ func() provider.History) (provider.Notice, error) {
	var room [usualFields]form.Field
	said, ok := fields(room[:0], req)
	if !ok {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "body is %.60q, want a form", req.Header.MediaType())
	}
	n := provider.Notice{
		AccountID: said.Get("AccountSid"),
		LegID:     said.Get("CallSid"),
		Sequence:  known(said.Get("SequenceNumber")),
		Time:      timestamp(said.Get("Timestamp")),
	}
	n.Kind = kind(req.Hook, said)
	switch n.Kind {
	case provider.InboundCall, provider.Answer:
		parseVoice(&n, said)
	case provider.CallStatus:
		parseStatus(&n, said)
	case provider.DialEvent:
		parseDialEvent(&n, said)
	case provider.DialAction:
		parseDialAction(&n, said)
	case provider.AMD:
		parseVerdict(&n, said)
	case provider.StreamStatus:
		parseStream(&n, said)
	case provider.Conference:
		parseConference(&n, said)
	case provider.Recording:
		parseRecording(&n, said)
	}
	if n.LegID == "" && n.Detail["conference_id"] == "" {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "%s without CallSid", n.Kind)
	}
	n.EventID = eventID(req, &n)
	return n, nil
}

// kind tells what a webhook is about. On a hook that may be given to several
// kinds of callback, the field decides that only one of them has.
func kind(hook provider.Hook, said form.Fields) provider.NoticeKind {
	switch hook {
	case provider.HookInbound, provider.HookFallback:
		if direction(said) == call.Outbound {
			return provider.Answer
		}
		return provider.InboundCall
	case provider.HookAnswer:
		return provider.Answer
	case provider.HookAMD:
		return provider.AMD
	case provider.HookStream:
		return provider.StreamStatus
	case provider.HookConference:
		return provider.Conference
	case provider.HookDialAction:
		return provider.DialAction
	case provider.HookDialEvent:
		return provider.DialEvent
	case provider.HookRecording:
		return provider.Recording
	}
	for _, mark := range [...]struct {
		field string
		kind  provider.NoticeKind
	}{
		{"CallStatus", provider.CallStatus}, {"StreamEvent", provider.StreamStatus},
		{"ConferenceSid", provider.Conference}, {"RecordingStatus", provider.Recording},
		{"AnsweredBy", provider.AMD},
	} {
		if said.Get(mark.field) != "" {
			return mark.kind
		}
	}
	return provider.UnknownKind
}

// parseVoice reads the request for an instruction.
func parseVoice(n *provider.Notice, said form.Fields) {
	n.Reply = true
	parties(n, said)
	n.RawStatus = said.Get("CallStatus")
	n.Status = status(n.RawStatus)
	n.CallerName = said.Get("CallerName")
	n.ForwardedFrom = said.Get("ForwardedFrom")
	n.Code = said.Get("ErrorCode") // on the fallback: why the first URL failed
	verdict(n, said)
	details(n, said, voiceDetails)
	for _, f := range said {
		if name, ok := strings.CutPrefix(f.Name, "SipHeader_"); ok {
			if n.Variables == nil {
				n.Variables = map[string]string{}
			}
			n.Variables[name] = f.Value
		}
	}
}

func parseStatus(n *provider.Notice, said form.Fields) {
	parties(n, said)
	ending(n, said.Get("CallStatus"), said.Get("SipResponseCode"), said.Get("ErrorCode"))
	n.Seconds = known(said.Get("CallDuration")) // Duration is minutes
	verdict(n, said)
	recording(n, said)
	n.Foreign = said.Get("ParentCallSid") != "" // a leg that a dial instruction made
}

// parseDialEvent reads the status of a leg that a dial instruction made, and
// reports it under the leg that dialled.
func parseDialEvent(n *provider.Notice, said form.Fields) {
	parseStatus(n, said)
	if parent := said.Get("ParentCallSid"); parent != "" {
		n.LegID, n.ChildLeg = parent, n.LegID
	}
	n.Foreign = false
}

func parseDialAction(n *provider.Notice, said form.Fields) {
	n.Reply = true
	parties(n, said)
	n.ChildLeg = said.Get("DialCallSid")
	ending(n, said.Get("DialCallStatus"), "", "")
	n.Seconds = known(said.Get("DialCallDuration"))
	recording(n, said)
	details(n, said, dialDetails)
}

func parseVerdict(n *provider.Notice, said form.Fields) {
	verdict(n, said)
	parties(n, said)
}

func parseStream(n *provider.Notice, said form.Fields) {
	n.StreamID = said.Get("StreamSid")
	n.StreamEvent = strings.TrimPrefix(said.Get("StreamEvent"), "stream-")
	n.Error = said.Get("StreamError")
	details(n, said, streamDetails)
}

func parseConference(n *provider.Notice, said form.Fields) {
	details(n, said, conferenceDetails)
	if n.LegID == "" {
		n.LegID = said.Get("CallSidEndingConference")
	}
}

func parseRecording(n *provider.Notice, said form.Fields) {
	n.RawStatus = said.Get("RecordingStatus")
	n.Seconds = known(said.Get("RecordingDuration"))
	recording(n, said)
	details(n, said, recordingDetails)
}

// parties reads who is talking to whom.
func parties(n *provider.Notice, said form.Fields) {
	n.Direction = direction(said)
	n.From, n.To = said.Get("From"), said.Get("To")
	if withheld(n.From) {
		n.From, n.Anonymous = "", true
	}
}

func direction(said form.Fields) call.Direction {
	switch word := said.Get("Direction"); {
	case word == "inbound":
		return call.Inbound
	case strings.HasPrefix(word, "outbound"): // outbound-api, outbound-dial
		return call.Outbound
	}
	return "" // of a SIP trunk, or not said
}

// withheld reports whether a caller id stands for none. Besides the word,
// there are ANONYMOUS, RESTRICTED, UNAVAILABLE and BLOCKED spelt on a phone's
// keys, a short number, and the SIP user of RFC 3323.
func withheld(from string) bool {
	switch from = strings.ToLower(from); from {
	case "anonymous", "+266696687", "+7378742833", "+86282452253", "+2562533", "+464":
		return true
	}
	return strings.HasPrefix(from, "sip:anonymous@")
}

// ending reads a status with the reason of an end.
func ending(n *provider.Notice, word, sip, code string) {
	n.RawStatus, n.Status, n.Code = word, status(word), code
	n.SIPCode = number(sip)
	n.Cause = cause(n.Status, n.SIPCode)
}

func verdict(n *provider.Notice, said form.Fields) {
	n.Verdict = said.Get("AnsweredBy")
	n.AnsweredBy = answeredBy(n.Verdict)
	n.DetectionMS = number(said.Get("MachineDetectionDuration"))
}

func recording(n *provider.Notice, said form.Fields) {
	n.RecordingID = said.Get("RecordingSid")
	n.RecordingURL = said.Get("RecordingUrl")
}

// answeredBy puts machine_start, machine_end_beep, machine_end_silence and
// machine_end_other together.
func answeredBy(verdict string) call.AnsweredBy {
	switch {
	case verdict == "human":
		return call.Human
	case verdict == "fax":
		return call.Fax
	case strings.HasPrefix(verdict, "machine"):
		return call.Machine
	case verdict == "":
		return ""
	}
	return call.UnknownAnswer
}

// detail keeps a field under a name of docs/providers.md. Of several fields
// for one name the first that is not empty counts.
type detail struct{ field, name string }

var (
	voiceDetails = []detail{
		{"FromCity", "from_city"}, {"FromState", "from_state"}, {"FromZip", "from_zip"}, {"FromCountry", "from_country"},
		{"ToCity", "to_city"}, {"ToState", "to_state"}, {"ToZip", "to_zip"}, {"ToCountry", "to_country"},
		{"StirVerstat", "verstat"}, {"ParentCallSid", "parent_call_id"}, {"ApplicationSid", "application_id"},
		{"SipDomain", "sip_domain"}, {"SipCallId", "sip_call_id"}, {"SipSourceIp", "sip_source_ip"}, {"SipUsername", "sip_username"},
	}
	dialDetails   = []detail{{"DialBridged", "bridged"}}
	streamDetails = []detail{{"StreamName", "stream_name"}}

	conferenceDetails = []detail{
		{"ConferenceSid", "conference_id"}, {"FriendlyName", "conference_name"}, {"StatusCallbackEvent", "conference_event"},
		{"ParticipantLabel", "participant_label"}, {"ParticipantLabelEndingConference", "participant_label"},
		{"ParticipantCallStatus", "participant_status"}, {"Muted", "muted"}, {"Hold", "hold"}, {"Coaching", "coaching"},
		{"StartConferenceOnEnter", "start_on_enter"}, {"EndConferenceOnExit", "end_on_exit"},
		{"ReasonParticipantLeft", "reason"}, {"ReasonConferenceEnded", "reason"}, {"Reason", "reason"},
	}
	recordingDetails = []detail{
		{"RecordingChannels", "channels"}, {"RecordingTrack", "track"},
		{"RecordingSource", "source"}, {"RecordingStartTime", "started_at"},
	}
)

func details(n *provider.Notice, said form.Fields, wanted []detail) {
	for _, d := range wanted {
		v := said.Get(d.field)
		if v == "" || n.Detail[d.name] != "" {
			continue
		}
		if n.Detail == nil {
			n.Detail = map[string]string{}
		}
		n.Detail[d.name] = v
	}
}

// eventID is Twilio's token of the webhook. Without one, it is made of what a
// repeat has in common with the first, and no other webhook of the leg has.
func eventID(req *provider.Request, n *provider.Notice) string {
	if token := req.Header.Get(headerToken); token != "" {
		return strings.Clone(token) // the request is only borrowed
	}
	words := []string{n.LegID, n.Detail["conference_id"], n.StreamID, n.RecordingID, n.ChildLeg}
	if n.Sequence != nil {
		words = append(words, strconv.Itoa(*n.Sequence))
	}
	words = append(words, n.RawStatus, n.Verdict, n.StreamEvent, n.Detail["conference_event"])
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), "-")
}

// number reads a whole number, 0 when there is none.
func number(text string) int {
	if text == "" { // usual, and strconv would allocate an error
		return 0
	}
	n, _ := strconv.Atoi(text)
	return n
}

// known reads a whole number of which 0 says something, nil when there is none.
func known(text string) *int {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return &n
}

// timestamp reads the time of a callback: RFC 2822 for calls, ISO 8601 for
// streams. It is zero when there is none.
func timestamp(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	for _, layout := range [...]string{"Mon, 2 Jan 2006 15:04:05 -0700", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
