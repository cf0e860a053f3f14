package ari

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// view is what a reconciliation sees: the log's live legs, then the PBX. The log
// is asked first, so that a leg which it knows has a channel or is over.
type view struct {
	legs     []provider.Leg
	channels []channel
	bridges  []bridge
	there    map[string]bool     // channels, by id
	heard    map[string]bool     // callers that have a media leg, by id
	known    map[string]bool     // legs of the log, by id
	bridged  map[string][]string // channels of a bridge, by its id
}

func (l *listener) look(ctx context.Context) (v view, err error) {
	if v.legs, err = l.sink.Live(ctx); err != nil {
		return v, err
	}
	if v.channels, err = l.channels(ctx); err != nil {
		return v, err
	}
	if err := l.get(ctx, "/bridges", nil, &v.bridges); err != nil {
		return v, err
	}
	v.there, v.heard, v.known, v.bridged = map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string][]string{}
	for i := range v.channels {
		id := v.channels[i].ID
		v.there[id] = true
		if caller, ours := l.ids.callerOf(id); ours {
			v.heard[caller] = true
		}
	}
	for _, leg := range v.legs {
		v.known[leg.ID] = true
	}
	for _, b := range v.bridges {
		v.bridged[b.ID] = b.Channels
	}
	return v, nil
}

// reconcile compares the PBX with the log. What is wrong at one moment may only
// be on its way to be right, so what cannot be undone is done at the second
// sight: suspects are what was wrong at the sight before, and what is wrong now
// is returned. At the first sight of a socket nothing is on its way to end, as
// what happened before is told no more.
func (l *listener) reconcile(ctx context.Context, suspects map[string]bool) (wrong map[string]bool, err error) {
	first := suspects == nil
	v, err := l.look(ctx)
	if err != nil {
		return suspects, err
	}
	wrong = map[string]bool{}
	for _, leg := range v.legs {
		if leg.ID == "" || v.there[leg.ID] {
			continue
		}
		gone := "gone " + leg.ID
		if wrong[gone] = true; first || suspects[gone] {
			l.ghost(leg)
		}
	}
	for i := range v.channels {
		c := &v.channels[i]
		if caller, ours := l.ids.callerOf(c.ID); ours {
			if !v.there[caller] { // it came before its media leg, so it is gone
				_ = l.hangUp(ctx, c.ID, "normal") // next time
			}
			continue
		}
		if l.deserted(c, &v) {
			l.lane(c.ID).push(func(ctx context.Context) { l.streamOver(ctx, c.ID) })
			continue
		}
		waits := l.waits(c, &v)
		if !waits && !l.orphaned(c, &v) {
			continue
		}
		wrong[c.ID] = true
		switch {
		case suspects[c.ID]:
			_ = l.hangUp(ctx, c.ID, "congestion") // next time
		case waits:
			l.tellAgain(c)
		}
	}
	l.joinLate(&v)
	l.sweepBridges(ctx, &v)
	return wrong, nil
}

// ghost records the end of a leg without a channel. It goes through the leg's
// lane, behind the event that may tell better.
func (l *listener) ghost(leg provider.Leg) {
	lane := l.lane(leg.ID)
	lane.push(func(ctx context.Context) {
		if lane.timers[endOf(leg.ID)] != nil {
			return // that knows whether it was answered
		}
		l.record(ctx, provider.Notice{
			Kind: provider.CallStatus, LegID: leg.ID, CallID: leg.CallID, Ref: leg.Ref, EventID: "gone-" + digest(leg.ID),
			Time: time.Now(), Status: call.Uncertain, Cause: call.CauseUnknown, Error: "the channel went while nobody listened",
		})
	})
}

// waits reports whether a caller, or a callee who answered, is in the
// application without a bridge: nobody has taken care of the call so far.
func (l *listener) waits(c *channel, v *view) bool {
	if _, bridged := v.bridged[l.ids.bridgeOf(c.ID)]; bridged || c.Dialplan.AppName != "Stasis" {
		return false
	}
	r := l.ids.role(c, l.app, nil)
	return r == roleInbound || r == roleOutbound
}

// deserted reports whether a caller is alone in the bridge: the media leg, which
// entered it together with the caller, is over.
func (l *listener) deserted(c *channel, v *view) bool {
	in := v.bridged[l.ids.bridgeOf(c.ID)]
	return len(in) == 1 && in[0] == c.ID && !v.heard[c.ID]
}

// orphaned reports whether a channel of a caller or a callee is ours and of
// nobody's call.
func (l *listener) orphaned(c *channel, v *view) bool {
	if v.known[c.ID] {
		return false
	}
	if _, ours := l.ids.callOf(c.ID); ours {
		return true
	}
	return c.Dialplan.AppName == "Stasis" && l.ids.role(c, l.app, nil) == roleInbound
}

// tellAgain records once more that a caller came, or that a callee answered:
// whoever was to tell may be dead. For the log, what it knows is no news.
func (l *listener) tellAgain(c *channel) {
	_, data, _ := strings.Cut(c.Dialplan.AppData, ",")
	e := &event{Type: "StasisStart", Application: l.app, Channel: c, Args: strings.Split(data, ",")}
	n := provider.Notice{EventID: "here-" + digest(c.ID), Time: stamp(c.Created), RawStatus: e.Type}
	l.ids.subject(&n, e, c)
	l.ids.kind(&n, e)
	l.lane(n.LegID).push(func(ctx context.Context) {
		switch n.Kind {
		case provider.InboundCall:
			l.inbound(ctx, n)
		case provider.Answer: // without the keys: they may be pressed already
			l.record(ctx, n)
		}
	})
}

// joinLate joins media legs that came into the application while nobody
// listened.
func (l *listener) joinLate(v *view) {
	for i := range v.channels {
		c := &v.channels[i]
		caller, ours := l.ids.callerOf(c.ID)
		if !ours || c.Dialplan.AppName != "Stasis" || !v.there[caller] {
			continue
		}
		l.lane(caller).push(func(ctx context.Context) {
			var b bridge
			if err := l.get(ctx, bridgePath(l.ids.bridgeOf(caller)), nil, &b); err == nil && !slices.Contains(b.Channels, c.ID) {
				_ = l.join(ctx, caller, c.ID) // it parts them when it fails
			}
		})
	}
}

// sweepBridges takes away our bridges whose caller is gone.
func (l *listener) sweepBridges(ctx context.Context, v *view) {
	needed := make(map[string]bool, len(v.channels))
	for i := range v.channels {
		needed[l.ids.bridgeOf(v.channels[i].ID)] = true
	}
	for _, b := range v.bridges {
		if strings.HasPrefix(b.ID, l.ids.bridge) && !needed[b.ID] {
			_ = l.remove(ctx, bridgePath(b.ID), nil) // next time
		}
	}
}
