package plivoswitch

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// webhook makes a signed request with a form.
func (s *session) webhook(kind carriersim.Kind, event string, to hook, form url.Values, p carriersim.Policy) *carriersim.Webhook {
	target, fragment, _ := strings.Cut(to.url, "#")
	w := &carriersim.Webhook{
		Call: s.Call, Kind: kind, Event: event, Method: to.method, URL: target, Policy: p, Header: s.c.m.Headers.Clone(),
	}
	if s.c.m.Fragments {
		w.Policy = p.Override(fragment)
	}
	if u, err := url.Parse(target); err == nil && u.User != nil {
		w.User = u.User
		w.URL = strings.Replace(target, u.User.String()+"@", "", 1)
	}
	if w.Method == http.MethodGet {
		separator := "?"
		if strings.Contains(w.URL, "?") {
			separator = "&"
		}
		w.URL += separator + form.Encode()
	} else {
		w.Method = http.MethodPost
		w.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w.Body = []byte(form.Encode())
	}
	if s.c.m.HTTPHeaders && kind == carriersim.KindStatus {
		addHeaders(w.Header, s.order.headers)
	}
	s.c.m.Sign(w)
	return w
}

// addHeaders adds custom headers in Vobiz' way.
func addHeaders(h http.Header, list string) {
	names, values := pairs(list)
	for i, name := range names {
		h.Set("X-VH-"+name, values[i])
	}
}

// callback queues a callback with the fields of the call, if there is a URL for it.
func (s *session) callback(kind carriersim.Kind, to hook, event string, more url.Values) {
	if to.url == "" {
		return
	}
	form := s.fields(event)
	for name, values := range more {
		form[name] = values
	}
	s.Notify(s.webhook(kind, event, to, form, s.c.m.Status))
}

// fields are those that every callback of a call has.
func (s *session) fields(event string) url.Values {
	form := url.Values{
		"CallUUID": {s.ID()}, "From": {s.From()}, "To": {s.To()}, "Direction": {string(s.Direction())},
		"CallStatus": {s.Status()}, "Event": {event}, "ParentAuthID": {s.c.m.Account.ID},
		"SessionStart": {s.created.In(s.c.m.StartZone).Format("2006-01-02 15:04:05.000000")},
		"BillRate":     {s.c.m.Amount(s.rate())},
	}
	if s.Direction() == call.Inbound {
		form.Set("CallerName", "+"+bare(s.From()))
	} else {
		for _, name := range []string{"RequestUUID", "ALegUUID", "ALegRequestUUID"} {
			form.Set(name, s.ID())
		}
	}
	if strings.HasPrefix(s.To(), "sip:") {
		form.Set("SIP-H-To", "<"+s.To()+">;tag=1")
	}
	if !s.c.m.HTTPHeaders {
		names, values := pairs(s.order.headers)
		for i, name := range names {
			form.Set("X-PH-"+name, values[i])
		}
	}
	s.c.m.Complete(form)
	return form
}

// hangupFields are added to them at the end.
func (s *session) hangupFields(e End) url.Values {
	r := s.record()
	form := url.Values{
		"StartTime": {localTime(r.Placed)}, "AnswerTime": {""}, "EndTime": {localTime(r.Ended)},
		"Duration": {strconv.Itoa(r.Duration)}, "BillDuration": {strconv.Itoa(r.Talk)}, "TotalCost": {s.c.m.Amount(r.Cost)},
		"HangupCause": {e.Cause}, "HangupCauseCode": {strconv.Itoa(e.Code)}, "HangupCauseName": {e.Name}, "HangupSource": {e.Source},
	}
	if !r.Answered.IsZero() {
		form.Set("AnswerTime", localTime(r.Answered))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machine {
		form.Set("Machine", "true")
	}
	return form
}

// localTime is a time as callbacks write it: without its zone.
func localTime(t time.Time) string { return t.In(Zone).Format(time.DateTime) }
