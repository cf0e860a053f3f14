package plivo

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivohook"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivorest"
)

// record is the record of a call that is over. It appears some time after the
// end.
type record struct {
	CallUUID     string `json:"call_uuid"`
	From         string `json:"from_number"`
	To           string `json:"to_number"`
	Direction    string `json:"call_direction"`
	InitiatedAt  string `json:"initiation_time"` // 2017-05-22 17:49:40+05:30
	AnswerTime   string `json:"answer_time"`     // null when it was never answered
	Billed       int    `json:"bill_duration"`   // seconds
	Seconds      int    `json:"call_duration"`
	HangupCode   int    `json:"hangup_cause_code"`
	HangupName   string `json:"hangup_cause_name"`
	HangupSource string `json:"hangup_source"`
	Amount       string `json:"total_amount"` // decimal; no currency is told
}

// Dial implements provider.Driver. A reply names the request; the leg is named
// by the first webhook.
func (d *driver) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	return d.api.Dial(ctx, req)
}

// Hangup implements provider.Driver. A call that waits to be dialled is known
// as a request only.
func (d *driver) Hangup(ctx context.Context, leg provider.Leg) error {
	path, err := plivorest.CallPath(leg)
	if err != nil {
		return err
	}
	if found, err := d.api.Delete(ctx, path); found || err != nil {
		return err
	}
	request := leg.Ref
	if request == "" {
		request = leg.ID
	}
	_, err = d.api.Delete(ctx, "/Request/"+url.PathEscape(request)+"/")
	return err
}

// Redirect implements provider.Redirector. The media stream is to be closed
// after it, not before: a document without anything left ends the call.
func (d *driver) Redirect(ctx context.Context, leg provider.Leg, in call.Instruction) error {
	return d.api.Transfer(ctx, leg, in)
}

// SendDTMF implements provider.DTMFSender.
func (d *driver) SendDTMF(ctx context.Context, leg provider.Leg, digits string) error {
	return d.api.SendDTMF(ctx, leg, digits)
}

// Status implements provider.StatusReader.
func (d *driver) Status(ctx context.Context, leg provider.Leg) (provider.LegStatus, error) {
	c, err := d.api.Pending(ctx, leg)
	if err != nil {
		return provider.LegStatus{}, err
	}
	if c != nil {
		return provider.LegStatus{Status: plivohook.Word(c.Status), Raw: c.Status}, nil
	}
	r, err := d.record(ctx, leg)
	if err != nil {
		return provider.LegStatus{}, err
	}
	o := plivohook.Outcome{AnswerTime: r.AnswerTime, Billed: r.Billed, Code: r.HangupCode, Source: r.HangupSource}
	s := provider.LegStatus{Raw: r.HangupName, Seconds: new(int), Cause: o.Cause()}
	s.Status, _ = o.Status()
	if o.Answered() {
		*s.Seconds = r.Seconds
	}
	return s, nil
}

func (d *driver) record(ctx context.Context, leg provider.Leg) (r record, err error) {
	path, err := plivorest.CallPath(leg)
	if err != nil {
		return r, err
	}
	err = d.api.Get(ctx, path, nil, &r)
	return r, err
}

var decimal = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// Cost implements provider.CostReader. Until there is a record there is no
// price; the record is not found then.
func (d *driver) Cost(ctx context.Context, leg provider.Leg) (*call.Cost, error) {
	r, err := d.record(ctx, leg)
	switch {
	case provider.KindOf(err) == provider.KindNotFound:
		return nil, nil
	case err != nil || r.Amount == "":
		return nil, err
	case !decimal.MatchString(r.Amount):
		return nil, provider.Errorf(provider.KindUnavailable, "amount %.20q is no number", r.Amount)
	}
	return &call.Cost{Amount: r.Amount}, nil
}

// pending is where calls are that are not over.
var pending = plivorest.Search{
	Lists: map[string]string{"live": "/Call/", "queued": "/Call/"}, Zones: []*time.Location{time.UTC},
}

// FindDial implements provider.Reconciler. Plivo has no key by which a dial
// could be found, so a call counts only as the single one to the same number,
// from the same number, since that second.
func (d *driver) FindDial(ctx context.Context, req provider.DialRequest, since time.Time) (provider.DialResult, bool, error) {
	since = since.Truncate(time.Second)
	found, err := d.api.FindPending(ctx, pending, req, since)
	if err != nil {
		return provider.DialResult{}, false, err
	}
	query := url.Values{
		"call_direction": {"outbound"},
		"from_number":    {strings.TrimPrefix(req.From, "+")}, "to_number": {strings.TrimPrefix(req.To, "+")},
	}
	err = plivorest.List(ctx, d.api, "/Call/", query, func(r record) bool {
		at, err := time.Parse("2006-01-02 15:04:05-07:00", r.InitiatedAt)
		recent := err == nil && !at.Before(since)
		if recent && r.Direction == "outbound" && plivorest.Same(r.From, req.From) && plivorest.Same(r.To, req.To) {
			found = append(found, provider.DialResult{LegID: r.CallUUID})
		}
		return recent // the newest come first
	})
	if err != nil || len(found) != 1 {
		return provider.DialResult{}, false, err
	}
	return found[0], true, nil
}
