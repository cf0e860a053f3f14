package ari

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/phone"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// First arguments of the application, which say what a channel is.
const (
	argInbound  = "inbound"
	argOutbound = "outbound"
	argMedia    = "media"
	argTransfer = "transfer"
)

// callVariable is the channel variable that names the call, for the dialplan.
const callVariable = "TRUNKLINE_CALL"

// number is what may stand in a dial string. Anything else could change its
// meaning: a slash, an ampersand or an at sign reach other channels.
var number = regexp.MustCompile(`^\+?[0-9*#]{1,40}$`)

// Dial implements provider.Driver. The channel gets a fresh id, which names the
// call; it enters the application when it is answered.
func (d *driver) Dial(ctx context.Context, req provider.DialRequest) (provider.DialResult, error) {
	endpoint, ok := d.endpoint(req.To)
	switch {
	case !ok:
		return provider.DialResult{}, provider.Errorf(provider.KindInvalid, "to: want a number of digits, * and #, or an endpoint of the PBX such as PJSIP/100, PJSIP/100@carrier or Local/100@context")
	case req.From != "" && !number.MatchString(req.From):
		return provider.DialResult{}, provider.Errorf(provider.KindInvalid, "from: want a number of digits, * and #")
	case !call.ValidID(req.CallID):
		return provider.DialResult{}, provider.Errorf(provider.KindInvalid, "call id cannot be used")
	case req.AMD != "":
		return provider.DialResult{}, provider.Errorf(provider.KindUnsupported, "Asterisk has no answering-machine detection that an application can ask for")
	}
	id := d.ids.newLeg(req.CallID)
	limit := ""
	if req.LimitSeconds > 0 {
		limit = strconv.Itoa(req.LimitSeconds)
	}
	err := d.rest.Do(ctx, rest.Request{
		Method: http.MethodPost, Path: "/channels",
		Query: params("endpoint", endpoint, "app", d.app,
			"appArgs", strings.TrimRight(strings.Join([]string{argOutbound, req.CallID, limit, req.SendDigits}, ","), ","),
			"callerId", cmp.Or(req.From, first(d.from)), "timeout", strconv.Itoa(req.RingSeconds), "channelId", id),
		JSON: map[string]any{"variables": map[string]string{callVariable: req.CallID}},
	}, nil)
	if provider.KindOf(err) == provider.KindRejected && strings.Contains(text(err), allocation) {
		err = provider.Errorf(provider.KindRejected, "the PBX can make no such channel (%s): there is no endpoint of the name, or its phone is not registered; the trunk's dial_string says which endpoint a number is", text(err))
	}
	if err != nil {
		return provider.DialResult{}, err
	}
	return provider.DialResult{LegID: id}, nil
}

// endpoint is the dial string of a callee: an endpoint as it is, a number as
// the trunk's dial string has it. ok is false for what is neither.
func (d *driver) endpoint(to string) (endpoint string, ok bool) {
	endpoint, ok = phone.Endpoint(to)
	switch {
	case ok:
	case number.MatchString(to):
		endpoint = strings.NewReplacer("{number}", to, "{digits}", strings.TrimPrefix(to, "+")).Replace(d.dialString)
	default:
		return "", false
	}
	// A Local channel steps out of the way of the channel that the dialplan
	// dials, and its id, which is the leg, with it: unless it is told to stay.
	if strings.HasPrefix(endpoint, "Local/") && !strings.HasSuffix(endpoint, "/n") {
		endpoint += "/n"
	}
	return endpoint, true
}

// Hangup implements provider.Driver. The media leg and the bridge follow when
// the event of it comes.
func (d *driver) Hangup(ctx context.Context, leg provider.Leg) error {
	return d.hangUp(ctx, leg.ID, reasonOf(leg.Cause))
}

// hangUp ends a channel, for one of Asterisk's reasons.
func (d *driver) hangUp(ctx context.Context, channel, reason string) error {
	if channel == "" {
		return errNoLeg()
	}
	return d.remove(ctx, channelPath(channel), params("reason", reason))
}

func errNoLeg() error { return provider.Errorf(provider.KindInvalid, "leg has no id") }

// Status implements provider.StatusReader. A channel that is over is not found:
// Asterisk keeps no record.
func (d *driver) Status(ctx context.Context, leg provider.Leg) (provider.LegStatus, error) {
	if leg.ID == "" {
		return provider.LegStatus{}, errNoLeg()
	}
	var c channel
	if err := d.get(ctx, channelPath(leg.ID), nil, &c); err != nil {
		return provider.LegStatus{}, err
	}
	return provider.LegStatus{Status: c.status(), Raw: c.State}, nil
}

// SendDTMF implements provider.DTMFSender.
func (d *driver) SendDTMF(ctx context.Context, leg provider.Leg, digits string) error {
	if leg.ID == "" {
		return errNoLeg()
	}
	if !call.ValidDigits(digits) {
		return provider.Errorf(provider.KindInvalid, "digits: want 0-9 * # A-D w")
	}
	return d.post(ctx, channelPath(leg.ID)+"/dtmf", params("dtmf", digits), nil)
}

// FindDial implements provider.Reconciler. A leg's id names its call, so the
// channels that live are looked through for it; one that is over left no trace.
func (d *driver) FindDial(ctx context.Context, req provider.DialRequest, _ time.Time) (provider.DialResult, bool, error) {
	channels, err := d.channels(ctx)
	if err != nil {
		return provider.DialResult{}, false, err
	}
	for _, c := range channels {
		if callID, ours := d.ids.callOf(c.ID); ours && callID == req.CallID {
			return provider.DialResult{LegID: c.ID}, true, nil
		}
	}
	return provider.DialResult{}, false, nil
}

func (d *driver) channels(ctx context.Context) (list []channel, err error) {
	err = d.get(ctx, "/channels", nil, &list)
	return list, err
}

// subscribe makes the application hear of a channel until its very end. Without
// it, the end of a channel that the dialplan made is not told.
func (d *driver) subscribe(ctx context.Context, channel string) error {
	return d.post(ctx, "/applications/"+url.PathEscape(d.app)+"/subscription", params("eventSource", "channel:"+channel), nil)
}
