package telnyx

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// event is a webhook of version 2.
type event struct {
	RecordType string   `json:"record_type"`
	Type       string   `json:"event_type"`
	ID         word     `json:"id"`
	OccurredAt word     `json:"occurred_at"`
	Payload    *payload `json:"payload"`
}

// payload has what the events of Call Control tell, each a part of it.
type payload struct {
	CallControlID word `json:"call_control_id"`
	CallLegID     word `json:"call_leg_id"`
	CallSessionID word `json:"call_session_id"`
	ConnectionID  word `json:"connection_id"`
	ClientState   word `json:"client_state"`

	From          word    `json:"from"`
	To            word    `json:"to"`
	Direction     word    `json:"direction"`
	State         word    `json:"state"`
	CallerIDName  word    `json:"caller_id_name"`
	CustomHeaders headers `json:"custom_headers"`
	SIPHeaders    headers `json:"sip_headers"`
	Attestation   word    `json:"shaken_stir_attestation"`
	Validated     word    `json:"shaken_stir_validated"`
	OfferedCodecs word    `json:"offered_codecs"`

	HangupCause  word     `json:"hangup_cause"`
	HangupSource word     `json:"hangup_source"`
	SIPCause     word     `json:"sip_hangup_cause"`
	SIPNotify    word     `json:"sip_notify_response"`
	Quality      *quality `json:"call_quality_stats"`

	Digit        word          `json:"digit"`
	Result       word          `json:"result"`
	Status       word          `json:"status"`
	StreamID     word          `json:"stream_id"`
	StreamURL    word          `json:"stream_url"`
	StreamParams *streamParams `json:"stream_params"`
	Failure      word          `json:"failure_reason"`

	TotalCost word       `json:"total_cost"`
	Billed    word       `json:"billed_duration_secs"`
	CostParts []costPart `json:"cost_parts"`

	ConferenceID word `json:"conference_id"`
	Reason       word `json:"reason"`
}

type quality struct {
	Inbound struct {
		MOS word `json:"mos"`
	} `json:"inbound"`
}

type streamParams struct {
	StreamURL word `json:"stream_url"`
}

type costPart struct {
	Currency word `json:"currency"`
}

type headers []struct {
	Name  word `json:"name"`
	Value word `json:"value"`
}

// word is a text, a number or a truth, as text; "" for anything else. Events
// that share a name do not always share its type.
type word string

// UnmarshalJSON implements json.Unmarshaler.
func (w *word) UnmarshalJSON(doc []byte) error {
	*w = ""
	switch doc[0] {
	case '"':
		return json.Unmarshal(doc, (*string)(w))
	case '{', '[', 'n':
		return nil
	}
	*w = word(doc)
	return nil
}

// readEvent reads a webhook, and says what to do about one that is none of
// Call Control's in version 2.
func readEvent(req *provider.Request) (*event, error) {
	var doc struct {
		Data *event `json:"data"`
		Type word   `json:"event_type"` // of version 1
	}
	err := json.Unmarshal(req.Body, &doc)
	var odd *json.UnmarshalTypeError // a field of no interest to its event has another type: the rest is read
	switch {
	case req.Header.MediaType() == formType:
		return nil, provider.Errorf(provider.KindInvalid, "webhook is TeXML's: assign the number to a Call Control application")
	case err != nil && !errors.As(err, &odd):
		return nil, provider.Errorf(provider.KindInvalid, "body is no JSON object of a webhook")
	case doc.Data == nil && doc.Type != "":
		return nil, &provider.Error{Kind: provider.KindInvalid, Err: errVersion1}
	case doc.Data == nil || doc.Data.Type == "" || doc.Data.Payload == nil:
		return nil, provider.Errorf(provider.KindInvalid, "body has no data with event_type and payload")
	case doc.Data.RecordType != "" && doc.Data.RecordType != "event":
		return nil, provider.Errorf(provider.KindInvalid, "record_type is %.40q, want event", doc.Data.RecordType)
	}
	return doc.Data, nil
}

// isVoice reports whether an event is one of Call Control's.
func isVoice(event string) bool {
	return strings.HasPrefix(event, "call.") || strings.HasPrefix(event, "streaming.") || strings.HasPrefix(event, "conference.")
}

// identify finds the application that a webhook on the shared inbound URL is
// for.
func identify(req *provider.Request) (account string, ok bool) {
	for _, name := range [...]string{headerSignature, headerSignatureV1} {
		if _, signed := req.Header.Lookup(name); signed {
			return connectionOf(req), true
		}
	}
	if req.Header.MediaType() == formType {
		said := form.Append(nil, req.Body)
		_, texml := said.Lookup("CallSidLegacy")
		return said.Get("ConnectionId"), texml || said.Get("ConnectionId") != ""
	}
	e, err := readEvent(req)
	if err != nil || e.RecordType != "event" || !isVoice(e.Type) {
		return "", false
	}
	return string(e.Payload.ConnectionID), true
}

// Parse implements provider.WebhookReceiver. The event's type says what a
// webhook is about; the hook only matters for the answer of an outbound call,
// which Dial has told here where to.
func (d *driver) Parse(req *provider.Request, known func() provider.History) (provider.Notice, error) {
	e, err := readEvent(req)
	if err != nil {
		return provider.Notice{}, err
	}
	p := e.Payload
	if isVoice(e.Type) && p.CallControlID == "" && p.ConferenceID == "" {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "%.60s without call_control_id", e.Type)
	}
	n := provider.Notice{
		Kind:      provider.NoKind,
		AccountID: string(p.ConnectionID),
		LegID:     string(p.CallControlID), StableID: string(p.CallLegID), SessionID: string(p.CallSessionID),
		EventID: string(e.ID), Time: timestamp(string(e.OccurredAt)),
		RawStatus: string(p.State),
	}
	parties(&n, p)
	detail(&n, "raw_event", word(e.Type))
	s, plain := d.states.decode(string(p.ClientState))
	n.CallID = s.Call
	detail(&n, "client_state", word(plain))
	fill(&n, e, &s, known)
	switch {
	case s.Parent != "":
		ofChild(&n, &s)
	case req.Hook == provider.HookAnswer && e.Type == "call.answered",
		req.Hook == provider.HookAMD && n.Kind == provider.AMD && !greets(e.Type, n.AnsweredBy):
		n.Kind = provider.Answer
	}
	goOn(&n, req, e, &s)
	return n, nil
}

// fill reads what an event of its type tells.
func fill(n *provider.Notice, e *event, s *state, known func() provider.History) {
	p := e.Payload
	if !isVoice(e.Type) {
		return
	}
	family, rest, _ := strings.Cut(strings.TrimPrefix(e.Type, "call."), ".")
	switch family {
	case "initiated":
		initiated(n, p)
	case "ringing":
		n.Kind, n.Status = provider.CallStatus, call.Ringing
	case "answered", "bridged":
		n.Kind, n.Status = provider.CallStatus, call.Answered
	case "hangup":
		hungUp(n, p, s, known)
	case "dtmf":
		n.Kind, n.Digit = provider.DTMF, string(p.Digit)
	case "machine":
		n.Kind, n.Verdict, n.AnsweredBy = provider.AMD, string(p.Result), answeredBy(string(p.Result))
		if strings.HasSuffix(rest, "greeting.ended") {
			detail(n, "greeting_ended", "true")
		}
	case "cost":
		n.Kind, n.Cost = provider.CostReport, cost(p)
		detail(n, "billed_duration_s", p.Billed)
	case "refer":
		n.Kind, n.RawStatus, n.SIPCode = provider.Transfer, rest, number(p.SIPNotify)
		detail(n, "transfer_status", word(rest))
	case "streaming":
		streaming(n, p, rest)
	case "conference":
		// client_state is that of the leg that opened the room.
		n.Kind, n.CallID = provider.Conference, ""
		detail(n, "conference_id", p.ConferenceID)
		detail(n, "conference_event", word(rest))
		detail(n, "reason", p.Reason)
	}
}

// initiated reads the only event that tells a direction.
func initiated(n *provider.Notice, p *payload) {
	n.CallerName = string(p.CallerIDName)
	detail(n, "shaken_stir_attestation", p.Attestation)
	detail(n, "shaken_stir_validated", p.Validated)
	detail(n, "offered_codecs", p.OfferedCodecs)
	if p.Direction == "incoming" { // parked: it waits for the command to answer
		n.Kind, n.Direction, n.Status = provider.InboundCall, call.Inbound, call.Ringing
		n.Ref = ref{inbound: true, leg: n.StableID}.String()
		return
	}
	n.Kind, n.Direction, n.Status = provider.CallStatus, call.Outbound, call.Initiated
	n.Ref = ref{leg: n.StableID}.String()
}

func streaming(n *provider.Notice, p *payload, event string) {
	n.Kind, n.StreamEvent, n.StreamID, n.Error = provider.StreamStatus, event, string(p.StreamID), string(p.Failure)
	url := p.StreamURL
	if url == "" && p.StreamParams != nil {
		url = p.StreamParams.StreamURL
	}
	detail(n, "stream_url", url)
}

// ofChild makes a notice one of the call whose dial step made the leg. Only
// what it tells of its own progress, and its price, is of interest there.
func ofChild(n *provider.Notice, s *state) {
	switch n.Kind {
	case provider.CostReport:
		return
	case provider.CallStatus:
		n.Kind, n.RawStatus = provider.DialEvent, n.Detail["raw_event"]
		n.LegID, n.StableID, n.ChildLeg, n.Ref = s.Parent, "", n.LegID, ""
	default:
		n.Foreign = true
	}
}

// greets reports whether an answering machine has only begun to greet: the end
// of the greeting is told, too.
func greets(event string, by call.AnsweredBy) bool {
	return by == call.Machine && strings.HasSuffix(event, ".detection.ended")
}

// goOn finds what the leg has to do now that something is over. A stream's end
// that comes without client_state, as the guide's samples do, ends the call:
// otherwise the leg would stay up in silence.
func goOn(n *provider.Notice, req *provider.Request, e *event, s *state) {
	over := ended(e.Payload, e.Type)
	switch {
	case over == "":
	case over == s.After && len(s.Next) > 0:
		n.Next = &call.Instruction{Steps: s.Next}
	case over == afterStream && e.Payload.ClientState == "" && req.CallID != "":
		n.Next = &call.Instruction{Steps: []call.Step{{Hangup: &call.Hangup{}}}}
	}
}

// parties reads who is talking to whom, and what rides on the call.
func parties(n *provider.Notice, p *payload) {
	n.From, n.To = string(p.From), string(p.To)
	if withheld(n.From) {
		n.From, n.Anonymous = "", true
	}
	for _, list := range [...]headers{p.CustomHeaders, p.SIPHeaders} {
		for _, h := range list {
			if h.Name == "" {
				continue
			}
			if n.Variables == nil {
				n.Variables = map[string]string{}
			}
			n.Variables[string(h.Name)] = string(h.Value)
			if strings.EqualFold(string(h.Name), "Diversion") {
				n.ForwardedFrom = userOf(string(h.Value))
			}
		}
	}
}

// withheld reports whether a caller id stands for none.
func withheld(from string) bool {
	switch strings.TrimPrefix(strings.ToLower(from), "+") {
	case "anonymous", "private", "restricted", "unavailable", "unknown":
		return true
	}
	return strings.HasPrefix(strings.ToLower(from), "sip:anonymous@")
}

// userOf is the number in a SIP header such as <sip:+12025550142@host>;reason=busy.
func userOf(header string) string {
	for _, scheme := range [...]string{"sip:", "sips:", "tel:"} {
		if _, rest, ok := strings.Cut(header, scheme); ok {
			if end := strings.IndexAny(rest, "@>;"); end >= 0 {
				rest = rest[:end]
			}
			return rest
		}
	}
	return ""
}

// cost is the price that Telnyx has added up itself, nil where it could not.
func cost(p *payload) *call.Cost {
	if !decimal.MatchString(string(p.TotalCost)) {
		return nil
	}
	c := &call.Cost{Amount: string(p.TotalCost)}
	for _, part := range p.CostParts {
		if c.Currency == "" {
			c.Currency = strings.ToUpper(string(part.Currency))
		}
	}
	return c
}

func answeredBy(result string) call.AnsweredBy {
	switch result {
	case "human", "human_residence", "human_business":
		return call.Human
	case "machine", "beep_detected", "ended":
		return call.Machine
	case "fax_detected":
		return call.Fax
	}
	return call.UnknownAnswer
}

// detail keeps what is worth it under a name of docs/providers.md.
func detail(n *provider.Notice, name string, value word) {
	if value == "" {
		return
	}
	if n.Detail == nil {
		n.Detail = map[string]string{}
	}
	n.Detail[name] = string(value)
}

// number reads a whole number, 0 when there is none.
func number(text word) int {
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return 0 // Telnyx says unspecified
	}
	return n
}

func timestamp(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// Render implements provider.WebhookReceiver. Telnyx ignores what a webhook is
// answered with, but for the status.
func (d *driver) Render(in call.Instruction, _ *provider.Notice) (provider.Response, error) {
	if len(in.Steps) > 0 {
		return provider.Response{}, provider.Errorf(provider.KindUnsupported, "telnyx takes no instruction in the answer to a webhook, only commands")
	}
	return provider.Response{Status: http.StatusOK, ContentType: jsonType, Body: []byte("{}")}, nil
}
