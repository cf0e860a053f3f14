package twilio

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const (
	maxTwiml      = 4000 // characters
	maxCallback   = 4000
	ringLimit     = 60 // seconds, of a call without Timeout
	longestRing   = 600
	pricePerMin   = 14000 // millionths of a dollar
	maxSendDigits = 32
)

var (
	e164    = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`)
	keys    = regexp.MustCompile(`^[0-9*#wW]*$`)
	address = regexp.MustCompile(`^(sip:[^@\s]+@\S+|client:\S+)$`)
)

func validEvent(name string) bool {
	return slices.Contains([]string{eventInitiated, eventRinging, eventAnswered, eventCompleted}, name)
}

func (c *Carrier) createCall(r *http.Request) (int, any, error) {
	o, err := c.readOrder(r.Form)
	if err != nil {
		return 0, nil, err
	}
	to := r.Form.Get("To")
	s, err := c.newSession(carriersim.Spec{
		Direction: call.Outbound, From: r.Form.Get("From"), To: to, Person: c.PersonAt(to), Status: statusQueued,
	}, dirAPI, o, nil)
	if err != nil {
		return 0, nil, err
	}
	created := s.resource()
	c.Go(func(context.Context) { s.place() })
	return http.StatusCreated, created, nil
}

// readOrder checks the parameters of a new call.
func (c *Carrier) readOrder(form url.Values) (order, error) {
	if err := c.checkParties(form.Get("To"), form.Get("From")); err != nil {
		return order{}, err
	}
	answer, err := readSource(form)
	if err != nil {
		return order{}, err
	}
	answer.kind = carriersim.KindAnswer
	o := order{
		answer: answer, statusURL: form.Get("StatusCallback"), statusMethod: method(form, "StatusCallbackMethod"),
		events: form["StatusCallbackEvent"], digits: form.Get("SendDigits"),
		detection: form.Get("MachineDetection"), detectAsync: strings.EqualFold(form.Get("AsyncAmd"), "true"),
		detectURL: form.Get("AsyncAmdStatusCallback"), detectMethod: method(form, "AsyncAmdStatusCallbackMethod"),
	}
	if len(o.events) == 0 {
		o.events = []string{eventCompleted}
	}
	return o, o.check(form)
}

func (o *order) check(form url.Values) error {
	if err := checkCallback(o.statusURL); err != nil {
		return err
	}
	if err := checkCallback(o.detectURL); err != nil {
		return err
	}
	for _, event := range o.events {
		if !validEvent(event) { // whether Twilio refuses or only warns is not known
			return invalid(codeCallbackEvent, "Invalid StatusCallbackEvent %q", event)
		}
	}
	if !slices.Contains([]string{"", "Enable", "DetectMessageEnd"}, o.detection) {
		return invalid(codeBadRequest, "Invalid MachineDetection %q", o.detection)
	}
	if !keys.MatchString(o.digits) || len(o.digits) > maxSendDigits {
		return invalid(codeBadRequest, "Invalid SendDigits %q", o.digits)
	}
	ring, err := intField(form, "Timeout", ringLimit)
	if err != nil || ring < 1 || ring > longestRing {
		return invalid(codeBadRequest, "Timeout must be 1 to %d seconds", longestRing)
	}
	talk, err := intField(form, "TimeLimit", 0)
	if err != nil || talk < 0 {
		return invalid(codeBadRequest, "Invalid TimeLimit")
	}
	o.timeout, o.limit = time.Duration(ring)*time.Second, time.Duration(talk)*time.Second
	return nil
}

func (c *Carrier) checkParties(to, from string) error {
	switch {
	case to == "":
		return invalid(codeToMissing, "No 'To' number is specified")
	case from == "":
		return invalid(codeFromMissing, "No 'From' number is specified")
	case address.MatchString(to):
		return nil
	case !e164.MatchString(to):
		return invalid(codeInvalidTo, "The phone number you are attempting to call, %s, is not valid.", to)
	case !e164.MatchString(from):
		return invalid(codeInvalidFrom, "The source phone number provided, %s, is not valid.", from)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.number(from) == nil {
		return invalid(codeNotVerified, "The source phone number provided, %s, is not yet verified for your account.", from)
	}
	return nil
}

// readSource reads where the markup of a new call is. A URL wins over markup.
func readSource(form url.Values) (source, error) {
	s := source{
		url: form.Get("Url"), method: method(form, "Method"),
		fallbackURL: form.Get("FallbackUrl"), fallbackMethod: method(form, "FallbackMethod"),
	}
	switch {
	case s.url != "" && !isWebURL(s.url), s.fallbackURL != "" && !isWebURL(s.fallbackURL):
		return s, invalid(codeInvalidURL, "Url is not a valid URL")
	case s.url != "":
		return s, nil
	case form.Get("Twiml") == "":
		return s, invalid(codeInvalidURL, "Url parameter is required.")
	case len([]rune(form.Get("Twiml"))) > maxTwiml:
		return s, invalid(codeBadRequest, "Twiml is longer than %d characters", maxTwiml)
	}
	s.twiml = form.Get("Twiml")
	return s, nil
}

func method(form url.Values, name string) string {
	if strings.EqualFold(form.Get(name), http.MethodGet) {
		return http.MethodGet
	}
	return http.MethodPost
}

func checkCallback(raw string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || !isWebURL(raw) || strings.Contains(u.Hostname(), "_") || len(raw) > maxCallback {
		return invalid(codeCallbackURL, "Invalid StatusCallback %q", raw)
	}
	return nil
}

func (c *Carrier) session(r *http.Request) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.bySID[r.PathValue("sid")]; ok {
		return s, nil
	}
	return nil, notFound(r)
}

func (c *Carrier) getCall(r *http.Request) (int, any, error) {
	s, err := c.session(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.resource(), nil
}

// updateCall hangs up or redirects. A hang-up of a call that is over is
// answered 404.
func (c *Carrier) updateCall(r *http.Request) (int, any, error) {
	s, err := c.session(r)
	if err != nil {
		return 0, nil, err
	}
	if r.Form.Has("Status") {
		err = s.hangUpAsTold(r)
	} else if r.Form.Has("Url") || r.Form.Has("Twiml") {
		err = s.redirectAsTold(r.Form)
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.resource(), nil
}

func (s *session) hangUpAsTold(r *http.Request) error {
	switch status := r.Form.Get("Status"); status {
	case statusCompleted:
	case statusCanceled:
		if s.Answered() {
			return invalid(codeNotInProgress, "Call is in progress and cannot be canceled")
		}
	default:
		return invalid(codeBadRequest, "Invalid Status %q", status)
	}
	if !s.Hangup(hungUpByAPI) {
		return notFound(r)
	}
	return nil
}

func (s *session) redirectAsTold(form url.Values) error {
	if form.Has("Url") && form.Has("Twiml") {
		return invalid(codeBadRequest, "Url and Twiml exclude each other")
	}
	to, err := readSource(form)
	if err != nil {
		return err
	}
	to.kind = carriersim.KindAction
	if !s.redirect(to) {
		return invalid(codeNotInProgress, "Call is not in-progress. Cannot redirect.")
	}
	return nil
}

// deleteCall removes the record of a call that is over.
func (c *Carrier) deleteCall(r *http.Request) (int, any, error) {
	s, err := c.session(r)
	if err != nil {
		return 0, nil, err
	}
	if s.EndedAt().IsZero() {
		return 0, nil, invalid(codeNotFinished, "Call is not finished")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.bySID, s.ID())
	c.sessions = slices.DeleteFunc(c.sessions, func(o *session) bool { return o == s })
	return http.StatusNoContent, nil, nil
}

// listCalls lists the newest first.
func (c *Carrier) listCalls(r *http.Request) (int, any, error) {
	list := []callResource{}
	c.mu.Lock()
	sessions := slices.Clone(c.sessions)
	c.mu.Unlock()
	for _, s := range slices.Backward(sessions) {
		fits, err := s.fits(r.Form)
		if err != nil {
			return 0, nil, err
		}
		if fits {
			list = append(list, s.resource())
		}
	}
	doc, err := page(r, "calls", list)
	return http.StatusOK, doc, err
}

// fits applies the filters of a list.
func (s *session) fits(form url.Values) (bool, error) {
	fits := true
	for name, value := range map[string]string{"To": s.To(), "From": s.From(), "ParentCallSid": s.Parent(), "Status": s.Status()} {
		fits = fits && (!form.Has(name) || form.Get(name) == value)
	}
	for name, at := range map[string]time.Time{"StartTime": s.startedAt(), "EndTime": s.EndedAt()} {
		for _, relation := range []string{"", "<", ">"} {
			if !form.Has(name + relation) {
				continue
			}
			limit, err := readTime(form.Get(name + relation))
			if err != nil {
				return false, invalid(codeBadRequest, "Invalid %s", name)
			}
			switch {
			case at.IsZero():
				fits = false
			case relation == "<":
				fits = fits && !at.After(limit)
			case relation == ">":
				fits = fits && !at.Before(limit)
			default:
				fits = fits && at.UTC().Truncate(24*time.Hour).Equal(limit.Truncate(24*time.Hour))
			}
		}
	}
	return fits, nil
}

// readTime takes a day or a moment.
func readTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, s)
}

// startedAt is when the call left the queue. Twilio shows the start of a call
// that was never answered, too.
func (s *session) startedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.created.Add(s.queued)
}

// callResource is a call as the API shows it. What Twilio shows as text is text.
type callResource struct {
	SID            string            `json:"sid"`
	AccountSID     string            `json:"account_sid"`
	ParentCallSID  *string           `json:"parent_call_sid"`
	To             string            `json:"to"`
	ToFormatted    string            `json:"to_formatted"`
	From           string            `json:"from"`
	FromFormatted  string            `json:"from_formatted"`
	PhoneNumberSID string            `json:"phone_number_sid"`
	Status         string            `json:"status"`
	Direction      string            `json:"direction"`
	StartTime      *string           `json:"start_time"`
	EndTime        *string           `json:"end_time"`
	Duration       *string           `json:"duration"`
	Price          *string           `json:"price"`
	PriceUnit      string            `json:"price_unit"`
	AnsweredBy     *string           `json:"answered_by"`
	APIVersion     string            `json:"api_version"`
	ForwardedFrom  *string           `json:"forwarded_from"`
	GroupSID       *string           `json:"group_sid"`
	CallerName     *string           `json:"caller_name"`
	QueueTime      string            `json:"queue_time"`
	TrunkSID       *string           `json:"trunk_sid"`
	DateCreated    string            `json:"date_created"`
	DateUpdated    string            `json:"date_updated"`
	URI            string            `json:"uri"`
	Subresources   map[string]string `json:"subresource_uris"`
}

func (s *session) resource() callResource {
	status, answered, ended, duration := s.Status(), s.AnsweredAt(), s.EndedAt(), s.Duration()
	s.mu.Lock()
	defer s.mu.Unlock()
	base := s.c.path("/Calls/" + s.ID())
	r := callResource{
		SID: s.ID(), AccountSID: s.c.opt.AccountSID, ParentCallSID: text(s.Parent()), To: s.To(), ToFormatted: s.To(),
		From: s.From(), FromFormatted: s.From(), PhoneNumberSID: s.numberSID, Status: status, Direction: s.direction,
		PriceUnit: "USD", AnsweredBy: text(s.answeredBy), APIVersion: apiVersion,
		QueueTime:   strconv.FormatInt(s.queued.Milliseconds(), 10),
		DateCreated: rfc2822(s.created), DateUpdated: rfc2822(s.updated), URI: base + ".json",
		Subresources: map[string]string{"streams": base + "/Streams.json", "recordings": base + "/Recordings.json"},
	}
	if !answered.IsZero() || !ended.IsZero() {
		r.StartTime = text(rfc2822(s.created.Add(s.queued)))
	}
	if ended.IsZero() {
		return r
	}
	r.EndTime = text(rfc2822(ended))
	if answered.IsZero() {
		return r
	}
	seconds := wholeSeconds(duration)
	r.Duration = text(strconv.Itoa(seconds))
	if time.Since(ended) > s.c.opt.PriceAfter {
		r.Price = text("-" + strconv.FormatFloat(float64(minutes(seconds)*pricePerMin)/1e6, 'f', 5, 64))
	}
	return r
}

// text is a JSON string, or null for an empty one.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
