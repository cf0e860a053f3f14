package telnyx

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
)

// orders are the commands by their names. Those that work before the answer are
// in early.
var orders = map[string]func(s *session, body []byte) error{
	"answer":              (*session).cmdAnswer,
	"reject":              (*session).cmdReject,
	"hangup":              (*session).cmdHangup,
	"client_state_update": (*session).cmdState,
	"send_dtmf":           (*session).cmdDTMF,
	"streaming_start":     (*session).cmdStreamingStart,
	"streaming_stop":      (*session).cmdStreamingStop,
	"speak":               (*session).cmdSpeak,
	"playback_start":      (*session).cmdPlay,
	"playback_stop":       (*session).cmdStopPlay,
	"transfer":            (*session).cmdTransfer,
	"bridge":              (*session).cmdBridge,
}

var early = map[string]bool{"answer": true, "reject": true, "hangup": true, "client_state_update": true, "transfer": true}

// command runs one command. That it is accepted does not say that it will work.
func (c *Carrier) command(r *http.Request) (any, error) {
	name := r.PathValue("command")
	run := orders[name]
	if run == nil || (name == "client_state_update") != (r.Method == http.MethodPut) {
		return nil, notFound("Command")
	}
	s, err := c.session(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var q common
	if _, err := decode(body, &q); err != nil {
		return nil, err
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	done := data(map[string]string{"result": "ok"})
	switch again, err := s.admit(name, &q); {
	case err != nil:
		return nil, err
	case again:
		return done, nil
	}
	if err := run(s, body); err != nil {
		return nil, err
	}
	return done, nil
}

var errEnded = &apiError{http.StatusUnprocessableEntity, codeEnded, "Call has already ended", "/call_control_id"}

// admit decides whether a command may run now, and takes note of it. A repeated
// command_id is passed over.
func (s *session) admit(name string, q *common) (again bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.commands[q.CommandID]; ok && q.CommandID != "" && time.Since(at) < idempotent {
		return true, nil
	}
	switch {
	case s.over || s.Context().Err() != nil:
		return false, errEnded
	case !early[name] && !s.Answered():
		return false, &apiError{http.StatusUnprocessableEntity, codeNotAnswered, "This call has not been answered yet", "/call_control_id"}
	}
	if q.CommandID != "" {
		s.commands[q.CommandID] = time.Now()
	}
	if q.ClientState != "" {
		s.state = q.ClientState
	}
	s.commanded = true
	return false, nil
}

// parse reads the body of a command, and warns of what is not known in it.
func (s *session) parse(body []byte, into any) error {
	warning, err := decode(body, into)
	if warning != nil {
		s.Warn("%v", warning)
	}
	return err
}

// cmdAnswer answers. Where there is a stream to be opened, too, it has neither a
// token nor a rate of its own.
func (s *session) cmdAnswer(body []byte) error {
	var q struct {
		common
		hookFields
		streamFields
		unsimulatedFields
		PreferredCodecs string `json:"preferred_codecs"`
		SendSilence     bool   `json:"send_silence_when_idle"`
		CustomHeaders   any    `json:"custom_headers"`
		SIPHeaders      any    `json:"sip_headers"`
		BillingGroupID  string `json:"billing_group_id"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	if s.Direction() == call.Outbound {
		return &apiError{http.StatusUnprocessableEntity, codeOutboundLeg, "Answer was issued on an outbound leg", "/call_control_id"}
	}
	if err := q.hookFields.check(); err != nil {
		return err
	}
	var stream *streamOrder
	if q.StreamURL != "" {
		var err error
		if stream, err = s.c.streamOrder(&q.streamFields, &streamExtra{}); err != nil {
			return err
		}
	}
	s.divert(&q.hookFields)
	q.warn(s)
	if !s.answer() {
		if s.Context().Err() != nil {
			return errEnded
		}
		return invalid(codeBadRequest, "call_control_id", "The call is answered already")
	}
	if stream != nil {
		return s.openStream(stream)
	}
	return nil
}

// divert changes where the webhooks of the leg go.
func (s *session) divert(h *hookFields) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.WebhookURL != "" {
		s.hooks.WebhookURL = h.WebhookURL
	}
	if h.WebhookURLs != nil {
		s.hooks.WebhookURLs = h.WebhookURLs
	}
	if h.WebhookRetries != nil {
		s.hooks.WebhookRetries = h.WebhookRetries
	}
}

func (s *session) cmdReject(body []byte) error {
	var q struct {
		common
		Cause string `json:"cause"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	why, ok := map[string]*cause{
		"CALL_REJECTED": {"call_rejected", "callee", "603"}, "USER_BUSY": {"user_busy", "callee", "486"},
	}[q.Cause]
	if !ok {
		return invalid(codeEnum, "cause", "must be CALL_REJECTED or USER_BUSY")
	}
	if s.Direction() == call.Outbound || s.Answered() {
		return invalid(codeBadRequest, "call_control_id", "Only a parked call can be rejected")
	}
	s.refuse(why)
	if !s.Hangup("gateway") {
		return errEnded
	}
	return nil
}

func (s *session) cmdHangup(body []byte) error {
	var q struct {
		common
		CustomHeaders any `json:"custom_headers"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	if !s.Hangup(hungUpByAPI) {
		return errEnded
	}
	return nil
}

// cmdState has nothing to do: every command may bring a new client_state.
func (s *session) cmdState(body []byte) error {
	var q common
	return s.parse(body, &q)
}

func (s *session) cmdDTMF(body []byte) error {
	var q struct {
		common
		Digits   string `json:"digits"`
		Duration *int   `json:"duration_millis"`
	}
	if err := s.parse(body, &q); err != nil {
		return err
	}
	switch {
	case !dtmf.MatchString(q.Digits):
		return invalid(codeDigits, "digits", "digits must be of 0-9, A-D, *, #, w, W")
	case q.Duration != nil && (*q.Duration < 100 || *q.Duration > 500):
		return invalid(codeRange, "duration_millis", "must be 100 to 500")
	}
	s.HearKeys(strings.NewReplacer("w", "", "W", "").Replace(q.Digits))
	return nil
}
