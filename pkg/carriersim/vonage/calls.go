package vonage

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// Limits of a call, in seconds.
const (
	ringLimit   = 60
	longestRing = 120
	lengthLimit = 7200
	longest     = 86400
)

// longestCall is how long a call may last that names no limit.
const longestCall = lengthLimit * time.Second

var (
	digits = regexp.MustCompile(`^\d{7,15}$`)
	keys   = regexp.MustCompile(`^[0-9*#p]*$`)
)

// callRequest is the body that places a call.
type callRequest struct {
	To           []endpoint      `json:"to"`
	From         *party          `json:"from"`
	RandomFrom   bool            `json:"random_from_number"`
	NCCO         json.RawMessage `json:"ncco"`
	AnswerURL    []string        `json:"answer_url"`
	AnswerMethod string          `json:"answer_method"`
	EventURL     []string        `json:"event_url"`
	EventMethod  string          `json:"event_method"`
	Detection    string          `json:"machine_detection"`
	Advanced     *detection      `json:"advanced_machine_detection"`
	LengthTimer  *int            `json:"length_timer"`
	RingingTimer *int            `json:"ringing_timer"`
}

// detection says what to do about answering machines.
type detection struct {
	Behavior    string `json:"behavior"`
	Mode        string `json:"mode"`
	BeepTimeout int    `json:"beep_timeout"`
}

func (d *detection) check() error {
	switch {
	case d.Behavior != "continue" && d.Behavior != "hangup":
		return invalid("machine_detection", "behavior %q", d.Behavior)
	case !slices.Contains([]string{"", "default", "detect", "detect_beep"}, d.Mode):
		return invalid("machine_detection", "mode %q", d.Mode)
	case d.BeepTimeout != 0 && (d.BeepTimeout < 45 || d.BeepTimeout > 120):
		return invalid("machine_detection", "beep_timeout must be 45 to 120")
	}
	return nil
}

func (c *Carrier) createCall(r *http.Request, app string) (int, any, error) {
	var q callRequest
	if err := readJSON(r, &q); err != nil {
		return 0, nil, err
	}
	o, err := q.order(c.application(app))
	if err != nil {
		return 0, nil, err
	}
	o.host = r.Host
	from, err := c.callerID(&q)
	if err != nil {
		return 0, nil, err
	}
	if !c.mayCall(time.Now()) {
		return 0, nil, &apiError{http.StatusTooManyRequests, "Rate Limit Hit", "Please wait, then retry your request", nil}
	}
	to := q.To[0].party().name()
	s, err := c.newSession(carriersim.Spec{
		Direction: call.Outbound, From: from, To: to, Person: c.PersonAt(to), Status: statusStarted,
	}, o)
	if err != nil {
		return 0, nil, err
	}
	if !c.owns(from) {
		s.Warn("caller id %s is not a number of this account", from)
	}
	f := s.facts() // before it moves
	c.Go(func(context.Context) { s.place() })
	return http.StatusCreated, map[string]any{
		"uuid": f.uuid, "status": statusStarted, "direction": f.direction, "conversation_uuid": f.conversation,
	}, nil
}

// order reads what is to be done.
func (q *callRequest) order(app *application) (order, error) {
	o := order{app: app.id, answer: script{kind: carriersim.KindAnswer, hook: app.answer.to(q.AnswerURL, methodOr(q.AnswerMethod, http.MethodGet)), fallback: app.fallback}}
	if len(q.EventURL) > 0 {
		o.events = app.event.to(q.EventURL, q.EventMethod)
	}
	if len(q.To) != 1 {
		return o, invalid("to", "exactly one endpoint")
	}
	if err := q.To[0].check(); err != nil {
		return o, invalid("to", "%v", err)
	}
	if q.To[0].Type == "websocket" {
		return o, invalid("to", "a call to a websocket is not simulated")
	}
	o.digits = q.To[0].DTMFAnswer
	if (len(q.NCCO) > 0) == (len(q.AnswerURL) > 0) {
		return o, invalid("ncco", "either ncco or answer_url")
	}
	if len(q.NCCO) > 0 {
		actions, warnings, err := parseNCCO(q.NCCO)
		if err != nil {
			return o, invalid("ncco", "%v", err)
		}
		o.answer = script{actions: actions, warnings: warnings}
	}
	for _, list := range [][]string{q.AnswerURL, q.EventURL} {
		if len(list) > 1 || len(list) == 1 && !isWebURL(list[0]) {
			return o, invalid("answer_url, event_url", "one URL")
		}
	}
	var err error
	if o.ring, err = within("ringing_timer", q.RingingTimer, ringLimit, longestRing); err != nil {
		return o, err
	}
	if o.limit, err = within("length_timer", q.LengthTimer, lengthLimit, longest); err != nil {
		return o, err
	}
	o.detect = q.Advanced
	if o.detect == nil && q.Detection != "" {
		o.detect = &detection{Behavior: q.Detection}
	}
	if o.detect != nil {
		return o, o.detect.check()
	}
	return o, nil
}

func methodOr(method, fallback string) string {
	if method == "" {
		return fallback
	}
	return method
}

// within reads a number of seconds from 1 to most.
func within(field string, n *int, fallback, most int) (time.Duration, error) {
	if n == nil {
		n = &fallback
	}
	if *n < 1 || *n > most {
		return 0, invalid(field, "must be 1 to %d", most)
	}
	return time.Duration(*n) * time.Second, nil
}

func (c *Carrier) callerID(q *callRequest) (string, error) {
	switch {
	case q.RandomFrom == (q.From != nil):
		return "", invalid("from", "either from or random_from_number")
	case q.RandomFrom:
		return c.Numbers()[0], nil
	case q.From.Type != "phone" || !digits.MatchString(q.From.Number):
		return "", invalid("from", "%q is not a phone number", q.From.Number)
	}
	return q.From.Number, nil
}

// owns reports whether a number is the account's.
func (c *Carrier) owns(msisdn string) bool { return slices.Contains(c.Numbers(), msisdn) }

// leg returns the leg that a request names, if it lives where the request was
// sent to.
func (c *Carrier) leg(r *http.Request) (leg, facts, error) {
	c.mu.Lock()
	legs := slices.Clone(c.legs)
	c.mu.Unlock()
	for _, l := range legs {
		if f := l.facts(); f.uuid == r.PathValue("uuid") && f.host == r.Host {
			return l, f, nil
		}
	}
	return nil, facts{}, notFound("Call")
}

func (c *Carrier) getCall(r *http.Request, _ string) (int, any, error) {
	_, f, err := c.leg(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, f.resource(), nil
}

// updateCall hangs up or transfers. What is over is not found.
func (c *Carrier) updateCall(r *http.Request, _ string) (int, any, error) {
	l, f, err := c.leg(r)
	if err != nil {
		return 0, nil, err
	}
	var q struct {
		Action      string `json:"action"`
		Destination struct {
			Type string          `json:"type"`
			URL  []string        `json:"url"`
			NCCO json.RawMessage `json:"ncco"`
		} `json:"destination"`
	}
	if err := readJSON(r, &q); err != nil {
		return 0, nil, err
	}
	switch q.Action {
	case "hangup":
		if !f.ended.IsZero() || !l.Hangup(hungUpByAPI) {
			return 0, nil, notFound("Call")
		}
		return http.StatusNoContent, nil, nil
	case "transfer":
		if q.Destination.Type != "ncco" || (len(q.Destination.NCCO) > 0) == (len(q.Destination.URL) == 1) {
			return 0, nil, invalid("destination", "type ncco and either url or ncco")
		}
		to := script{kind: carriersim.KindAction, hook: hook{}.to(q.Destination.URL, http.MethodGet)}
		if len(q.Destination.NCCO) > 0 {
			if to.actions, to.warnings, err = parseNCCO(q.Destination.NCCO); err != nil {
				return 0, nil, invalid("destination", "%v", err)
			}
		}
		s, ok := l.(*session)
		if !ok {
			return 0, nil, invalid("uuid", "a websocket cannot be transferred")
		}
		return http.StatusNoContent, nil, s.transfer(to)
	}
	return 0, nil, invalid("action", "%q is unknown or not simulated", q.Action)
}

// sendDTMF presses keys towards the person.
func (c *Carrier) sendDTMF(r *http.Request, _ string) (int, any, error) {
	l, f, err := c.leg(r)
	if err != nil {
		return 0, nil, err
	}
	var q struct {
		Digits string `json:"digits"`
	}
	if err := readJSON(r, &q); err != nil {
		return 0, nil, err
	}
	s, isPhone := l.(*session)
	switch {
	case !isPhone || f.answered.IsZero() || !f.ended.IsZero():
		return 0, nil, notFound("Call")
	case q.Digits == "" || !keys.MatchString(q.Digits):
		return 0, nil, invalid("digits", "0-9, *, #, p")
	}
	s.HearKeys(strings.ReplaceAll(q.Digits, "p", ""))
	return http.StatusOK, map[string]any{"message": "DTMF sent", "uuid": f.uuid}, nil
}

// listCalls lists the oldest first, as order=asc says; desc turns it around.
func (c *Carrier) listCalls(r *http.Request, _ string) (int, any, error) {
	q := r.URL.Query()
	size, at := 10, 0
	for name, into := range map[string]*int{"page_size": &size, "record_index": &at} {
		if q.Has(name) {
			n, err := strconv.Atoi(q.Get(name))
			if err != nil || n < 0 || name == "page_size" && (n < 1 || n > 100) {
				return 0, nil, invalid(name, "out of range")
			}
			*into = n
		}
	}
	c.mu.Lock()
	legs := slices.Clone(c.legs)
	c.mu.Unlock()
	found := []map[string]any{}
	for _, l := range legs {
		f := l.facts()
		if (!q.Has("status") || q.Get("status") == f.status) &&
			(!q.Has("conversation_uuid") || q.Get("conversation_uuid") == f.conversation) &&
			f.within(q.Get("date_start"), q.Get("date_end")) {
			found = append(found, f.resource())
		}
	}
	if q.Get("order") == "desc" {
		slices.Reverse(found)
	}
	start := min(at, len(found))
	return http.StatusOK, map[string]any{
		"count": len(found), "page_size": size, "record_index": at,
		"_links":    map[string]any{"self": map[string]any{"href": r.URL.RequestURI()}},
		"_embedded": map[string]any{"calls": append([]map[string]any{}, found[start:min(start+size, len(found))]...)},
	}, nil
}

// within filters by the start of the leg; "" is open.
func (f *facts) within(from, to string) bool {
	start, err := time.Parse(time.RFC3339, from)
	if from != "" && (err != nil || f.created.Before(start)) {
		return false
	}
	end, err := time.Parse(time.RFC3339, to)
	return to == "" || err == nil && !f.created.After(end)
}
