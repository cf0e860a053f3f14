package cloudonix

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// order is the body of a dial. Its names follow no rule.
type order struct {
	Destination string            `json:"destination"`
	CallerID    string            `json:"caller-id"`
	URL         string            `json:"url"`
	Callback    string            `json:"callback"`
	Timeout     int               `json:"timeout"` // seconds of ringing
	TimeLimit   int               `json:"timeLimit,omitempty"`
	Trunk       string            `json:"trunk,omitempty"`
	SendDigits  string            `json:"send-digits,omitempty"`
	Profile     map[string]string `json:"profile"` // kept with the session

	MachineDetection string `json:"machineDetection,omitempty"`
	AsyncAMD         bool   `json:"asyncAmd,omitempty"`
	AMDCallback      string `json:"asyncAmdStatusCallback,omitempty"`
	AMDMethod        string `json:"asyncAmdStatusCallbackMethod,omitempty"`
}

// profileCall is where a session's profile has Trunkline's own id of the call.
const profileCall = "trunkline-call"

// Dial implements provider.Driver.
func (d *driver) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	o := order{
		Destination: req.To, CallerID: req.From,
		URL: req.URL(provider.HookAnswer), Callback: req.URL(provider.HookStatus),
		Timeout: req.RingSeconds, TimeLimit: req.LimitSeconds, Trunk: d.trunk, SendDigits: req.SendDigits,
		Profile: map[string]string{profileCall: req.CallID},
	}
	switch req.AMD {
	case command.AMDDetect: // the instruction runs at once, the verdict comes by callback
		o.MachineDetection, o.AsyncAMD = "Enable", true
		o.AMDCallback, o.AMDMethod = req.URL(provider.HookAMD), http.MethodPost
	case command.AMDWait: // the instruction is asked for after the greeting
		o.MachineDetection = "DetectMessageEnd"
	}
	var made session
	err := d.api.do(ctx, prompt, rest.Request{Method: http.MethodPost, Path: d.callsPath("/application"), JSON: o}, &made)
	if err == nil && made.Token == "" {
		err = provider.Errorf(provider.KindUncertain, "reply names no session")
	}
	return provider.DialResult{LegID: made.Token}, err
}

// Hangup implements provider.Driver. A session that is not found is over.
func (d *driver) Hangup(ctx context.Context, leg provider.Leg) error {
	if leg.ID == "" {
		return errNoLeg()
	}
	err := d.api.do(ctx, urgent, rest.Request{Method: http.MethodDelete, Path: d.sessionPath(leg.ID)}, nil)
	if provider.KindOf(err) == provider.KindNotFound {
		return nil
	}
	return err
}

func errNoLeg() error { return provider.Errorf(provider.KindInvalid, "leg has no id") }

// sessionPath is where a session is read and ended.
func (d *driver) sessionPath(token string) string {
	return d.domainPath("/sessions/" + url.PathEscape(token))
}

// Redirect implements provider.Redirector.
func (d *driver) Redirect(ctx context.Context, leg provider.Leg, in call.Instruction) error {
	if leg.ID == "" {
		return errNoLeg()
	}
	doc, err := d.markup(in, false)
	if err != nil {
		return err
	}
	path := d.callsPath("/sessions/" + url.PathEscape(leg.ID) + "/application")
	return d.api.do(ctx, prompt, rest.Request{Method: http.MethodPost, Path: path, JSON: map[string]string{"cxml": string(doc)}}, nil)
}

// session is a call as the REST API shows it.
type session struct {
	Token    string `json:"token"`
	Status   string `json:"status"`
	Answered moment `json:"callAnswerTime"`
	Ended    moment `json:"callEndTime"`
	// Misspelt is Answered as the older of the two descriptions has it.
	Misspelt moment          `json:"callAnswerTome"`
	Profile  json.RawMessage `json:"profile"` // whatever anybody put into it
}

// moment is a time in milliseconds since 1970, 0 for none and for anything else.
type moment int64

// UnmarshalJSON implements json.Unmarshaler. It never fails: one session that
// cannot be read must not hide the others of a list.
func (m *moment) UnmarshalJSON(doc []byte) error {
	*m = 0
	if ms, err := strconv.ParseInt(string(doc), 10, 64); err == nil && ms > 0 {
		*m = moment(ms)
	}
	return nil
}

// Status implements provider.StatusReader. A session is over when it has an
// end, whatever its word is.
func (d *driver) Status(ctx context.Context, leg provider.Leg) (provider.LegStatus, error) {
	if leg.ID == "" {
		return provider.LegStatus{}, errNoLeg()
	}
	var s session
	if err := d.api.get(ctx, d.sessionPath(leg.ID), &s); err != nil {
		return provider.LegStatus{}, err
	}
	return s.legStatus(), nil
}

func (s *session) legStatus() provider.LegStatus {
	l := provider.LegStatus{Status: updateStatus(s.Status), Raw: s.Status}
	answered := max(s.Answered, s.Misspelt)
	switch {
	case l.Status.Terminal():
	case s.Ended == 0:
		return l
	case answered > 0:
		l.Status = call.Completed
	default:
		l.Status = call.Uncertain
	}
	l.Cause = cause(l.Status, s.Status)
	l.Seconds = new(int)
	if answered > 0 && s.Ended > answered {
		talked := time.Duration(s.Ended-answered) * time.Millisecond
		*l.Seconds = int(talked.Round(time.Second).Seconds())
	}
	return l
}

// FindDial implements provider.Reconciler. The list holds sessions that are
// over, too, each with what it was made with.
func (d *driver) FindDial(ctx context.Context, req provider.DialRequest, _ time.Time) (provider.DialResult, bool, error) {
	if req.CallID == "" {
		return provider.DialResult{}, false, nil
	}
	var sessions []session
	if err := d.api.get(ctx, d.domainPath("/sessions"), &sessions); err != nil {
		return provider.DialResult{}, false, err
	}
	for _, s := range sessions {
		var profile map[string]any
		if json.Unmarshal(s.Profile, &profile) == nil && profile[profileCall] == req.CallID && s.Token != "" {
			return provider.DialResult{LegID: s.Token}, true, nil
		}
	}
	return provider.DialResult{}, false, nil
}
