package twilio

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

const apiVersion = "2010-04-01"

// manners are Twilio's limits for webhooks (docs: connection overrides).
var manners = carriersim.Policy{
	Connect: 5 * time.Second,
	Read:    15 * time.Second,
	Total:   15 * time.Second,
	Retries: 1,
	Retry:   carriersim.RetryOn("ct"),
}

// webhook makes a signed request with a form. All its tries carry one
// idempotency token.
func (s *session) webhook(kind carriersim.Kind, event, method, target string, form url.Values) *carriersim.Webhook {
	bare, fragment, _ := strings.Cut(target, "#")
	w := &carriersim.Webhook{
		Call: s.Call, Kind: kind, Event: event, Method: method, URL: bare,
		Policy: manners.Override(fragment), SignedBy: []string{signatureHeader},
		Header: http.Header{
			"User-Agent":                 {"TwilioProxy/1.1"},
			"Accept":                     {"*/*"},
			"X-Home-Region":              {"us1"},
			"I-Twilio-Idempotency-Token": {newUUID()},
		},
	}
	if u, err := url.Parse(bare); err == nil && u.User != nil {
		w.User = u.User
		w.URL = strings.Replace(bare, u.User.String()+"@", "", 1)
	}
	var signed url.Values
	if w.Method == http.MethodGet {
		separator := "?"
		if strings.Contains(w.URL, "?") {
			separator = "&"
		}
		w.URL += separator + form.Encode()
	} else {
		w.Method = http.MethodPost
		w.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		w.Body = []byte(form.Encode())
		signed = form
	}
	signature := sign(s.c.opt.AuthToken, w.URL, signed)
	w.Sign = func(h http.Header) { h.Set(signatureHeader, signature) }
	return w
}

// fields are the parameters of a voice request.
func (s *session) fields() url.Values {
	form := url.Values{
		"AccountSid": {s.c.opt.AccountSID}, "ApiVersion": {apiVersion},
		"CallSid": {s.ID()}, "CallStatus": {s.Status()}, "Direction": {s.direction},
		"From": {s.From()}, "Caller": {s.From()}, "To": {s.To()}, "Called": {s.To()},
	}
	for _, side := range []string{"From", "Caller", "To", "Called"} {
		for _, part := range []string{"City", "State", "Zip"} {
			form.Set(side+part, "")
		}
		form.Set(side+"Country", country(form.Get(side)))
	}
	if s.Parent() != "" {
		form.Set("ParentCallSid", s.Parent())
	}
	if s.direction == dirInbound {
		form.Set("StirVerstat", "TN-Validation-Passed-A")
		form.Set("CallToken", s.token)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answeredBy != "" && !s.order.detectAsync {
		form.Set("AnsweredBy", s.answeredBy)
		form.Set("MachineDetectionDuration", s.detectionMS())
	}
	return form
}

func country(address string) string {
	if strings.HasPrefix(address, "+1") {
		return "US"
	}
	return ""
}

// callback posts a status callback for an event, if it was ordered.
func (s *session) callback(status, event string) {
	if s.order.statusURL == "" || !slices.Contains(s.order.events, event) {
		return
	}
	form := s.fields()
	form.Set("CallStatus", status)
	form.Set("Timestamp", rfc2822(time.Now()))
	form.Set("CallbackSource", "call-progress-events")
	s.mu.Lock()
	form.Set("SequenceNumber", strconv.Itoa(s.sequence))
	s.sequence++
	sip := s.sip
	s.mu.Unlock()
	if event == eventCompleted {
		seconds := wholeSeconds(s.Duration())
		form.Set("CallDuration", strconv.Itoa(seconds))
		form.Set("Duration", strconv.Itoa(minutes(seconds)))
		form.Set("SipResponseCode", strconv.Itoa(sip))
	}
	s.Notify(s.webhook(carriersim.KindStatus, status, s.order.statusMethod, s.order.statusURL, form))
}

// wholeSeconds and minutes round up, as Twilio bills.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
func minutes(seconds int) int          { return (seconds + 59) / 60 }

func rfc2822(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700") }

func newUUID() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// with returns form with more fields.
func with(form, more url.Values) url.Values {
	maps.Copy(form, more)
	return form
}
