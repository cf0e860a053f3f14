package vobiz

import (
	"slices"
	"strconv"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/form"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivohook"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/plivorest"
)

// identify finds the account that a webhook on the shared inbound URL is for.
func identify(req *provider.Request) (account string, ok bool) {
	from, account := plivohook.Recognise(req)
	if from != plivohook.Vobiz {
		return "", false
	}
	return account, true
}

// Parse implements provider.WebhookReceiver. No signature covers what a
// webhook says, so one that ends a call must be about the leg of that call.
func (d *driver) Parse(req *provider.Request, known func() provider.History) (provider.Notice, error) {
	var room [plivohook.UsualFields]form.Field
	said, ok := plivohook.FieldsOrJSON(room[:0], req)
	if !ok {
		return provider.Notice{}, provider.Errorf(provider.KindInvalid, "body is %.60q, want a form", req.Header.MediaType())
	}
	n, err := plivohook.Parse(said, d.normal)
	if err != nil {
		return n, err
	}
	custom(&n, req.Header)
	if n.Terminal() {
		if leg := known().LegID; leg != "" && !named(said, leg) {
			return provider.Notice{}, provider.Errorf(provider.KindForbidden, "hang-up of leg %.60q at the address of another call", n.LegID)
		}
		parseEnd(&n, said)
	}
	if n.Kind == provider.RedirectDone {
		n.Next, err = plivorest.Next(req.Query())
	}
	return n, err
}

// named reports whether a webhook is about a leg.
func named(said form.Fields, leg string) bool {
	return slices.ContainsFunc([]string{"CallUUID", "RequestUUID", "ALegUUID", "ALegRequestUUID"}, func(name string) bool {
		return said.Get(name) == leg
	})
}

// parseEnd reads how long was talked and what it cost. Duration counts the
// ringing, too. The cost here has no currency, which differs from account to
// account: it is kept beside, and the call record tells the price.
func parseEnd(n *provider.Notice, said form.Fields) {
	if n.Seconds != nil {
		n.Detail["duration_s"] = strconv.Itoa(*n.Seconds)
	}
	n.Seconds = plivohook.Int(said, "BillDuration")
	if amount := said.Get("TotalCost"); amount != "" {
		n.Detail["cost"] = amount
	}
}

const customPrefix = "X-VH-"

// custom collects what Trunkline sent along with a stream or a call: it comes
// back in HTTP headers, the case of whose names nobody keeps.
func custom(n *provider.Notice, h provider.Header) {
	for _, f := range h {
		if len(f.Name) <= len(customPrefix) || !strings.EqualFold(f.Name[:len(customPrefix)], customPrefix) {
			continue
		}
		if n.Variables == nil {
			n.Variables = map[string]string{}
		}
		n.Variables[strings.Clone(f.Name)] = strings.Clone(f.Value) // the request is only borrowed
	}
}
