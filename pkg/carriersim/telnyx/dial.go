package telnyx

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// idempotent is how long a command_id is remembered.
const idempotent = time.Minute

// ringLimit is how long a phone rings where nothing else is said, in seconds.
const ringLimit = 30

var (
	e164      = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)
	sipURI    = regexp.MustCompile(`^sips?:[^@\s]+@[^@\s]+$`)
	dtmf      = regexp.MustCompile(`^[0-9A-D*#wW]+$`)
	detectors = []string{"", "disabled", "detect", "detect_beep", "detect_words", "greeting_end", "premium"}
)

// common is what every command may carry.
type common struct {
	ClientState string `json:"client_state"`
	CommandID   string `json:"command_id"`
}

func (c *common) check() error {
	if _, err := base64.StdEncoding.DecodeString(c.ClientState); err != nil {
		return invalid(codeClientState, "client_state", "client_state is not valid base64")
	}
	return nil
}

// legFields are what a dial and a transfer say of the leg they make.
type legFields struct {
	hookFields
	To              any    `json:"to"`
	From            string `json:"from"`
	FromDisplayName string `json:"from_display_name"`
	TimeoutSecs     *int   `json:"timeout_secs"`
	TimeLimitSecs   *int   `json:"time_limit_secs"`
	Detection       string `json:"answering_machine_detection"`
	DetectionConfig any    `json:"answering_machine_detection_config"`
	Park            string `json:"park_after_unbridge"`
	CustomHeaders   any    `json:"custom_headers"`
	SIPHeaders      any    `json:"sip_headers"`
	SIPUser         string `json:"sip_auth_username"`
	SIPPassword     string `json:"sip_auth_password"`
	SIPRegion       string `json:"sip_region"`
	SIPTransport    string `json:"sip_transport_protocol"`
	Encryption      string `json:"media_encryption"`
	PreferredCodecs string `json:"preferred_codecs"`
	Diversion       any    `json:"diversion"`
	Privacy         string `json:"privacy"`
	RouteToMobile   any    `json:"route_to_mobile"`
	EarlyMedia      *bool  `json:"early_media"`
	MuteDTMF        string `json:"mute_dtmf"`
	unsimulatedFields
}

// unsimulatedFields are known, and passed over with a warning.
type unsimulatedFields struct {
	AudioURL   json.RawMessage `json:"audio_url"`
	MediaName  json.RawMessage `json:"media_name"`
	Record     json.RawMessage `json:"record"`
	Conference json.RawMessage `json:"conference_config"`
	Supervise  json.RawMessage `json:"supervise_call_control_id"`
}

func (u *unsimulatedFields) warn(s *session) {
	for name, value := range map[string]json.RawMessage{
		"audio_url": u.AudioURL, "media_name": u.MediaName, "record": u.Record, "conference_config": u.Conference, "supervise_call_control_id": u.Supervise,
	} {
		if len(value) > 0 {
			s.Warn("%s is not simulated", name)
		}
	}
}

// order checks the fields. The number to call is returned beside, with the keys
// that may follow it.
func (f *legFields) order() (o order, to string, err error) {
	to, ok := f.To.(string)
	if !ok {
		return o, "", invalid(codeBadRequest, "to", "one number; several are not simulated")
	}
	to, o.digits, _ = strings.Cut(to, ",")
	o.hooks, o.detect, o.park, o.noAnswer = f.hookFields, f.Detection, f.Park == "self", "timeout"
	ring, limit := ringLimit, int(longestCall/time.Second)
	if f.TimeoutSecs != nil {
		ring = *f.TimeoutSecs
	}
	if f.TimeLimitSecs != nil {
		limit = *f.TimeLimitSecs
	}
	o.ring, o.limit = time.Duration(ring)*time.Second, time.Duration(limit)*time.Second
	switch {
	case !e164.MatchString(to) && !sipURI.MatchString(to):
		return o, "", invalid(codeNotE164, "to", "%q is not a number of the form +E164", to)
	case !e164.MatchString(f.From) && !sipURI.MatchString(to):
		return o, "", invalid(codeNotE164, "from", "%q is not a number of the form +E164", f.From)
	case o.digits != "" && !dtmf.MatchString(o.digits):
		return o, "", invalid(codeDigits, "to", "digits %q", o.digits)
	case ring < 5 || ring > 600:
		return o, "", invalid(codeTimeout, "timeout_secs", "must be 5 to 600")
	case limit < 30 || limit > 14400:
		return o, "", invalid(codeTimeLimit, "time_limit_secs", "must be 30 to 14400")
	case !slices.Contains(detectors, f.Detection):
		return o, "", invalid(codeEnum, "answering_machine_detection", "%q", f.Detection)
	case f.Park != "" && f.Park != "self":
		return o, "", invalid(codeEnum, "park_after_unbridge", "%q", f.Park)
	case len(f.FromDisplayName) > 128:
		return o, "", invalid(codeRange, "from_display_name", "at most 128 characters")
	}
	return o, to, f.hookFields.check()
}

// dialRequest is the body of a dial.
type dialRequest struct {
	common
	legFields
	streamFields
	streamExtra
	ConnectionID        string `json:"connection_id"`
	RetryOnTimeout      *bool  `json:"retry_on_timeout"`
	BillingGroupID      string `json:"billing_group_id"`
	LinkTo              string `json:"link_to"`
	BridgeIntent        bool   `json:"bridge_intent"`
	BridgeOnAnswer      bool   `json:"bridge_on_answer"`
	PreventDoubleBridge bool   `json:"prevent_double_bridge"`
	SendDigits          string `json:"send_digits_on_answer"`
	SendSilence         bool   `json:"send_silence_when_idle"`
	EstablishBefore     bool   `json:"stream_establish_before_call_originate"`
}

// dial places a call. What a repeated command_id is answered is not documented:
// here it is what the first was.
func (c *Carrier) dial(r *http.Request) (any, error) {
	var q dialRequest
	warning, err := readJSON(r, &q)
	if err != nil {
		return nil, err
	}
	if err := q.common.check(); err != nil {
		return nil, err
	}
	if s := c.dialledAs(q.CommandID); s != nil {
		return data(s.dialled()), nil
	}
	o, to, err := q.legFields.order()
	if err != nil {
		return nil, err
	}
	if err := q.complete(c, &o); err != nil {
		return nil, err
	}
	if err := c.mayCall(&o, q.From, to); err != nil {
		return nil, err
	}
	s, err := c.newSession(carriersim.Spec{
		Direction: call.Outbound, From: q.From, To: to, Person: c.PersonAt(to), Status: stateParked,
	}, o, nil)
	if err != nil {
		return nil, err
	}
	if q.CommandID != "" {
		c.mu.Lock()
		c.dialled[q.CommandID] = dialled{s, time.Now()}
		c.mu.Unlock()
	}
	if warning != nil {
		s.Warn("%v", warning)
	}
	q.warn(s)
	doc := s.dialled() // before it moves
	c.Go(func(context.Context) { s.place() })
	return data(doc), nil
}

// complete reads what a transfer does not have.
func (q *dialRequest) complete(c *Carrier, o *order) error {
	o.connection, o.state = q.ConnectionID, q.ClientState
	if q.SendDigits != "" {
		if !dtmf.MatchString(q.SendDigits) {
			return invalid(codeDigits, "send_digits_on_answer", "digits %q", q.SendDigits)
		}
		o.digits = q.SendDigits
	}
	if q.RetryOnTimeout != nil && !*q.RetryOnTimeout {
		o.noAnswer = "no_answer"
	}
	if q.LinkTo != "" {
		c.mu.Lock()
		o.with = c.byID[q.LinkTo]
		c.mu.Unlock()
		if o.with == nil {
			return invalid(codeControlID, "link_to", "there is no such call")
		}
		o.bridgeOnAnswer = q.BridgeOnAnswer
	}
	if q.StreamURL == "" {
		return nil
	}
	var err error
	o.stream, err = c.streamOrder(&q.streamFields, &q.streamExtra)
	return err
}

func (c *Carrier) dialledAs(commandID string) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.dialled[commandID]; d.s != nil && time.Since(d.at) < idempotent {
		return d.s
	}
	return nil
}

// dialled is the answer to a dial, in which nothing is alive yet.
func (s *session) dialled() map[string]any {
	return map[string]any{
		"record_type": "call", "call_control_id": s.ID(), "call_leg_id": s.legID, "call_session_id": s.sessionID,
		"is_alive": false, "client_state": s.clientState(),
	}
}

// mayCall checks the application, the caller id and the number of channels.
func (c *Carrier) mayCall(o *order, from, to string) error {
	app := c.application(o.connection)
	c.mu.Lock()
	defer c.mu.Unlock()
	busy := 0
	for _, s := range c.sessions {
		if s.Direction() == call.Outbound && s.EndedAt().IsZero() {
			busy++
		}
	}
	switch {
	case c.app(o.connection) == nil:
		return invalid(codeBadRequest, "connection_id", "there is no connection %s", o.connection)
	case app.Outbound.ProfileID != c.opt.ProfileID:
		return &apiError{http.StatusForbidden, codeNoProfile, "The connection has no outbound voice profile", ""}
	case e164.MatchString(to) && c.number(from) == nil:
		return &apiError{http.StatusForbidden, codeForbidden, "The origination number " + from + " is not verified", "/from"}
	case c.opt.Channels > 0 && busy >= c.opt.Channels:
		return &apiError{http.StatusForbidden, codeChannels, "The channel limit of the connection is reached", ""}
	}
	return nil
}

// kept is how long an ended call can be asked for.
const kept = 10 * time.Minute

func (c *Carrier) getCall(r *http.Request) (any, error) {
	s, err := c.session(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if ended := s.EndedAt(); !ended.IsZero() && time.Since(ended) > kept {
		return nil, notFound("Call")
	}
	return data(s.resource()), nil
}

// session finds a leg by either of its ids.
func (c *Carrier) session(id string) (*session, error) {
	if !strings.HasPrefix(id, "v3:") {
		return nil, invalid(codeControlID, "call_control_id", "invalid call_control_id %q", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.byID[id]; s != nil {
		return s, nil
	}
	return nil, notFound("Call")
}

// activeCalls lists the live legs of an application.
func (c *Carrier) activeCalls(r *http.Request) (any, error) {
	c.mu.Lock()
	sessions := slices.Clone(c.sessions)
	c.mu.Unlock()
	list := []map[string]any{}
	for _, s := range sessions {
		if s.order.connection != r.PathValue("id") || !s.EndedAt().IsZero() {
			continue
		}
		doc := s.resource()
		for _, name := range []string{"is_alive", "start_time"} {
			delete(doc, name)
		}
		list = append(list, doc)
	}
	return map[string]any{"data": list, "meta": map[string]any{"total_items": len(list), "cursors": map[string]any{"after": nil, "before": nil}}}, nil
}
