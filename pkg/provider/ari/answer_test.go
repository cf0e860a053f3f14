package ari

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

func streamOf(encoding string, rate int) call.Instruction {
	return call.Instruction{Steps: []call.Step{
		{Stream: &call.Stream{URL: "wss://media.trunkline.example/v1/media/x", StreamID: "01JST", Encoding: encoding, Rate: rate}}, {Hangup: &call.Hangup{}},
	}}
}

// legOf is a leg for which media sockets are dialled; socket is what was asked for.
func legOf(socket *provider.Socket, err error) provider.Leg {
	return provider.Leg{ID: testCaller, CallID: "01JABC", Connect: func(_ context.Context, s provider.Socket) error {
		*socket = s
		return err
	}}
}

const madeMedia = `{"id":"x","state":"Down","channelvars":{"MEDIA_WEBSOCKET_CONNECTION_ID":"e112c046-9178-444f-90b7-7597cf0fb9fe","MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE":"160"}}`

func TestAnswerStream(t *testing.T) {
	p := newPBX(t)
	p.on("POST /channels/externalMedia", 200, madeMedia)
	d := p.driver()
	var socket provider.Socket
	if err := d.Answer(ctx, legOf(&socket, nil), streamOf("", 0)); err != nil {
		t.Fatal(err)
	}
	want := provider.Socket{StreamID: "01JST", Protocol: "media", URL: "ws" + strings.TrimPrefix(p.srv.URL, "http") + "/media/e112c046-9178-444f-90b7-7597cf0fb9fe"}
	if diff := cmp.Diff(want, socket); diff != "" {
		t.Errorf("socket (-want +got):\n%s", diff)
	}
	got := p.requests()
	if len(got) != 2 || got[0] != "POST /bridges?bridgeId="+d.ids.bridgeOf(testCaller)+"&type=mixing" {
		t.Fatalf("requests %q", got)
	}
	query, err := url.ParseQuery(strings.TrimPrefix(got[1], "POST /channels/externalMedia?"))
	if err != nil {
		t.Fatal(err)
	}
	if caller, ours := d.ids.callerOf(query.Get("channelId")); !ours || caller != testCaller {
		t.Errorf("media leg %s does not tell its caller", query.Get("channelId"))
	}
	query.Del("channelId")
	if diff := cmp.Diff(url.Values{"app": {"trunkline"}, "format": {"ulaw"}, "transport": {"websocket"}, "encapsulation": {"none"},
		"connection_type": {"server"}, "data": {"media"}, "transport_data": {"f(json)"}}, query); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Where a firewall wants it, Asterisk dials: nobody is told to, and what stands
// in the URL's path travels as parameters.
func TestAnswerAsClient(t *testing.T) {
	p := newPBX(t)
	p.on("POST /channels/externalMedia", 200, `{"id":"x","state":"Down","channelvars":{"MEDIA_WEBSOCKET_CONNECTION_ID":"gw"}}`)
	in := streamOf("", 0)
	in.Steps[0].Stream.URL = "wss://calls.example.com/pre/v1/media/default/pbx/01JABC/01JST/t4zx.a-b_c(,"
	leg := provider.Leg{ID: testCaller, CallID: "01JABC", Connect: func(context.Context, provider.Socket) error {
		t.Error("a media node is told to dial")
		return nil
	}}
	if err := p.driver(fieldMediaMode, modeClient, fieldClient, "gw").Answer(ctx, leg, in); err != nil {
		t.Fatal(err)
	}
	query, err := url.ParseQuery(strings.TrimPrefix(p.requests()[1], "POST /channels/externalMedia?"))
	if err != nil {
		t.Fatal(err)
	}
	query.Del("channelId")
	if diff := cmp.Diff(url.Values{"app": {"trunkline"}, "format": {"ulaw"}, "transport": {"websocket"}, "encapsulation": {"none"},
		"connection_type": {"client"}, "external_host": {"gw"}, "data": {"media"},
		"transport_data": {"f(json)v(org=default,trunk=pbx,call=01JABC,stream=01JST,token=t4zx.a-b_c%28%2C)"}}, query); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := p.driver(fieldMediaMode, modeClient, fieldClient, "gw").Answer(ctx, leg, streamOf("", 0)); provider.KindOf(err) != provider.KindInvalid {
		t.Errorf("a URL that names no stream: %v", err)
	}
}

func TestAnswerFormats(t *testing.T) {
	for _, test := range []struct {
		encoding string
		rate     int
		more     []any
		want     string
	}{
		{"", 0, nil, "format=ulaw"}, {"", 0, []any{fieldFormat, "slin16"}, "format=slin16"}, {"alaw", 0, nil, "format=alaw"},
		{"l16", 16000, nil, "format=slin16"}, {"l16", 8000, nil, "format=slin"}, {"l16", 16000, []any{fieldFormat, "alaw"}, "format=alaw"},
		{"", 0, []any{fieldDirection, onlyIn}, "direction=in"},
	} {
		p := newPBX(t)
		p.on("POST /channels/externalMedia", 200, madeMedia)
		if err := p.driver(test.more...).Answer(ctx, legOf(new(provider.Socket), nil), streamOf(test.encoding, test.rate)); err != nil {
			t.Error(err)
			continue
		}
		if got := p.requests()[1]; !strings.Contains(got+"&", test.want+"&") {
			t.Errorf("%+v: %s", test, got)
		}
	}
	p := newPBX(t)
	for _, odd := range []call.Instruction{streamOf("opus", 48000), streamOf("l16", 11025), streamOf("l16", 0)} {
		if err := p.driver().Answer(ctx, legOf(new(provider.Socket), nil), odd); provider.KindOf(err) != provider.KindUnsupported {
			t.Errorf("%v: want unsupported", err)
		}
	}
	if got := p.requests(); got != nil {
		t.Errorf("an unknown format reaches the PBX, which may die of it: %v", got)
	}
}

// The bridge is made once: a repeated order makes no second media leg, but the
// one that was never made.
func TestAnswerTwice(t *testing.T) {
	p := newPBX(t)
	p.on("POST /bridges", 409, `{"message":"Bridge with id already exists"}`)
	p.on("POST /channels/externalMedia", 200, madeMedia)
	d := p.driver()
	id, _ := d.ids.newMedia(testCaller)
	p.on("GET /channels", 200, `[{"id":"`+testCaller+`"},{"id":"`+id+`"}]`)
	err := d.Answer(ctx, legOf(new(provider.Socket), nil), streamOf("", 0))
	if provider.KindOf(err) != provider.KindConflict || len(p.requests()) != 1 {
		t.Errorf("%v after %v", err, p.requests())
	}
	p.on("GET /channels", 200, `[{"id":"`+testCaller+`"}]`) // whoever made the bridge died
	var socket provider.Socket
	if err := d.Answer(ctx, legOf(&socket, nil), streamOf("", 0)); err != nil || socket.URL == "" {
		t.Errorf("%v, socket %+v", err, socket)
	}
}

func TestAnswerOfNobody(t *testing.T) {
	p := newPBX(t)
	p.on("GET /channels/"+testCaller, 404, `{"message":"Channel not found"}`)
	err := p.driver().Answer(ctx, legOf(new(provider.Socket), nil), streamOf("", 0))
	if provider.KindOf(err) != provider.KindNotFound || p.requests() != nil {
		t.Errorf("%v after %v", err, p.requests())
	}
}

// What was made before a failure goes, so that the order may be tried again.
func TestAnswerFails(t *testing.T) {
	for name, test := range map[string]struct {
		made    reply
		connect error
		kind    provider.Kind
	}{
		"no media leg":  {reply{500, `{"error":"Allocation failed"}`}, nil, provider.KindRejected},
		"no node":       {reply{200, madeMedia}, errors.New("queue is away"), provider.KindUnavailable},
		"no connection": {reply{200, `{"id":"x"}`}, nil, provider.KindUncertain},
		"odd":           {reply{200, strings.Replace(madeMedia, "e112", "../", 1)}, nil, provider.KindUncertain},
	} {
		p := newPBX(t)
		d := p.driver()
		p.on("POST /channels/externalMedia", test.made.status, test.made.body)
		if err := d.Answer(ctx, legOf(new(provider.Socket), test.connect), streamOf("", 0)); provider.KindOf(err) != test.kind {
			t.Errorf("%s: %v, want %s", name, err, test.kind)
		}
		p.await("DELETE /channels/" + d.ids.media)
		p.await("DELETE /bridges/" + d.ids.bridgeOf(testCaller))
	}
}

func TestAnswerTurnsAway(t *testing.T) {
	for want, step := range map[string]call.Step{
		"reason=rejected": {Reject: &call.Reject{}}, "reason=busy": {Reject: &call.Reject{Busy: true}}, "reason=normal": {Hangup: &call.Hangup{}},
	} {
		p := newPBX(t)
		if err := p.driver().Answer(ctx, provider.Leg{ID: testCaller}, call.Instruction{Steps: []call.Step{step}}); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"DELETE /channels/" + testCaller + "?" + want}, p.requests()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnswerCannot(t *testing.T) {
	p := newPBX(t)
	stream := streamOf("", 0).Steps[0]
	for name, test := range map[string]struct {
		leg  provider.Leg
		in   call.Instruction
		kind provider.Kind
	}{
		"say":          {legOf(new(provider.Socket), nil), call.Spoken("hello"), provider.KindUnsupported},
		"say behind":   {legOf(new(provider.Socket), nil), call.Instruction{Steps: []call.Step{stream, {Say: &call.Say{Text: "x"}}}}, provider.KindUnsupported},
		"nothing":      {legOf(new(provider.Socket), nil), call.Instruction{}, provider.KindInvalid},
		"no leg":       {provider.Leg{}, streamOf("", 0), provider.KindInvalid},
		"nobody dials": {provider.Leg{ID: testCaller}, streamOf("", 0), provider.KindUnsupported},
		"long leg":     {provider.Leg{ID: strings.Repeat("x", 140), Connect: legOf(new(provider.Socket), nil).Connect}, streamOf("", 0), provider.KindInvalid},
	} {
		if err := p.driver().Answer(ctx, test.leg, test.in); err == nil || provider.KindOf(err) != test.kind {
			t.Errorf("%s: %v, want %s", name, err, test.kind)
		}
	}
	if got := p.requests(); got != nil {
		t.Errorf("requests were made: %v", got)
	}
}
