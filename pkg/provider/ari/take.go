package ari

import (
	"context"
	"slices"
	"strconv"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/phone"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// take does what one event asks for, and records it. It runs in the lane of the
// event's leg.
func (l *listener) take(ctx context.Context, e *event, n provider.Notice) {
	if n.LegID == "" {
		return // it is about no channel
	}
	if n.StreamID != "" {
		l.takeMedia(ctx, e, n)
		return
	}
	switch {
	case n.Foreign:
	case n.Kind == provider.InboundCall:
		l.inbound(ctx, n)
		return
	case e.Type == "StasisStart" && n.Kind == provider.Answer:
		l.answered(ctx, e, n)
	case e.Type == "StasisEnd":
		l.leave(ctx, n.LegID)
		l.expectEnd(n, e.about().State == "Up")
	case e.Type == "ChannelDestroyed":
		l.lane(n.LegID).stop(endOf(n.LegID))
	}
	if n.Kind != provider.NoKind {
		l.record(ctx, n)
	}
}

// inbound takes a caller: subscribed, so that the end is heard of; ringing, so
// that the caller's carrier waits.
func (l *listener) inbound(ctx context.Context, n provider.Notice) {
	called := n.To
	if to, err := phone.Normalize(called, l.country); err == nil {
		n.To = to // the form in which numbers are kept
	}
	if len(l.extensions) > 0 && !slices.Contains(l.extensions, called) && !slices.Contains(l.extensions, n.To) {
		_ = l.hangUp(ctx, n.LegID, "unallocated") // the janitor finds who is left over
		return
	}
	err := l.subscribe(ctx, n.LegID)
	if kind := provider.KindOf(err); kind == provider.KindConflict || kind == provider.KindNotFound {
		return // the caller is gone, and nobody was told of the call
	}
	if n.Status == call.Ringing {
		_ = l.post(ctx, channelPath(n.LegID)+"/ring", nil, nil) // a caller may do without
	}
	if !l.record(ctx, n) {
		_ = l.hangUp(ctx, n.LegID, "congestion")
		return
	}
	if n.Status == call.Answered { // by the dialplan, so no event of it comes
		n.Kind = provider.CallStatus
		l.record(ctx, n)
	}
}

// answered is a callee who answered: the limit of the talk and the keys to be
// pressed stand in the arguments with which the dial was made.
func (l *listener) answered(ctx context.Context, e *event, n provider.Notice) {
	if limit, err := strconv.Atoi(at(e.Args, 2)); err == nil && limit > 0 {
		query := params("variable", "TIMEOUT(absolute)", "value", strconv.Itoa(limit))
		_ = l.post(ctx, channelPath(n.LegID)+"/variable", query, nil) // the call goes on without
	}
	if digits := at(e.Args, 3); call.ValidDigits(digits) {
		_ = l.SendDTMF(ctx, provider.Leg{ID: n.LegID}, digits)
	}
}

// takeMedia is about a media leg. n.LegID is its caller, unless it is foreign.
func (l *listener) takeMedia(ctx context.Context, e *event, n provider.Notice) {
	caller, ours := l.ids.callerOf(n.StreamID)
	if !ours {
		return // somebody else's: a snoop, a recorder
	}
	lane := l.lane(caller)
	late := "connect " + n.StreamID
	switch e.Type {
	case "Dial":
		if e.DialStatus == "" { // made, and waiting for a media node
			lane.after(late, l.times.connect, func(ctx context.Context) {
				l.part(ctx, caller, n.StreamID, "congestion")
			})
		}
	case "StasisStart":
		lane.stop(late)
		if err := l.join(ctx, caller, n.StreamID); err != nil {
			n.StreamEvent, n.Error = "error", text(err)
		}
	case "StasisEnd":
		l.streamOver(ctx, caller)
	case "ChannelDestroyed":
		lane.stop(late)
		if n.StreamEvent == "error" { // it never entered
			l.part(ctx, caller, n.StreamID, "congestion")
		} else {
			return // told at its StasisEnd
		}
	}
	if n.Kind != provider.NoKind {
		l.record(ctx, n)
	}
}

func endOf(leg string) string { return "end " + leg }

// expectEnd waits for the end of a channel that has left the application. Where
// it does not come the channel is looked up: gone without a word, it ended for
// a cause that nobody will learn.
func (l *listener) expectEnd(n provider.Notice, answered bool) {
	var check func(context.Context)
	lane := l.lane(n.LegID)
	wait := l.times.end
	check = func(ctx context.Context) {
		_, err := l.Status(ctx, provider.Leg{ID: n.LegID})
		if err == nil || provider.KindOf(err) != provider.KindNotFound { // the dialplan has it now
			wait = min(2*wait, l.times.janitor)
			lane.after(endOf(n.LegID), wait, check)
			return
		}
		end := n
		end.Kind, end.Status, end.Cause = provider.CallStatus, call.Canceled, call.CauseUnknown
		if answered {
			end.Status = call.Completed
		}
		l.record(ctx, end)
	}
	lane.after(endOf(n.LegID), wait, check)
}

// record hands a notice on, a few times if need be, and reports whether it is
// recorded. An end that is lost is found by the janitor.
func (l *listener) record(ctx context.Context, n provider.Notice) bool {
	wait := l.times.record
	for i := 1; ; i++ {
		if err := l.sink.Notice(ctx, n); err == nil {
			return true
		}
		if i == l.times.attempts || !sleep(ctx, wait) {
			return false
		}
		wait *= 2
	}
}
