package twilio

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// maxTwiml is the longest document that fits into a request, in characters.
const maxTwiml = 4000

// callResource is a call as the REST API shows it.
type callResource struct {
	SID         string  `json:"sid"`
	To          string  `json:"to"`
	From        string  `json:"from"`
	Status      string  `json:"status"`
	Direction   string  `json:"direction"`
	DateCreated string  `json:"date_created"`
	Duration    *string `json:"duration"`   // seconds; null when it was never answered
	Price       *string `json:"price"`      // negative decimal; null until it is rated
	PriceUnit   string  `json:"price_unit"` // ISO 4217
}

// Dial implements provider.Driver.
func (d *driver) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	form, err := d.dialForm(req)
	if err != nil {
		return provider.DialResult{}, err
	}
	var made callResource
	err = d.rest.Do(ctx, rest.Request{Method: http.MethodPost, Path: d.path("/Calls.json"), Form: form}, &made)
	if err != nil {
		return provider.DialResult{}, err
	}
	if made.SID == "" {
		return provider.DialResult{}, provider.Errorf(provider.KindUncertain, "reply names no call")
	}
	return provider.DialResult{LegID: made.SID}, nil
}

var sendable = regexp.MustCompile(`^[0-9*#wW]{0,32}$`)

func (d *driver) dialForm(req provider.DialRequest) (url.Values, error) {
	amd := req.AMD
	switch {
	case !sendable.MatchString(req.SendDigits):
		return nil, provider.Errorf(provider.KindInvalid, "send_digits: want at most 32 of 0-9 * # w W")
	case req.SendDigits != "" && amd != command.AMDOff:
		return nil, provider.Errorf(provider.KindInvalid, "twilio detects no machine on a call that sends digits: use one of amd and send_digits")
	case req.SendDigits == "" && amd == command.AMDOff && d.amd:
		amd = command.AMDDetect
	}
	form := url.Values{
		"To": {req.To}, "From": {req.From},
		"Url": {req.URL(provider.HookAnswer)}, "Method": {http.MethodPost},
		"StatusCallback": {req.URL(provider.HookStatus)}, "StatusCallbackMethod": {http.MethodPost},
		"StatusCallbackEvent": strings.Fields(progress), // completed tells every end
		"Timeout":             {strconv.Itoa(req.RingSeconds)},
	}
	if req.LimitSeconds > 0 {
		form.Set("TimeLimit", strconv.Itoa(req.LimitSeconds))
	}
	if req.SendDigits != "" {
		form.Set("SendDigits", req.SendDigits)
	}
	switch amd {
	case command.AMDDetect: // the instruction runs at once, the verdict comes by callback
		form.Set("MachineDetection", "Enable")
		form.Set("AsyncAmd", "true")
		form.Set("AsyncAmdStatusCallback", req.URL(provider.HookAMD))
		form.Set("AsyncAmdStatusCallbackMethod", http.MethodPost)
	case command.AMDWait: // the instruction is asked for after the greeting, with the verdict
		form.Set("MachineDetection", "DetectMessageEnd")
	}
	return form, nil
}

// Hangup implements provider.Driver. Status completed ends a call in any
// state, so the one it does not fit is over.
func (d *driver) Hangup(ctx context.Context, leg provider.Leg) error {
	err := d.update(ctx, leg, url.Values{"Status": {"completed"}}, true)
	switch provider.KindOf(err) {
	case provider.KindNotFound, provider.KindConflict:
		return nil
	}
	return err
}

// Redirect implements provider.Redirector. A media stream that is running is
// stopped by the carrier.
func (d *driver) Redirect(ctx context.Context, leg provider.Leg, in call.Instruction) error {
	doc, err := render(in, false)
	if err != nil {
		return err
	}
	if n := len([]rune(string(doc))); n > maxTwiml {
		return provider.Errorf(provider.KindInvalid, "instruction is %d characters of markup, twilio takes %d", n, maxTwiml)
	}
	return d.update(ctx, leg, url.Values{"Twiml": {string(doc)}}, false)
}

func (d *driver) update(ctx context.Context, leg provider.Leg, form url.Values, repeatable bool) error {
	path, err := d.callPath(leg)
	if err != nil {
		return err
	}
	return d.rest.Do(ctx, rest.Request{Method: http.MethodPost, Path: path, Form: form, Repeatable: repeatable}, nil)
}

func (d *driver) fetch(ctx context.Context, leg provider.Leg) (c callResource, err error) {
	path, err := d.callPath(leg)
	if err != nil {
		return c, err
	}
	err = d.rest.Do(ctx, rest.Request{Method: http.MethodGet, Path: path}, &c)
	return c, err
}

func (d *driver) callPath(leg provider.Leg) (string, error) {
	if leg.ID == "" {
		return "", provider.Errorf(provider.KindInvalid, "leg has no id")
	}
	return d.path("/Calls/" + url.PathEscape(leg.ID) + ".json"), nil
}

// Status implements provider.StatusReader.
func (d *driver) Status(ctx context.Context, leg provider.Leg) (provider.LegStatus, error) {
	c, err := d.fetch(ctx, leg)
	if err != nil {
		return provider.LegStatus{}, err
	}
	s := provider.LegStatus{Status: status(c.Status), Raw: c.Status}
	if s.Status.Terminal() {
		s.Cause = cause(s.Status, 0)
		s.Seconds = new(int)
		if c.Duration != nil {
			*s.Seconds, _ = strconv.Atoi(*c.Duration)
		}
	}
	return s, nil
}

var decimal = regexp.MustCompile(`^-?([0-9]+(\.[0-9]+)?)$`)

// Cost implements provider.CostReader. The price is set some time after the
// end, and covers the connection of this very leg alone.
func (d *driver) Cost(ctx context.Context, leg provider.Leg) (*call.Cost, error) {
	c, err := d.fetch(ctx, leg)
	if err != nil || c.Price == nil {
		return nil, err
	}
	amount := decimal.FindStringSubmatch(*c.Price)
	if amount == nil {
		return nil, provider.Errorf(provider.KindUnavailable, "price %.20q is no number", *c.Price)
	}
	return &call.Cost{Amount: amount[1], Currency: strings.ToUpper(c.PriceUnit)}, nil
}

// FindDial implements provider.Reconciler. Twilio has no key by which a dial
// could be found, so a call counts only as the single one to the same number,
// from the same number, since that second.
func (d *driver) FindDial(ctx context.Context, req provider.DialRequest, since time.Time) (provider.DialResult, bool, error) {
	query := url.Values{"To": {req.To}, "From": {req.From}, "StartTime>": {since.UTC().Format(time.DateOnly)}}
	since = since.Truncate(time.Second)
	var found []string
	err := list(ctx, d, d.path("/Calls.json"), query, func(p callPage) bool {
		for _, c := range p.Calls {
			made, err := time.Parse(time.RFC1123Z, c.DateCreated)
			if err == nil && !made.Before(since) && c.Direction == "outbound-api" && c.To == req.To && c.From == req.From {
				found = append(found, c.SID)
			}
		}
		return len(found) < 2
	})
	if err != nil || len(found) != 1 {
		return provider.DialResult{}, false, err
	}
	return provider.DialResult{LegID: found[0]}, true, nil
}

type callPage struct {
	paging
	Calls []callResource `json:"calls"`
}

// statuses puts Twilio's words into Trunkline's. The REST API never says
// initiated, a callback never says queued.
var statuses = map[string]call.Status{
	"queued":      call.Queued,
	"initiated":   call.Initiated,
	"ringing":     call.Ringing,
	"in-progress": call.Answered,
	"answered":    call.Answered,
	"completed":   call.Completed,
	"busy":        call.Busy,
	"no-answer":   call.NoAnswer,
	"failed":      call.Failed,
	"canceled":    call.Canceled,
}

// status is "" for a word that is not known: it moves nothing.
func status(word string) call.Status { return statuses[word] }

// cause says why a call ended; sip is the final SIP response, 0 when unknown.
func cause(s call.Status, sip int) call.Cause {
	if s == call.Failed {
		return causeOfSIP(sip)
	}
	return s.Cause()
}

// causeOfSIP reads the response codes of RFC 3261 and its kin.
func causeOfSIP(code int) call.Cause {
	switch code {
	case 404, 410, 480, 484, 604: // not found, gone, not available, incomplete, nowhere
		return call.CauseUnreachable
	case 486, 600:
		return call.CauseBusy
	case 408, 487:
		return call.CauseNoAnswer
	case 401, 403, 407, 603, 607, 608: // not allowed, declined, unwanted, blocked on the way
		return call.CauseRejected
	}
	if code >= 300 {
		return call.CauseCarrier
	}
	return call.CauseUnknown
}
