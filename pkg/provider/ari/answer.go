package ari

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/pkg/provider/internal/rest"
)

// Answer implements provider.Answerer. A media stream takes several steps: here
// the bridge and the media leg are made, and a media node is told to dial its
// socket. Then the media leg enters the application, whose listener answers the
// caller and joins the two (join): a caller whose audio cannot be connected
// pays for no answer.
//
// The bridge has one id for each caller, and Asterisk makes it once: it tells
// whoever carries out a repeated order that somebody began before. The order is
// done, unless that one died before the media leg was made.
func (d *driver) Answer(ctx context.Context, leg provider.Leg, in call.Instruction) error {
	if leg.ID == "" {
		return errNoLeg()
	}
	if err := in.Validate(); err != nil {
		return provider.Errorf(provider.KindInvalid, "%s", err)
	}
	switch first := in.Steps[0]; {
	case first.Hangup != nil:
		return d.hangUp(ctx, leg.ID, "normal")
	case first.Reject != nil && first.Reject.Busy:
		return d.hangUp(ctx, leg.ID, "busy")
	case first.Reject != nil:
		return d.hangUp(ctx, leg.ID, "rejected")
	case first.Stream == nil:
		return unsupported(first)
	}
	for _, s := range in.Steps[1:] { // the end of the stream is the end of the call
		if s.Hangup == nil {
			return unsupported(s)
		}
	}
	return d.stream(ctx, leg, in.Steps[0].Stream)
}

func unsupported(s call.Step) error {
	return provider.Errorf(provider.KindUnsupported, "step %s: at an Asterisk an instruction is a reject, a hangup, or a stream and a hangup", s.Verb())
}

func (d *driver) stream(ctx context.Context, leg provider.Leg, s *call.Stream) error {
	if d.client == "" && leg.Connect == nil {
		return provider.Errorf(provider.KindUnsupported, "nobody is there who can have the media socket dialled")
	}
	format, err := d.wanted(s)
	if err != nil {
		return err
	}
	id, ok := d.ids.newMedia(leg.ID)
	if !ok {
		return provider.Errorf(provider.KindInvalid, "the channel's id is too long: shorten systemname in asterisk.conf")
	}
	if err := d.get(ctx, channelPath(leg.ID), nil, nil); err != nil {
		return err
	}
	bridge := d.ids.bridgeOf(leg.ID)
	err = d.post(ctx, "/bridges", params("type", "mixing", "bridgeId", bridge), nil)
	if provider.KindOf(err) == provider.KindConflict {
		has, lookErr := d.hasMedia(ctx, leg.ID)
		if has || lookErr != nil {
			return cmp.Or(lookErr, err)
		}
	} else if err != nil {
		return err
	}
	if err := d.mediaLeg(ctx, leg, s, id, format); err != nil {
		// Whatever was made goes, so that the order may be tried again.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.times.request)
		defer cancel()
		_ = d.hangUp(clean, id, "normal")
		_ = d.remove(clean, bridgePath(bridge), nil)
		return err
	}
	return nil
}

// hasMedia reports whether a caller has a media leg.
func (d *driver) hasMedia(ctx context.Context, caller string) (bool, error) {
	channels, err := d.channels(ctx)
	for i := range channels {
		if of, ours := d.ids.callerOf(channels[i].ID); ours && of == caller {
			return true, nil
		}
	}
	return false, err
}

// mediaLeg makes the media leg of an id and has its socket dialled, by a media
// node or by Asterisk. All values are known to be good: some versions of
// Asterisk die of others.
func (d *driver) mediaLeg(ctx context.Context, leg provider.Leg, s *call.Stream, id, format string) error {
	direction := d.direction
	if direction == both {
		direction = ""
	}
	side, options := "server", "f(json)"
	if d.client != "" {
		parameters, err := streamParameters(s.URL)
		if err != nil {
			return err
		}
		side, options = "client", options+"v("+parameters+")"
	}
	var made channel
	err := d.post(ctx, "/channels/externalMedia", params("app", d.app, "channelId", id, "format", format,
		"transport", "websocket", "encapsulation", "none", "connection_type", side, "external_host", d.client,
		"data", argMedia, "transport_data", options, "direction", direction), &made)
	if err != nil || d.client != "" {
		return err
	}
	connection := made.Variables["MEDIA_WEBSOCKET_CONNECTION_ID"]
	if connection == "" || strings.ContainsAny(connection, "/?#") {
		return provider.Errorf(provider.KindUncertain, "reply names no media socket")
	}
	err = leg.Connect(ctx, provider.Socket{StreamID: s.StreamID, URL: d.media + "/media/" + connection, Protocol: "media", Insecure: !d.verify})
	if err != nil {
		return &provider.Error{Kind: provider.KindUnavailable, Err: fmt.Errorf("order the media socket: %w", err)}
	}
	return nil
}

// wanted is Asterisk's name of the trunk's format or, where it has none of its
// own, of the one that a stream asks for.
func (d *driver) wanted(s *call.Stream) (string, error) {
	switch {
	case d.format != autoFormat:
		return d.format, nil
	case s.Encoding == "":
		return defaultFormat, nil
	}
	asked := media.Format{Encoding: media.Encoding(s.Encoding), Rate: s.Rate}
	if asked.Rate == 0 && asked.Encoding != media.L16 {
		asked.Rate = 8000 // G.711 has no other
	}
	for name, f := range formats {
		if f == asked {
			return name, nil
		}
	}
	return "", provider.Errorf(provider.KindUnsupported, "format %s: Asterisk has no such", asked)
}

// join answers the caller of a media leg that entered the application, and
// joins both. Where that fails the call is over: its audio is.
func (d *driver) join(ctx context.Context, caller, mediaLeg string) error {
	err := d.post(ctx, channelPath(caller)+"/answer", nil, nil)
	if err == nil {
		err = d.post(ctx, bridgePath(d.ids.bridgeOf(caller))+"/addChannel", params("channel", caller+","+mediaLeg), nil)
	}
	if err != nil {
		d.part(ctx, caller, mediaLeg, "congestion")
	}
	return err
}

// part ends a call of which the media leg never came to work.
func (d *driver) part(ctx context.Context, caller, mediaLeg, reason string) {
	_ = d.hangUp(ctx, caller, reason) // the janitor finds what is left over
	_ = d.hangUp(ctx, mediaLeg, "normal")
	_ = d.remove(ctx, bridgePath(d.ids.bridgeOf(caller)), nil)
}

// streamOver ends the call of a stream that is over. Without a bridge the
// caller was the first to leave, and may have gone on in the dialplan.
func (d *driver) streamOver(ctx context.Context, caller string) {
	err := d.quick(ctx, rest.Request{Method: http.MethodDelete, Path: bridgePath(d.ids.bridgeOf(caller))}, nil)
	if provider.KindOf(err) == provider.KindNotFound {
		return
	}
	_ = d.hangUp(ctx, caller, "normal") // nobody can do more
}

// leave takes away what a caller who is gone has left: Asterisk tears down
// nothing by itself. The bridge goes first, see streamOver.
func (d *driver) leave(ctx context.Context, caller string) {
	var b bridge
	path := bridgePath(d.ids.bridgeOf(caller))
	if err := d.get(ctx, path, nil, &b); err != nil {
		return
	}
	_ = d.remove(ctx, path, nil) // the janitor finds what is left over
	for _, id := range b.Channels {
		if of, ours := d.ids.callerOf(id); ours && of == caller {
			_ = d.hangUp(ctx, id, "normal")
		}
	}
}
