package plivoswitch

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func (s *Switch) session(r *http.Request) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.byID[r.PathValue("id")]; ok {
		return c, nil
	}
	return nil, notFound()
}

func (s *Switch) newestFirst() []*session {
	s.mu.Lock()
	list := slices.Clone(s.sessions)
	s.mu.Unlock()
	slices.Reverse(list)
	return list
}

// getCall shows a call that is live, or queued, or over, as status says.
func (s *Switch) getCall(r *http.Request) (int, Doc, error) {
	c, err := s.session(r)
	if err != nil {
		return 0, nil, err
	}
	switch status := r.URL.Query().Get("status"); {
	case status == "live" && c.live(), status == "queued" && c.queued():
		return http.StatusOK, c.resource(), nil
	case status == "" && c.recorded():
		return http.StatusOK, s.detail(c.record()), nil
	case status != "live" && status != "queued" && status != "":
		return 0, nil, invalid("status must be live or queued")
	}
	return 0, nil, notFound()
}

func (s *session) queued() bool { return s.EndedAt().IsZero() && s.Status() == statusQueued }

// resource is a call that is not over. What the gateway dialled is shown as it
// wrote it.
func (s *session) resource() Doc {
	doc := Doc{
		"call_status": s.Status(), "call_uuid": s.ID(), "caller_name": "", "direction": string(s.Direction()),
		"from": s.From(), "to": s.To(), "request_uuid": s.ID(), "stir_verification": "Not Applicable", "stir_attestation": "Not Applicable",
		"session_start": s.created.UTC().Format("2006-01-02 15:04:05.000000"),
	}
	if s.order.to != "" {
		doc["from"], doc["to"] = s.order.from, s.order.to
	}
	return doc
}

// detail is the record of a call in Plivo's form, without a word for its status.
func (s *Switch) detail(r Record) Doc {
	state := strings.ToUpper(strings.ReplaceAll(r.End.Word, "-", "_"))
	var answered any
	if !r.Answered.IsZero() {
		answered, state = zonedTime(r.Answered), "ANSWER"
	}
	return Doc{
		"answer_time": answered, "bill_duration": r.Talk, "billed_duration": r.Minutes * 60, "call_direction": string(r.Direction),
		"call_duration": r.Duration, "call_state": state, "call_uuid": r.ID, "conference_uuid": nil, "parent_call_uuid": orNull(r.Parent),
		"initiation_time": zonedTime(r.Placed), "end_time": zonedTime(r.Ended), "from_number": r.From, "to_number": r.To,
		"hangup_cause_code": r.End.Code, "hangup_cause_name": r.End.Name, "hangup_source": r.End.Source,
		"total_amount": s.m.Amount(r.Cost), "total_rate": s.m.Amount(r.Rate), "resource_uri": s.path("/Call/" + r.ID + "/"),
		"stir_verification": "Not Applicable", "stir_attestation": "Not Applicable",
	}
}

// path is the path of a resource of the account.
func (s *Switch) path(tail string) string {
	return strings.Replace(s.api.Base, "{account}", s.m.Account.Owner(), 1) + tail
}

func zonedTime(t time.Time) string { return t.In(Zone).Format("2006-01-02 15:04:05-07:00") }

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// ListCalls lists the ids of live or queued calls, or the records of those that
// are over, the newest first.
func (s *Switch) ListCalls(r *http.Request) (int, Doc, error) {
	q := r.URL.Query()
	status := q.Get("status")
	if status != "" && status != "live" && status != "queued" {
		return 0, nil, invalid("status must be live or queued")
	}
	ids, details := []string{}, []Doc{}
	for _, c := range s.newestFirst() {
		same := func(name, value string) bool { return !q.Has(name) || bare(q.Get(name)) == bare(value) }
		if !same("call_direction", string(c.Direction())) || !same("from_number", c.From()) || !same("to_number", c.To()) {
			continue
		}
		switch {
		case status == "live" && c.live(), status == "queued" && c.queued():
			ids = append(ids, c.ID())
		case status == "" && c.recorded():
			record := c.record()
			fits, err := record.fits(q)
			if err != nil {
				return 0, nil, err
			}
			if fits {
				details = append(details, s.detail(record))
			}
		}
	}
	if status != "" {
		return http.StatusOK, Doc{"calls": ids}, nil
	}
	doc, err := Page(r, details)
	return http.StatusOK, doc, err
}

// fits applies the filters of records.
func (r *Record) fits(q map[string][]string) (bool, error) {
	for name, value := range map[string]string{
		"parent_call_uuid": r.Parent, "hangup_cause_code": strconv.Itoa(r.End.Code), "hangup_source": r.End.Source,
	} {
		if want, ok := q[name]; ok && want[0] != value {
			return false, nil
		}
	}
	for relation, holds := range map[string]func(order int) bool{
		"": func(o int) bool { return o == 0 }, "__lt": func(o int) bool { return o < 0 }, "__lte": func(o int) bool { return o <= 0 },
		"__gt": func(o int) bool { return o > 0 }, "__gte": func(o int) bool { return o >= 0 },
	} {
		if want, ok := q["end_time"+relation]; ok {
			limit, err := readTime(want[0])
			if err != nil {
				return false, invalid("end_time%s: %v", relation, err)
			}
			if !holds(r.Ended.Compare(limit)) {
				return false, nil
			}
		}
		if want, ok := q["bill_duration"+relation]; ok {
			limit, err := strconv.Atoi(want[0])
			if err != nil {
				return false, invalid("bill_duration%s: %v", relation, err)
			}
			if !holds(r.Talk - limit) {
				return false, nil
			}
		}
	}
	return true, nil
}

// readTime reads the time of a filter. That it is in UTC is not known for certain.
func readTime(s string) (t time.Time, err error) {
	for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02 15:04", time.DateOnly} {
		if t, err = time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return t, err
}

// hangUpCall ends a call. One that is over is not there any more.
func (s *Switch) hangUpCall(r *http.Request) (int, Doc, error) {
	c, err := s.session(r)
	if err != nil {
		return 0, nil, err
	}
	if !c.Hangup(byAPI) {
		return 0, nil, notFound()
	}
	return http.StatusNoContent, nil, nil
}

// cancelCall takes a call out of the queue.
func (s *Switch) cancelCall(r *http.Request) (int, Doc, error) {
	c, err := s.session(r)
	if err != nil {
		return 0, nil, err
	}
	if !c.queued() || !c.Hangup(byAPI) {
		return 0, nil, notFound()
	}
	return http.StatusNoContent, nil, nil
}

// transferCall moves the calling leg of a call in progress to another document.
func (s *Switch) transferCall(r *http.Request) (int, Doc, error) {
	c, err := s.session(r)
	if err != nil {
		return 0, nil, err
	}
	p, err := readParams(r)
	if err != nil {
		return 0, nil, err
	}
	switch p["legs"] {
	case "", "aleg":
	case "bleg", "both":
		return 0, nil, invalid("legs %s is not simulated", p["legs"])
	default:
		return 0, nil, invalid("legs must be aleg, bleg or both")
	}
	to, err := p.hook("aleg_url", "aleg_method")
	if err != nil {
		return 0, nil, err
	}
	if to.url == "" {
		return 0, nil, invalid("aleg_url is mandatory")
	}
	if !c.redirect(source{hook: to, kind: carriersim.KindAction, event: "Redirect"}) {
		return 0, nil, notFound()
	}
	return http.StatusAccepted, Doc{"message": "call transferred"}, nil
}

// pressKeys presses keys towards the person.
func (s *Switch) pressKeys(r *http.Request) (int, Doc, error) {
	c, err := s.session(r)
	if err != nil {
		return 0, nil, err
	}
	p, err := readParams(r)
	if err != nil {
		return 0, nil, err
	}
	if p["digits"] == "" || !keys.MatchString(p["digits"]) {
		return 0, nil, invalid("digits %q", p["digits"])
	}
	if c.Status() != statusInProgress {
		return 0, nil, notFound()
	}
	c.HearKeys(p["digits"])
	return http.StatusAccepted, Doc{"message": "digits sent"}, nil
}

// Busy counts the calls that are not over.
func (s *Switch) Busy() int {
	n := 0
	for _, c := range s.newestFirst() {
		if c.EndedAt().IsZero() {
			n++
		}
	}
	return n
}
