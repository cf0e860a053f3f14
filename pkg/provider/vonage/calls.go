package vonage

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

const callsPath = "/v1/calls"

// Limits of a call, in seconds.
const (
	maxRing   = 120
	maxLength = 86400
)

// callResource is a call's leg as the REST API shows it.
type callResource struct {
	UUID      string   `json:"uuid"`
	Status    string   `json:"status"`
	Direction string   `json:"direction"`
	To        endpoint `json:"to"`
	From      endpoint `json:"from"`
	Duration  text     `json:"duration"` // seconds, of a leg that is over
	Price     text     `json:"price"`    // EUR, of a leg that is over
}

// newCall is the order for one.
type newCall struct {
	To           []endpoint `json:"to"`
	From         *endpoint  `json:"from,omitempty"`
	AnyNumber    bool       `json:"random_from_number,omitempty"` // instead of From
	AnswerURL    []string   `json:"answer_url"`
	AnswerMethod string     `json:"answer_method"`
	EventURL     []string   `json:"event_url"`
	EventMethod  string     `json:"event_method"`
	RingingTimer int        `json:"ringing_timer"`
	LengthTimer  int        `json:"length_timer,omitempty"`
	Detection    *detection `json:"advanced_machine_detection,omitempty"`
}

// detection is what to do about answering machines.
type detection struct {
	Behavior string `json:"behavior"`
	Mode     string `json:"mode"`
}

// Dial implements provider.Driver. What to do with an answered call is asked
// for then: an instruction in the order itself would bind an agent to a
// telephone that rings.
func (d *driver) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	order, err := d.order(req)
	if err != nil {
		return provider.DialResult{}, err
	}
	var made callResource
	err = d.voice.Do(ctx, rest.Request{Method: http.MethodPost, Path: callsPath, JSON: order}, &made)
	if err != nil {
		return provider.DialResult{}, err
	}
	if made.UUID == "" {
		return provider.DialResult{}, provider.Errorf(provider.KindUncertain, "reply names no call")
	}
	return provider.DialResult{LegID: made.UUID}, nil
}

func (d *driver) order(req provider.DialRequest) (*newCall, error) {
	to, err := phoneOrSIP(req.To)
	if err != nil {
		return nil, err
	}
	if req.SendDigits != "" {
		if to.Type != phoneType {
			return nil, provider.Errorf(provider.KindUnsupported, "vonage sends digits to telephone numbers only")
		}
		if to.DTMFAnswer, err = keypad(req.SendDigits); err != nil {
			return nil, err
		}
	}
	order := &newCall{
		To:        []endpoint{to},
		AnswerURL: []string{req.URL(provider.HookAnswer)}, AnswerMethod: http.MethodPost,
		EventURL: []string{req.URL(provider.HookStatus)}, EventMethod: http.MethodPost,
		RingingTimer: min(req.RingSeconds, maxRing), LengthTimer: min(req.LimitSeconds, maxLength),
		AnyNumber: req.From == "",
	}
	if req.From != "" {
		order.From = &endpoint{Type: phoneType, Number: text(wire(req.From))}
	}
	switch {
	case req.AMD == command.AMDDetect, req.AMD == command.AMDOff && d.amd: // the instruction runs at once
		order.Detection = &detection{Behavior: "continue", Mode: "default"}
	case req.AMD == command.AMDWait: // the instruction runs after the verdict, and the beep
		order.Detection = &detection{Behavior: "continue", Mode: "detect_beep"}
	}
	return order, nil
}

// wire writes a number as Vonage does: E.164 without the plus.
func wire(number string) string { return strings.TrimPrefix(number, "+") }

// keypad writes digits for Vonage, to which p is half a second.
func keypad(digits string) (string, error) {
	if strings.Trim(digits, "0123456789*#wW") != "" {
		return "", provider.Errorf(provider.KindUnsupported, "vonage presses 0-9 * # and w only")
	}
	return strings.NewReplacer("w", "p", "W", "p").Replace(digits), nil
}

// Hangup implements provider.Driver.
func (d *driver) Hangup(ctx context.Context, leg provider.Leg) error {
	err := d.act(ctx, leg, "", map[string]string{"action": "hangup"})
	if provider.KindOf(err) == provider.KindNotFound {
		return nil // over
	}
	return err
}

// Redirect implements provider.Redirector. A media socket that the leg was
// joined with is closed by the carrier when the leg leaves it.
func (d *driver) Redirect(ctx context.Context, leg provider.Leg, in call.Instruction) error {
	doc, err := d.render(in, scene{leg: leg.ID})
	if err != nil {
		return err
	}
	return d.act(ctx, leg, "", map[string]any{
		"action": "transfer", "destination": map[string]any{"type": "ncco", "ncco": doc},
	})
}

// SendDTMF implements provider.DTMFSender.
func (d *driver) SendDTMF(ctx context.Context, leg provider.Leg, digits string) error {
	digits, err := keypad(digits)
	if err != nil {
		return err
	}
	return d.act(ctx, leg, "/dtmf", map[string]string{"digits": digits})
}

func (d *driver) act(ctx context.Context, leg provider.Leg, what string, order any) error {
	path, err := callPath(leg)
	if err != nil {
		return err
	}
	return d.at(leg.Ref).Do(ctx, rest.Request{Method: http.MethodPut, Path: path + what, JSON: order}, nil)
}

func (d *driver) fetch(ctx context.Context, leg provider.Leg) (c callResource, err error) {
	path, err := callPath(leg)
	if err != nil {
		return c, err
	}
	err = d.at(leg.Ref).Do(ctx, rest.Request{Method: http.MethodGet, Path: path}, &c)
	return c, err
}

func callPath(leg provider.Leg) (string, error) {
	if leg.ID == "" {
		return "", provider.Errorf(provider.KindInvalid, "leg has no id")
	}
	return callsPath + "/" + url.PathEscape(leg.ID), nil
}

// Status implements provider.StatusReader.
func (d *driver) Status(ctx context.Context, leg provider.Leg) (provider.LegStatus, error) {
	c, err := d.fetch(ctx, leg)
	if err != nil {
		return provider.LegStatus{}, err
	}
	s := provider.LegStatus{Status: status(c.Status), Raw: c.Status}
	if s.Status.Terminal() {
		s.Cause, s.Seconds = cause(s.Status, ""), c.Duration.seconds()
	}
	return s, nil
}

// Cost implements provider.CostReader. It covers the telephone's leg alone:
// that of the media socket has a price of its own.
func (d *driver) Cost(ctx context.Context, leg provider.Leg) (*call.Cost, error) {
	c, err := d.fetch(ctx, leg)
	if err != nil || c.Price == "" {
		return nil, err
	}
	priced := cost(string(c.Price))
	if priced == nil {
		return nil, provider.Errorf(provider.KindUnavailable, "price %.20q is no amount", c.Price)
	}
	return priced, nil
}

// currency of all prices, whatever the account is billed in.
const currency = "EUR"

var decimal = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// cost reads a price, nil where there is none that can be read. A small one
// may be written as 1e-05.
func cost(price string) *call.Cost {
	if f, err := strconv.ParseFloat(price, 64); err == nil && strings.ContainsAny(price, "eE") && f < 1e6 {
		price = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if !decimal.MatchString(price) {
		return nil
	}
	return &call.Cost{Amount: price, Currency: currency}
}

// callPage is a page of a list of calls.
type callPage struct {
	Count    int `json:"count"`
	Embedded struct {
		Calls []callResource `json:"calls"`
	} `json:"_embedded"`
}

const pageSize = 100

// FindDial implements provider.Reconciler. Vonage has no key by which a dial
// could be found, so a call counts only as the single one to the same number,
// from the same number, since that second.
func (d *driver) FindDial(ctx context.Context, req provider.DialRequest, since time.Time) (provider.DialResult, bool, error) {
	query := url.Values{
		"date_start": {since.UTC().Format(time.RFC3339)}, "order": {"desc"}, "page_size": {strconv.Itoa(pageSize)},
	}
	var found []string
	for index := 0; len(found) < 2; index += pageSize {
		query.Set("record_index", strconv.Itoa(index))
		var p callPage
		if err := d.voice.Do(ctx, rest.Request{Method: http.MethodGet, Path: callsPath, Query: query}, &p); err != nil {
			return provider.DialResult{}, false, err
		}
		for _, c := range p.Embedded.Calls {
			if c.Direction == string(call.Outbound) && c.To.is(req.To) && (req.From == "" || c.From.is(req.From)) {
				found = append(found, c.UUID)
			}
		}
		if len(p.Embedded.Calls) == 0 || index+pageSize >= p.Count {
			break
		}
	}
	if len(found) != 1 {
		return provider.DialResult{}, false, nil
	}
	return provider.DialResult{LegID: found[0]}, true, nil
}

// statuses puts Vonage's words into Trunkline's. Human and machine are what
// the REST API says of an answered call.
var statuses = map[string]call.Status{
	"started":    call.Initiated,
	"ringing":    call.Ringing,
	"answered":   call.Answered,
	"human":      call.Answered,
	"machine":    call.Answered,
	"completed":  call.Completed,
	"busy":       call.Busy,
	"timeout":    call.NoAnswer,
	"unanswered": call.NoAnswer,
	"cancelled":  call.Canceled,
	"rejected":   call.Failed,
	"failed":     call.Failed,
}

// status is "" for a word that is not known: it moves nothing.
func status(word string) call.Status { return statuses[strings.ToLower(word)] }

// cause says why a call ended; reason is Vonage's detail in lower case.
func cause(s call.Status, reason string) call.Cause {
	if s == call.Failed {
		return causeOf(reason)
	}
	return s.Cause()
}

// causeOf reads the details of rejected and failed.
func causeOf(reason string) call.Cause {
	switch reason {
	case "invalid_number", "cannot_route", "number_out_of_service":
		return call.CauseUnreachable
	case "restricted", "declined":
		return call.CauseRejected
	case "":
		return call.CauseUnknown
	}
	return call.CauseCarrier
}
