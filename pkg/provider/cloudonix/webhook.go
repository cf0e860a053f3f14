package cloudonix

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

const (
	formType = "application/x-www-form-urlencoded"

	usualFields = 40   // room for what a webhook usually has
	mostFields  = 1000 // more is no webhook of Cloudonix'
)

// fields reads a webhook into dst, whichever form it has: the query of a GET,
// a form, or a JSON object, of which members that are objects or lists become
// fields with their JSON as text. It reports false where there is nothing to
// read.
func fields(dst form.Fields, req *provider.Request) (form.Fields, bool) {
	var raw string
	switch {
	case req.Method == http.MethodGet:
		raw = req.Query()
	case req.Header.MediaType() == formType:
		raw = string(req.Body)
	default:
		return object(dst, req.Body)
	}
	if strings.Count(raw, "&") > mostFields {
		return nil, false
	}
	dst = form.Append(dst, raw)
	return dst, len(dst) > 0
}

// object reads a JSON object, or the newest of a list of objects: updates may
// come in a list.
func object(dst form.Fields, doc []byte) (form.Fields, bool) {
	doc = bytes.TrimSpace(doc)
	if bytes.HasPrefix(doc, []byte("[")) {
		doc = newest(doc)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(doc, &members) != nil || len(members) == 0 || len(members) > mostFields {
		return nil, false
	}
	for name, value := range members {
		dst = append(dst, form.Field{Name: name, Value: text(value)})
	}
	return dst, true
}

// newest returns the object of a list that was changed last.
func newest(doc []byte) (last []byte) {
	var list []json.RawMessage
	if json.Unmarshal(doc, &list) != nil {
		return nil
	}
	var at time.Time
	for _, o := range list {
		var head struct {
			ModifiedAt time.Time `json:"modifiedAt"`
		}
		err := json.Unmarshal(o, &head)
		if last == nil || err == nil && !head.ModifiedAt.Before(at) {
			last, at = o, head.ModifiedAt
		}
	}
	return last
}

// text is the text of a JSON value, "" of null, the JSON of an object or list.
func text(value json.RawMessage) string {
	switch {
	case len(value) == 0 || value[0] == 'n':
		return ""
	case value[0] == '"':
		var s string
		_ = json.Unmarshal(value, &s) // it was valid as a part
		return s
	}
	return string(value)
}

// identify finds the domain that a webhook on the shared inbound URL is for.
func identify(req *provider.Request) (account string, ok bool) {
	said, _ := fields(nil, req)
	account = named(said, req.Header)
	if said.Get("Domain") != "" {
		_, ok = said.Lookup("SessionData")
	}
	for _, field := range [...]string{"Domain", "AccountSid", "domain"} {
		name := said.Get(field)
		ok = ok || strings.Contains(name, ".") && strings.HasSuffix(domainName(name), domainSuffix)
	}
	for i := range req.Header {
		name := req.Header[i].Name
		ok = ok || len(name) > len(headerPrefix) && strings.EqualFold(name[:len(headerPrefix)], headerPrefix)
	}
	ok = ok || strings.Contains(strings.ToLower(req.Header.Get("User-Agent")), "cloudonix")
	return account, ok
}

const headerPrefix = "X-CX-"

// named is the domain of a webhook: that of its body, else that of a header.
func named(said form.Fields, h provider.Header) string {
	if domain := inBody(said); domain != "" {
		return domainName(domain)
	}
	return domainName(strings.Clone(h.Get("X-CX-Domain"))) // the request is only borrowed
}

// inBody is the domain that a body names, "" where it names none.
func inBody(said form.Fields) string {
	domain := cmp.Or(said.Get("Domain"), said.Get("AccountSid"), said.Get("domain"))
	if strings.HasPrefix(domain, "{") { // an object
		return ""
	}
	return domain
}

// Parse implements provider.WebhookReceiver. What a webhook is about is told by
// what it has: the domain posts all it has to tell to few addresses.
func (d *driver) Parse(req *provider.Request, _ func() provider.History) (provider.Notice, error) {
	var room [usualFields]form.Field
	said, ok := fields(room[:0], req)
	if !ok {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "body is no JSON object, form or query (%.60q)", req.Header.MediaType())
	}
	if domain := inBody(said); domain != "" && domainName(domain) != d.domain {
		return provider.Notice{}, provider.Unauthenticated(provider.ErrAccount)
	}
	n := provider.Notice{Kind: kind(req.Hook, said), AccountID: named(said, req.Header), Direction: direction(said.Get("Direction"))}
	var err error
	switch n.Kind {
	case provider.CDR:
		err = d.parseRecord(&n, said)
	case provider.CallStatus:
		parseUpdate(&n, said)
	default:
		err = parseSession(&n, said)
	}
	if err != nil {
		return provider.Notice{}, err
	}
	return n, nil
}

// kind tells what a webhook is about.
func kind(hook provider.Hook, said form.Fields) provider.NoticeKind {
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := said.Lookup(name); ok {
				return true
			}
		}
		return false
	}
	asked := question(hook, said)
	switch {
	case asked != "" && has("Session", "SessionData", "CallSid"):
		return asked
	case has("disposition", "billsec", "session"):
		return provider.CDR
	case has("StatusCallbackEvent"):
		return provider.Conference
	case has("eventId", "token", "status"):
		return provider.CallStatus
	case hook == provider.HookAMD, has("AnsweredBy"):
		return provider.AMD
	case hook == provider.HookStream, has("StreamEvent"):
		return provider.StreamStatus
	case hook == provider.HookRecording, has("RecordingStatus"):
		return provider.Recording
	}
	return cmp.Or(asked, provider.UnknownKind)
}

// question is what the carrier asks for at a hook where it waits for an
// instruction, "" at the others.
func question(hook provider.Hook, said form.Fields) provider.NoticeKind {
	switch hook {
	case provider.HookAnswer:
		return provider.Answer
	case provider.HookDialAction:
		return provider.DialAction
	case provider.HookInbound, provider.HookFallback:
		if direction(said.Get("Direction")) == call.Outbound {
			return provider.Answer
		}
		return provider.InboundCall
	}
	return ""
}

// parseUpdate reads how far a session came. An update that does not name its
// session is of the call in the path.
func parseUpdate(n *provider.Notice, said form.Fields) {
	n.LegID = said.Get("token")
	n.EventID = said.Get("eventId")
	n.Time, _ = time.Parse(time.RFC3339, said.Get("modifiedAt"))
	n.Direction = direction(said.Get("direction"))
	parties(n, said.Get("callerId"), said.Get("destination"))
	n.RawStatus = said.Get("status")
	n.Status = updateStatus(n.RawStatus)
	n.Error = cmp.Or(said.Get("reason"), said.Get("lastError"))
	if n.Status.Terminal() {
		n.Cause, n.Code = cause(n.Status, n.RawStatus), n.RawStatus
	}
	var ids []string
	if json.Unmarshal([]byte(said.Get("callIds")), &ids) == nil && len(ids) > 0 {
		detail(n, "sip_call_id", ids[0])
	}
}

// parseSession reads what is written in the style of Twilio.
func parseSession(n *provider.Notice, said form.Fields) error {
	var data sessionData
	_ = json.Unmarshal([]byte(said.Get("SessionData")), &data) // may be missing, or of another form
	n.LegID = cmp.Or(said.Get("Session"), data.Token, said.Get("CallSid"))
	if n.LegID == "" && n.Kind != provider.Conference && n.Kind != provider.UnknownKind {
		return provider.Errorf(provider.KindInvalid, "%s names no session", n.Kind)
	}
	detail(n, "carrier_call_sid", said.Get("CallSid"))
	parties(n, said.Get("From"), said.Get("To"))
	n.CallerName, n.ForwardedFrom = said.Get("CallerName"), said.Get("Diverted")
	n.RawStatus = said.Get("CallStatus")
	n.Status = voiceStatus(n.RawStatus)
	verdict(n, said)
	switch n.Kind {
	case provider.InboundCall, provider.Answer:
		n.Reply = true
		detail(n, "asserted_identity", said.Get("AssertedIdentity"))
		data.headers(n)
	case provider.DialAction:
		n.Reply = true
		n.ChildLeg = said.Get("DialCallSid")
		n.RawStatus = cmp.Or(said.Get("DialCallStatus"), n.RawStatus)
		n.Status = voiceStatus(n.RawStatus)
		n.Cause = cause(n.Status, n.RawStatus)
		n.Seconds = whole(said.Get("DialCallDuration"))
	case provider.StreamStatus:
		n.StreamID = said.Get("StreamSid")
		n.StreamEvent = strings.TrimPrefix(said.Get("StreamEvent"), "stream-")
		n.Error = said.Get("StreamError")
		detail(n, "stream_name", said.Get("StreamName"))
	case provider.Conference:
		detail(n, "conference_event", said.Get("StatusCallbackEvent"))
		detail(n, "conference_id", said.Get("ConferenceSid"))
		detail(n, "conference_name", said.Get("FriendlyName"))
	case provider.Recording:
		n.RawStatus, n.Status = said.Get("RecordingStatus"), ""
		n.RecordingID, n.RecordingURL = said.Get("RecordingSid"), said.Get("RecordingUrl")
		n.Seconds = whole(said.Get("RecordingDuration"))
	}
	return nil
}

// sessionData rides on requests for an instruction.
type sessionData struct {
	Token   string `json:"token"`
	Profile struct {
		SIP map[string]any `json:"trunk-sip-headers"`
	} `json:"profile"`
}

// headers reads the SIP headers with which a trunk delivered the call.
func (s *sessionData) headers(n *provider.Notice) {
	for name, value := range s.Profile.SIP {
		if strings.EqualFold(name, "Twilio-AccountSid") {
			detail(n, "underlying_provider", "twilio")
		}
		if value, ok := value.(string); ok {
			if n.Variables == nil {
				n.Variables = map[string]string{}
			}
			n.Variables[name] = value
		}
	}
}

// parties reads who is talking to whom.
func parties(n *provider.Notice, from, to string) {
	n.From, n.To = from, to
	switch low := strings.ToLower(from); {
	case low == "anonymous", low == "restricted", low == "unavailable", low == "private", strings.HasPrefix(low, "sip:anonymous@"):
		n.From, n.Anonymous = "", true
	}
}

// verdict reads who answered.
func verdict(n *provider.Notice, said form.Fields) {
	n.Verdict = said.Get("AnsweredBy")
	switch word := strings.ToLower(n.Verdict); {
	case word == "":
		return
	case word == "human":
		n.AnsweredBy = call.Human
	case word == "fax":
		n.AnsweredBy = call.Fax
	case strings.HasPrefix(word, "machine"): // and how far its greeting is
		n.AnsweredBy = call.Machine
	default:
		n.AnsweredBy = call.UnknownAnswer
	}
	if ms := whole(said.Get("MachineDetectionDuration")); ms != nil {
		n.DetectionMS = *ms
	}
}

// detail keeps what has no field of its own, unless it is empty.
func detail(n *provider.Notice, name, value string) {
	if value == "" {
		return
	}
	if n.Detail == nil {
		n.Detail = map[string]string{}
	}
	n.Detail[name] = value
}
