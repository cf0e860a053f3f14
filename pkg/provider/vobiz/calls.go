package vobiz

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivohook"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivorest"
)

// record is the record of a call that is over.
type record struct {
	UUID         string      `json:"uuid"`
	Direction    string      `json:"call_direction"`
	From         string      `json:"caller_id_number"`
	To           string      `json:"destination_number"`
	StartTime    string      `json:"start_time"`  // ISO 8601
	AnswerTime   string      `json:"answer_time"` // null when it was never answered
	Talked       json.Number `json:"billsec"`     // seconds; duration counts the ringing, too
	Cost         json.Number `json:"total_cost"`
	Currency     string      `json:"currency"` // ISO 4217
	HangupCause  string      `json:"hangup_cause"`
	HangupCode   json.Number `json:"hangup_cause_code"`
	HangupName   string      `json:"hangup_cause_name"`
	HangupSource string      `json:"hangup_source"`
}

// Dial implements provider.Driver. A reply names the request; the leg is named
// by the first webhook.
func (d *driver) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	return d.api.Dial(ctx, req)
}

// Hangup implements provider.Driver.
func (d *driver) Hangup(ctx context.Context, leg provider.Leg) error {
	path, err := plivorest.CallPath(leg)
	if err != nil {
		return err
	}
	_, err = d.api.Delete(ctx, path)
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
	talked := integer(r.Talked)
	o := plivohook.Outcome{
		AnswerTime: r.AnswerTime, Billed: talked, Code: integer(r.HangupCode), Reason: r.HangupCause, Source: r.HangupSource,
	}
	s := provider.LegStatus{Raw: r.HangupName, Seconds: &talked, Cause: o.Cause()}
	s.Status, _ = o.Status()
	return s, nil
}

// integer is a number that is 0 where it is missing.
func integer(n json.Number) int {
	i, _ := strconv.Atoi(n.String())
	return i
}

func (d *driver) record(ctx context.Context, leg provider.Leg) (record, error) {
	id := leg.ID
	if id == "" {
		id = leg.Ref
	}
	if id == "" {
		return record{}, provider.Errorf(provider.KindInvalid, "leg has no id")
	}
	var doc struct {
		Data record `json:"data"`
	}
	err := d.api.Get(ctx, "/cdr/"+url.PathEscape(id), nil, &doc)
	return doc.Data, err
}

var decimal = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// Cost implements provider.CostReader. Until there is a record there is no
// price; the record is not found then.
func (d *driver) Cost(ctx context.Context, leg provider.Leg) (*call.Cost, error) {
	r, err := d.record(ctx, leg)
	switch {
	case provider.KindOf(err) == provider.KindNotFound:
		return nil, nil
	case err != nil || r.Cost == "":
		return nil, err
	}
	amount := r.Cost.String()
	if f, err := r.Cost.Float64(); err == nil && !decimal.MatchString(amount) { // 1e-3
		amount = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if !decimal.MatchString(amount) {
		return nil, provider.Errorf(provider.KindUnavailable, "total_cost %.20q is no price", r.Cost)
	}
	return &call.Cost{Amount: amount, Currency: r.Currency}, nil
}

// pending is where calls are that are not over. The slash at the end matters;
// of the zone nothing is told but that it is the account's.
var pending = plivorest.Search{
	Lists: map[string]string{"live": "/Call", "queued": "/Call/"},
	Zones: []*time.Location{time.UTC, time.FixedZone("IST", int((5*time.Hour + 30*time.Minute).Seconds()))},
}

// FindDial implements provider.Reconciler. Vobiz has no key by which a dial
// could be found, so a call counts only as the single one to the same number,
// from the same number, since that second.
func (d *driver) FindDial(ctx context.Context, req provider.DialRequest, since time.Time) (provider.DialResult, bool, error) {
	since = since.UTC().Truncate(time.Second)
	found, err := d.api.FindPending(ctx, pending, req, since)
	if err != nil {
		return provider.DialResult{}, false, err
	}
	var page struct {
		Data []record `json:"data"`
	}
	query := url.Values{
		"page": {"1"}, "per_page": {"100"},
		"start_date": {since.Format(time.DateOnly)}, "end_date": {since.AddDate(0, 0, 1).Format(time.DateOnly)},
	}
	if err := d.api.Get(ctx, "/cdr", query, &page); err != nil {
		return provider.DialResult{}, false, err
	}
	for _, r := range page.Data {
		at, err := time.Parse(time.RFC3339, r.StartTime)
		if err == nil && !at.Before(since) && r.Direction == "outbound" && plivorest.Same(r.From, req.From) && plivorest.Same(r.To, req.To) {
			found = append(found, provider.DialResult{LegID: r.UUID})
		}
	}
	if len(found) != 1 {
		return provider.DialResult{}, false, nil
	}
	return found[0], true, nil
}
