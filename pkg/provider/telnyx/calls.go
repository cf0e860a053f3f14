package telnyx

import (
	"context"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/command"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// Bounds of a dial, in seconds and in digits.
const (
	minRing, maxRing = 5, 600
	minLimit         = 30
	maxLimit         = 14400
	maxDigits        = 64
)

// dialBody is the request of POST /v2/calls.
type dialBody struct {
	Connection    string `json:"connection_id"`
	To            string `json:"to"`
	From          string `json:"from"`
	RingSeconds   int    `json:"timeout_secs"`
	LimitSeconds  int    `json:"time_limit_secs,omitempty"`
	AMD           string `json:"answering_machine_detection,omitempty"`
	SendDigits    string `json:"send_digits_on_answer,omitempty"`
	State         string `json:"client_state"`
	WebhookURL    string `json:"webhook_url"`
	WebhookMethod string `json:"webhook_url_method"`
}

// legResource is a call as the REST API shows it. is_alive is never set in the answer
// to a dial.
type legResource struct {
	CallControlID string `json:"call_control_id"`
	CallLegID     string `json:"call_leg_id"`
	ClientState   string `json:"client_state"`
	IsAlive       bool   `json:"is_alive"`
	EndTime       string `json:"end_time"`
}

func (l *legResource) dialed() provider.DialResult {
	return provider.DialResult{LegID: l.CallControlID, Ref: ref{leg: l.CallLegID}.String()}
}

// Dial implements provider.Driver. It carries no command_id: what Telnyx makes
// of a dial repeated with one is not documented.
func (d *driver) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	body, err := d.dialBody(req)
	if err != nil {
		return provider.DialResult{}, err
	}
	made, err := send[legResource](ctx, d, http.MethodPost, "/calls", body, false)
	if err != nil {
		return provider.DialResult{}, err
	}
	if made.CallControlID == "" {
		return provider.DialResult{}, provider.Errorf(provider.KindUncertain, "reply names no call")
	}
	return made.dialed(), nil
}

func (d *driver) dialBody(req provider.DialRequest) (*dialBody, error) {
	switch {
	case d.connection == "":
		return nil, errNoApplication()
	case len(req.SendDigits) > maxDigits:
		return nil, provider.Errorf(provider.KindInvalid, "send_digits: want at most %d", maxDigits)
	}
	if why := cannotLimit(req.LimitSeconds); why != "" {
		return nil, provider.Errorf(provider.KindInvalid, "%s", why)
	}
	text, err := d.states.encode(state{Call: req.CallID})
	if err != nil {
		return nil, err
	}
	// All webhooks of the leg go to one address. Its hook tells Parse which of
	// them asks what to do with the call: that of the answer, or that of the
	// verdict of a detection that is to be waited for.
	hook, amd := provider.HookAnswer, ""
	switch req.AMD {
	case command.AMDDetect:
		amd = "detect"
		if d.premium {
			amd = "premium"
		}
	case command.AMDWait: // the one mode that always tells the end of a machine's greeting
		hook, amd = provider.HookAMD, "greeting_end"
	}
	return &dialBody{
		Connection: d.connection, To: req.To, From: req.From,
		RingSeconds: ringSeconds(req.RingSeconds), LimitSeconds: req.LimitSeconds,
		AMD: amd, SendDigits: req.SendDigits, State: text,
		WebhookURL: req.URL(hook), WebhookMethod: http.MethodPost,
	}, nil
}

// ringSeconds is the nearest that Telnyx takes.
func ringSeconds(n int) int { return min(max(n, minRing), maxRing) }

// cannotLimit says why a talk limit cannot be set, "" when it can.
func cannotLimit(n int) string {
	if n != 0 && (n < minLimit || n > maxLimit) {
		return fmt.Sprintf("talk limit is %d seconds, telnyx takes %d to %d", n, minLimit, maxLimit)
	}
	return ""
}

// Hangup implements provider.Driver.
func (d *driver) Hangup(ctx context.Context, leg provider.Leg) error {
	err := d.command(ctx, leg, "hangup", struct{}{}, true)
	if provider.KindOf(err) == provider.KindNotFound {
		return nil
	}
	return err
}

// SendDTMF implements provider.DTMFSender.
func (d *driver) SendDTMF(ctx context.Context, leg provider.Leg, digits string) error {
	return d.command(ctx, leg, "send_dtmf", digitsBody{Digits: digits}, false)
}

// command gives a leg a command. Success only says that it was taken.
func (d *driver) command(ctx context.Context, leg provider.Leg, name string, body any, repeatable bool) error {
	if leg.ID == "" {
		return provider.Errorf(provider.KindInvalid, "leg has no id")
	}
	return d.rest.Do(ctx, rest.Request{
		Method: http.MethodPost, Path: apiVersion + "/calls/" + segment(leg.ID) + "/actions/" + name, JSON: body, Repeatable: repeatable,
	}, nil)
}

// Status implements provider.StatusReader. Telnyx tells whether a leg lives,
// for ten minutes after its end, but not how it ended.
func (d *driver) Status(ctx context.Context, l provider.Leg) (provider.LegStatus, error) {
	if l.ID == "" {
		return provider.LegStatus{}, provider.Errorf(provider.KindInvalid, "leg has no id")
	}
	now, err := get[legResource](ctx, d, "/calls/"+segment(l.ID))
	switch {
	case err != nil:
		return provider.LegStatus{}, err
	case now.IsAlive:
		return provider.LegStatus{Status: call.Initiated, Raw: "alive"}, nil
	case now.EndTime == "": // it has not begun
		return provider.LegStatus{Status: call.Queued, Raw: "not alive"}, nil
	}
	return provider.LegStatus{Status: call.Uncertain, Cause: call.CauseUnknown, Raw: "ended"}, nil
}

var decimal = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// charge is a detail record, as far as its price goes.
type charge struct {
	CallLegID string `json:"call_leg_id"`
	Cost      string `json:"cost"`
	Currency  string `json:"currency"`
}

// Cost implements provider.CostReader. A leg is charged for its control and for
// its line, which come as two records some minutes after the end: with only
// one of them it is not priced yet.
func (d *driver) Cost(ctx context.Context, l provider.Leg) (*call.Cost, error) {
	id := parseRef(l.Ref).leg
	if id == "" {
		return nil, provider.Errorf(provider.KindInvalid, "the call_leg_id is not known")
	}
	var total call.Cost
	for _, kind := range [...]string{"call-control", "sip-trunking"} {
		found := false
		var odd error
		query := url.Values{"filter[record_type]": {kind}, "filter[call_leg_id]": {id}}
		err := list(ctx, d, "/detail_records", query, func(c charge) bool {
			if c.CallLegID == "" || c.CallLegID == id {
				found = true
				odd = add(&total, c)
			}
			return odd == nil
		})
		if err == nil {
			err = odd
		}
		if err != nil || !found {
			return nil, err
		}
	}
	return &total, nil
}

// add adds a charge to a sum, exactly.
func add(sum *call.Cost, c charge) error {
	currency := strings.ToUpper(c.Currency)
	if !decimal.MatchString(c.Cost) || sum.Currency != "" && sum.Currency != currency {
		return provider.Errorf(provider.KindUnavailable, "price %.20q %.3q is no number, or in another currency than the rest", c.Cost, c.Currency)
	}
	sum.Currency = currency
	if sum.Amount == "" {
		sum.Amount = c.Cost
		return nil
	}
	x, _ := new(big.Rat).SetString(sum.Amount)
	y, _ := new(big.Rat).SetString(c.Cost)
	sum.Amount = x.Add(x, y).FloatString(max(decimals(sum.Amount), decimals(c.Cost)))
	return nil
}

func decimals(amount string) int {
	_, fraction, _ := strings.Cut(amount, ".")
	return len(fraction)
}

// FindDial implements provider.Reconciler. A dial carries the call's id, so
// that its leg is known among those that live.
func (d *driver) FindDial(ctx context.Context, req provider.DialRequest, _ time.Time) (provider.DialResult, bool, error) {
	if d.connection == "" {
		return provider.DialResult{}, false, errNoApplication()
	}
	var res provider.DialResult
	found := false
	err := list(ctx, d, "/connections/"+segment(d.connection)+"/active_calls", nil, func(l legResource) bool {
		if s, _ := d.states.decode(l.ClientState); s.Call == req.CallID && s.Parent == "" && req.CallID != "" {
			res, found = l.dialed(), true
		}
		return !found
	})
	return res, found, err
}
