package plivo

import (
	"regexp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivohook"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivorest"
)

// identify finds the account that a webhook on the shared inbound URL is for.
// It is the main account's, also where the number belongs to a subaccount.
func identify(req *provider.Request) (account string, ok bool) {
	from, account := plivohook.Recognise(req)
	if from != plivohook.Plivo {
		return "", false
	}
	return account, true
}

var callUUID = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// Parse implements provider.WebhookReceiver. A signature does not tell where
// a field ends and the next begins, so the id must look like one.
func (d *driver) Parse(req *provider.Request, _ func() provider.History) (provider.Notice, error) {
	var room [plivohook.UsualFields]form.Field
	said, ok := plivohook.Fields(room[:0], req)
	if !ok {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "body is %.60q, want a form", req.Header.MediaType())
	}
	n, err := plivohook.Parse(said, plivohook.E164)
	if err != nil {
		return n, err
	}
	if !callUUID.MatchString(n.LegID) {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "CallUUID %.60q is none", n.LegID)
	}
	if amount := said.Get("TotalCost"); n.Terminal() && decimal.MatchString(amount) {
		n.Cost = &call.Cost{Amount: amount} // no currency is ever told
	}
	if n.Kind == provider.RedirectDone {
		n.Next, err = plivorest.Next(req.Query())
	}
	return n, err
}
