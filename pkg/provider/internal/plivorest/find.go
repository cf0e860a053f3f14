package plivorest

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// Call is a call that is queued or live.
type Call struct {
	Status       string `json:"call_status"`
	CallUUID     string `json:"call_uuid"`
	RequestUUID  string `json:"request_uuid"`
	Direction    string `json:"direction"`
	From         string `json:"from"`
	To           string `json:"to"`
	SessionStart string `json:"session_start"` // 2017-05-22 13:17:49.050872, in whatever zone
}

// dialTime is how long after its dial a call may start.
const dialTime = 15 * time.Minute

// startedSince reports whether the call was made at or soon after since, if its
// start is told in one of the zones. One that waits may not have a start yet.
func (c *Call) startedSince(since time.Time, zones []*time.Location) bool {
	if c.SessionStart == "" {
		return c.Status == "queued"
	}
	for _, zone := range zones {
		at, err := time.ParseInLocation(time.DateTime, c.SessionStart, zone)
		if err == nil && !at.Before(since) && at.Before(since.Add(dialTime)) {
			return true
		}
	}
	return false
}

// states of a call that is not over, as the API is asked for them.
var states = []string{"live", "queued"}

// Pending reads a leg that is not over, nil where there is none.
func (a *API) Pending(ctx context.Context, leg provider.Leg) (*Call, error) {
	path, err := CallPath(leg)
	if err != nil {
		return nil, err
	}
	for _, state := range states {
		var c Call
		err := a.Get(ctx, path, url.Values{"status": {state}}, &c)
		switch {
		case err == nil && c.Status != "":
			return &c, nil
		case err != nil && provider.KindOf(err) != provider.KindNotFound:
			return nil, err
		}
	}
	return nil, nil
}

// maxPending bounds how many calls are looked at one by one.
const maxPending = 20

// Search is where calls that are not over are looked for.
type Search struct {
	Lists map[string]string // paths at which the API lists them, by state
	Zones []*time.Location  // in one of which it tells their start
}

// FindPending looks for what req may have made, since then, among the calls
// that are not over.
func (a *API) FindPending(ctx context.Context, s Search, req provider.DialRequest, since time.Time) (found []provider.DialResult, err error) {
	for _, state := range states {
		var page struct {
			Calls []string `json:"calls"`
		}
		if err := a.Get(ctx, s.Lists[state], url.Values{"status": {state}}, &page); err != nil {
			return nil, err
		}
		if len(page.Calls) > maxPending {
			return nil, nil // too many to tell; the record of the call will
		}
		for _, id := range page.Calls {
			c, err := a.Pending(ctx, provider.Leg{ID: id})
			if err != nil {
				return nil, err
			}
			if c != nil && Same(c.From, req.From) && Same(c.To, req.To) && c.Direction != "inbound" && c.startedSince(since, s.Zones) {
				found = append(found, provider.DialResult{LegID: c.CallUUID, Ref: c.RequestUUID})
			}
		}
	}
	return found, nil
}

// Same compares two addresses; carriers leave out the plus here and there.
func Same(a, b string) bool { return strings.TrimPrefix(a, "+") == strings.TrimPrefix(b, "+") }
