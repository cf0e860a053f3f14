package ari

import (
	"context"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// reconcile compares the PBX with the log. A leg that the log holds for alive
// and that has no channel has ended unheard; a channel of ours of which the log
// does not know belongs to nobody, and is hung up. The log is asked first, so
// that a leg which it knows has a channel or is over. A young channel is not
// hung up: the log may only be about to hear of it, and whoever was to tell may
// be dead, so what it waits for is told once more.
func (l *listener) reconcile(ctx context.Context) {
	live, err := l.sink.Live(ctx)
	if err != nil {
		return // next time
	}
	var ping struct {
		Timestamp string `json:"timestamp"`
	}
	if err := l.get(ctx, "/asterisk/ping", nil, &ping); err != nil {
		return
	}
	channels, err := l.channels(ctx)
	if err != nil {
		return
	}
	var bridges []bridge
	if err := l.get(ctx, "/bridges", nil, &bridges); err != nil {
		return
	}
	there := make(map[string]bool, len(channels))
	for _, c := range channels {
		there[c.ID] = true
	}
	known := make(map[string]bool, len(live))
	for _, leg := range live {
		known[leg.ID] = true
		if leg.ID != "" && !there[leg.ID] {
			l.ghost(leg)
		}
	}
	now := stamp(ping.Timestamp)
	bridged := make(map[string]bool, len(bridges))
	for _, b := range bridges {
		bridged[b.ID] = true
	}
	for i := range channels {
		c := &channels[i]
		switch old := l.settled(c, now); {
		case old && l.orphaned(c, there, known):
			_ = l.hangUp(ctx, c.ID, "congestion") // next time
		case !old && c.Dialplan.AppName == "Stasis" && !bridged[l.ids.bridgeOf(c.ID)]:
			l.tellAgain(c)
		}
	}
	l.sweepBridges(ctx, channels, bridges, now)
}

// tellAgain records once more that a caller came, or that a callee answered, of
// whom nobody has taken care so far. For the log, what it knows already is no
// news.
func (l *listener) tellAgain(c *channel) {
	_, data, _ := strings.Cut(c.Dialplan.AppData, ",")
	e := &event{Type: "StasisStart", Application: l.app, Channel: c, Args: strings.Split(data, ","), Timestamp: c.Created}
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

// settled reports whether a channel is so old that whoever made it has recorded
// it. now is the PBX' own time.
func (l *listener) settled(c *channel, now time.Time) bool {
	created := stamp(c.Created)
	return !created.IsZero() && now.Sub(created) > l.times.orphan
}

// orphaned reports whether a channel is ours and of nobody's call.
func (l *listener) orphaned(c *channel, there, known map[string]bool) bool {
	if caller, ours := l.ids.callerOf(c.ID); ours {
		return !there[caller]
	}
	if known[c.ID] {
		return false
	}
	if _, ours := l.ids.callOf(c.ID); ours {
		return true
	}
	return c.Dialplan.AppName == "Stasis" && l.ids.role(c, l.app, nil) == roleInbound
}

// sweepBridges takes away our bridges whose caller is gone, and joins media
// legs that came into the application while nobody listened.
func (l *listener) sweepBridges(ctx context.Context, channels []channel, bridges []bridge, now time.Time) {
	needed := make(map[string]bool, len(channels))
	for _, c := range channels {
		needed[l.ids.bridgeOf(c.ID)] = true
	}
	bridged := map[string]bool{}
	for _, b := range bridges {
		for _, id := range b.Channels {
			bridged[id] = true
		}
		if strings.HasPrefix(b.ID, l.ids.bridge) && !needed[b.ID] {
			_ = l.remove(ctx, bridgePath(b.ID), nil) // next time
		}
	}
	for i := range channels {
		c := &channels[i]
		caller, ours := l.ids.callerOf(c.ID)
		if ours && c.Dialplan.AppName == "Stasis" && !bridged[c.ID] && needed[l.ids.bridgeOf(caller)] && l.settled(c, now) {
			l.lane(caller).push(func(ctx context.Context) { _ = l.join(ctx, caller, c.ID) }) // it parts them when it fails
		}
	}
}
