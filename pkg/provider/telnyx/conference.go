package telnyx

import (
	"context"
	"net/http"
	"net/url"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// room is a conference as the REST API shows it.
type room struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"` // init, in_progress, completed
}

type createBody struct {
	common
	Leg   string `json:"call_control_id"`
	Name  string `json:"name"`
	Beep  string `json:"beep_enabled"`
	Start bool   `json:"start_conference_on_create"`
}

type joinBody struct {
	common
	Leg   string `json:"call_control_id"`
	Beep  string `json:"beep_enabled"`
	Start bool   `json:"start_conference_on_enter"`
	End   bool   `json:"end_conference_on_exit"`
}

const noBeep = "never"

// conference puts the leg into the room of a name, which it opens where there
// is none. Two legs that open it at the same moment may find themselves in two
// rooms: names need not be unique at Telnyx.
func (r *run) conference(ctx context.Context, c *call.Conference) error {
	plain, err := r.state("", nil)
	if err != nil {
		return err
	}
	var open room
	err = list(ctx, r.driver, "/conferences", url.Values{"filter[name]": {c.Name}}, func(it room) bool {
		if it.Name == c.Name && it.Status != "completed" {
			open = it
		}
		return open.ID == ""
	})
	switch {
	case err != nil:
		return err
	case open.ID == "" && c.EndOnExit:
		return provider.Errorf(provider.KindUnsupported, "conference: telnyx cannot end a room with the leg that opens it")
	case open.ID == "":
		return r.post(ctx, "/conferences", "conference", &createBody{
			common: common{State: plain}, Leg: r.leg.ID, Name: c.Name, Beep: noBeep, Start: c.StartOnEnter,
		})
	}
	err = r.post(ctx, "/conferences/"+segment(open.ID)+"/actions/join", "join", &joinBody{
		common: common{State: plain}, Leg: r.leg.ID, Beep: noBeep, Start: c.StartOnEnter, End: c.EndOnExit,
	})
	if failedWith(err, codeInConference) {
		return nil
	}
	return err
}

// post is command for what is no command of a leg.
func (r *run) post(ctx context.Context, path, name string, body interface{ identify(string) }) error {
	r.identify(name, body)
	_, err := send[struct{}](ctx, r.driver, http.MethodPost, path, body, r.once)
	return err
}
