package vonage

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
)

// event is what a webhook says. There is one for all kinds of webhook: which
// kind it is follows from the fields that are there.
type event struct {
	UUID             text `json:"uuid"`
	CallUUID         text `json:"call_uuid"` // in place of uuid, with the status human or machine
	Conversation     text `json:"conversation_uuid"`
	ConversationFrom text `json:"conversation_uuid_from"`
	ConversationTo   text `json:"conversation_uuid_to"`
	From             text `json:"from"`
	FromUser         text `json:"from_user"` // in place of from, for a user of an app
	To               text `json:"to"`
	Direction        text `json:"direction"`
	EndpointType     text `json:"endpoint_type"`
	RegionURL        text `json:"region_url"`

	Status         text `json:"status"`
	SubState       text `json:"sub_state"`
	Detail         text `json:"detail"`
	Reason         text `json:"reason"`
	SIPCode        text `json:"sip_code"`
	DisconnectedBy text `json:"disconnected_by"`
	Timestamp      text `json:"timestamp"`
	StartTime      text `json:"start_time"`
	EndTime        text `json:"end_time"`
	Duration       text `json:"duration"` // seconds
	Price          text `json:"price"`    // EUR
	Rate           text `json:"rate"`     // EUR a minute
	Network        text `json:"network"`

	RecordingURL  text    `json:"recording_url"`
	RecordingUUID text    `json:"recording_uuid"`
	Size          text    `json:"size"` // bytes
	DTMF          *keys   `json:"dtmf"`
	Speech        *speech `json:"speech"`

	Headers    values `json:"headers"`     // of a media socket: what Trunkline put into the instruction
	CustomData values `json:"custom_data"` // of an app's call

	all values // all there is, where that has SIP headers
}

// sipHeader begins the names of fields that are headers of a SIP INVITE.
const sipHeader = "SipHeader_"

// read reads the body of a webhook, or the query of a GET as if it were one.
func read(req *provider.Request) (e event, err error) {
	doc := req.Body
	if req.Method == http.MethodGet {
		fields := map[string]string{}
		for _, f := range form.Append(nil, req.Query()) {
			fields[f.Name] = f.Value
		}
		if doc, err = json.Marshal(fields); err != nil {
			return e, err
		}
	}
	if err := json.Unmarshal(doc, &e); err != nil {
		return e, err
	}
	if bytes.Contains(doc, []byte(sipHeader)) {
		err = json.Unmarshal(doc, &e.all)
	}
	return e, err
}

// ofSocket reports whether the leg is a media socket.
func (e *event) ofSocket() bool { return isSocket(e.To) || isSocket(e.From) }

func isSocket(party text) bool {
	scheme, _, ok := strings.Cut(string(party), "://")
	return ok && (strings.EqualFold(scheme, "wss") || strings.EqualFold(scheme, "ws"))
}

// variables are the custom data and the SIP headers of a call.
func (e *event) variables() map[string]string {
	v := e.CustomData.texts()
	for name, value := range e.all {
		if header, ok := strings.CutPrefix(name, sipHeader); ok {
			if v == nil {
				v = map[string]string{}
			}
			v[header] = string(value)
		}
	}
	return v
}

// text is a JSON value as text: Vonage writes numbers now as numbers, now as
// texts. A null is "", and what is nested stays JSON.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(doc []byte) error {
	switch {
	case string(doc) == "null":
		*t = ""
		return nil
	case doc[0] != '"':
		*t = text(doc)
		return nil
	}
	return json.Unmarshal(doc, (*string)(t))
}

// seconds reads a whole number of seconds, nil when there is none.
func (t text) seconds() *int {
	n, err := strconv.Atoi(string(t))
	if err != nil {
		return nil
	}
	return &n
}

// values is a JSON object of single values. Anything else is an empty one.
type values map[string]text

// UnmarshalJSON implements json.Unmarshaler.
func (v *values) UnmarshalJSON(doc []byte) error {
	if doc[0] != '{' {
		return nil
	}
	return json.Unmarshal(doc, (*map[string]text)(v))
}

func (v values) texts() map[string]string {
	if len(v) == 0 {
		return nil
	}
	m := make(map[string]string, len(v))
	for name, value := range v {
		m[name] = string(value)
	}
	return m
}

// keys are digits that were pressed; older webhooks have them as a text.
type keys struct{ Digits, TimedOut text }

// UnmarshalJSON implements json.Unmarshaler.
func (k *keys) UnmarshalJSON(doc []byte) error {
	var object struct {
		Digits   text `json:"digits"`
		TimedOut text `json:"timed_out"`
	}
	if doc[0] != '{' {
		return k.Digits.UnmarshalJSON(doc)
	}
	err := json.Unmarshal(doc, &object)
	*k = keys(object)
	return err
}

// speech is what was said, as Vonage understood it, best first.
type speech struct {
	Results []struct {
		Text text `json:"text"`
	} `json:"results"`
}
