package cloudonix

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// manners: how long the carrier waits, and that it ever tries again, is not
// documented.
var manners = carriersim.Policy{Connect: 5 * time.Second, Read: 10 * time.Second, Total: 10 * time.Second}

// post makes a request with a JSON body.
func (s *session) post(kind carriersim.Kind, event, target string, body any) *carriersim.Webhook {
	text, _ := json.Marshal(body) // texts, numbers, lists
	return &carriersim.Webhook{
		Call: s.Call, Kind: kind, Event: event, Method: http.MethodPost, URL: target, Body: text, Policy: manners,
		Header: http.Header{"User-Agent": {"Cloudonix"}, "Content-Type": {"application/json"}},
	}
}

// identified adds the headers by which a request can be recognised, and the
// key of the domain, if it has one.
func (s *session) identified(w *carriersim.Webhook, source string) *carriersim.Webhook {
	w.Header.Set("X-CX-Domain", s.c.Domain())
	w.Header.Set("X-CX-Session", s.ID())
	w.Header.Set("X-CX-Source", source)
	s.c.mu.Lock()
	key := s.c.domain.get(profileKey)
	s.c.mu.Unlock()
	if key != "" {
		w.Header.Set("Authorization", "Bearer "+key)
		w.SignedBy = append(w.SignedBy, "Authorization")
	}
	return w
}

// question asks an application what to do: in JSON by POST, in the query by GET.
func (s *session) question(kind carriersim.Kind, app *application, more doc) *carriersim.Webhook {
	fields := s.fields()
	maps.Copy(fields, more)
	w := s.post(kind, fmt.Sprint(fields["CallStatus"]), app.URL, fields)
	if app.Method == http.MethodGet {
		delete(fields, "SessionData") // whether it is in the query is not known
		query := url.Values{}
		for name, value := range fields {
			query.Set(name, fmt.Sprint(value))
		}
		separator := "?"
		if strings.Contains(app.URL, "?") {
			separator = "&"
		}
		w.Method, w.URL, w.Body = http.MethodGet, app.URL+separator+query.Encode(), nil
		w.Header.Del("Content-Type")
	}
	w.Header.Set("X-CX-APIKey", app.key)
	w.SignedBy = []string{"X-CX-APIKey"}
	return s.identified(w, "voice-application")
}

// fields are the parameters of a voice request.
func (s *session) fields() doc {
	status := wordRinging
	if s.Answered() {
		status = "in-progress"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fields := doc{
		"CallSid": s.callSID, "Session": s.ID(), "Domain": s.c.Domain(), "AccountSid": s.c.opt.Domain, "ApiVersion": "2010-04-01",
		"From": s.From(), "To": s.To(), "CallerName": "", "Direction": s.direction, "CallStatus": status,
		"SessionData": doc{"token": s.ID(), "profile": s.profile()},
	}
	if s.answeredBy != "" && !s.order.detectAsync { // as Twilio does it
		fields["AnsweredBy"] = s.answeredBy
		fields["MachineDetectionDuration"] = s.detectionMS()
	}
	return fields
}

func (s *session) detectionMS() string {
	return strconv.FormatInt(s.c.opt.DetectAfter.Milliseconds(), 10)
}

// tell sends an update, if somebody wants to hear of it. Every other one is a
// list.
func (s *session) tell(word string) {
	answered, ended := s.AnsweredAt(), s.EndedAt()
	s.mu.Lock()
	s.word, s.modified = word, time.Now()
	s.updates++
	n := s.updates
	var body any = doc{
		"id": s.number, "eventId": newUUID(), "domainId": s.c.domain.ID, "domain": s.c.Domain(), "subscriberId": 1200,
		"callerId": s.From(), "destination": s.To(), "direction": s.way(), "status": word, "token": s.ID(),
		"createdAt": iso(s.created), "modifiedAt": iso(s.modified), "timeLimit": s.order.limit, "vappServer": vappServer,
		"callStartTime": millis(s.created), "callAnswerTime": millis(answered), "callEndTime": millis(ended), "answerTime": iso(answered),
		"action": "update", "reason": "", "lastError": nil, "callIds": []string{s.sipID}, "profile": s.profile(),
	}
	s.mu.Unlock()
	if s.order.callback == "" {
		return
	}
	if n%2 == 0 {
		body = []any{body}
	}
	s.Notify(s.identified(s.post(carriersim.KindStatus, word, s.order.callback, body), "session-update"))
}

const ratePerSecond = 123 // millionths of the account's currency

// record sends the call detail record, if the domain has an address for it.
// Nothing in it is a key.
func (s *session) record(word string) {
	s.c.mu.Lock()
	target, uuid := s.c.domain.get(profileRecords), s.c.domain.UUID
	s.c.mu.Unlock()
	if target == "" {
		return
	}
	ended, talked := s.EndedAt(), wholeSeconds(s.Duration())
	body := doc{
		"timestamp": ended.Unix(),
		"session": doc{
			"token": s.ID(), "id": s.number, "status": word, "vappServer": vappServer,
			"callStartTime": millis(s.created), "callAnswerTime": millis(s.AnsweredAt()), "callEndTime": millis(ended),
		},
		"from": s.From(), "to": s.To(), "disposition": dispositions[word],
		"duration": wholeSeconds(ended.Sub(s.created)), "billsec": talked,
		"call_id": s.sipID, "domain": s.c.Domain(), "subscriber": "", "cx_trunk_id": 9, "application": s.order.app.Name, "route": "",
		"rated_cost": price(talked * ratePerSecond), "approx_cost": price(talked * ratePerSecond * 9 / 10), "sell_cost": nil,
		"vapp_server": vappServer, "recording_url": nil, "owner": doc{"domain": doc{"uuid": uuid}},
	}
	w := s.post(carriersim.KindRecord, dispositions[word], target, body)
	if after := s.c.opt.RecordAfter; after > 0 {
		s.c.Go(func(ctx context.Context) {
			if carriersim.Sleep(ctx, after) == nil {
				s.Notify(w)
			}
		})
		return
	}
	s.Notify(w)
}

// price is a JSON number of millionths.
func price(millionths int) json.Number {
	return json.Number(strconv.FormatFloat(float64(millionths)/1e6, 'f', -1, 64))
}

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// callback sends what is reported in the style of Twilio. The fields are not
// documented, but for those that more has.
func (s *session) callback(kind carriersim.Kind, event, target string, more doc) {
	if target == "" {
		return
	}
	body := doc{"CallSid": s.callSID, "Session": s.ID(), "Domain": s.c.Domain(), "AccountSid": s.c.opt.Domain}
	maps.Copy(body, more)
	s.Notify(s.identified(s.post(kind, event, target, body), "voice-application"))
}

func (s *session) reportVerdict(by string) {
	s.callback(carriersim.KindAMD, by, s.order.detectURL, doc{"AnsweredBy": by, "MachineDetectionDuration": s.detectionMS()})
}
