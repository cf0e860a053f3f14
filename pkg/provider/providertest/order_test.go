package providertest

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/media"
)

// TestCommandOf covers the messages by which carriers are spoken to.
func TestCommandOf(t *testing.T) {
	for text, want := range map[string]media.Command{
		`{"event":"media","streamSid":"MZ1","media":{"payload":"AAEC"}}`:                                 {Kind: media.CommandAudio, Audio: []byte{0, 1, 2}},
		`{"event":"playAudio","media":{"contentType":"audio/x-l16","sampleRate":8000,"payload":"AAEC"}}`: {Kind: media.CommandAudio, Audio: []byte{0, 1, 2}},
		`{"event":"mark","mark":{"name":"a"}}`:                                                           {Kind: media.CommandMark, Name: "a"},
		`{"event":"checkpoint","streamId":"s","name":"a"}`:                                               {Kind: media.CommandMark, Name: "a"},
		`{"action":"notify","payload":{"mark":"a"}}`:                                                     {Kind: media.CommandMark, Name: "a"},
		`{"event":"clear"}`:                     {Kind: media.CommandClear},
		`{"event":"clearAudio","streamId":"s"}`: {Kind: media.CommandClear},
		`{"action":"clear"}`:                    {Kind: media.CommandClear},
		`{"event":"sendDTMF","dtmf":"12*#"}`:    {Kind: media.CommandDTMF, Digits: "12*#"},
		`{"event":"stop","streamId":"s"}`:       {Kind: media.CommandStop},
	} {
		got, err := commandOf(media.Message{Data: []byte(text)})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	got, err := commandOf(media.Message{Binary: true, Data: []byte{1, 2}})
	if diff := cmp.Diff(media.Command{Kind: media.CommandAudio, Audio: []byte{1, 2}}, got); err != nil || diff != "" {
		t.Errorf("binary: %v (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{`[]`, `x`, `{"event":"sing"}`} {
		if _, err := commandOf(media.Message{Data: []byte(text)}); err == nil {
			t.Errorf("%s is a command", text)
		}
	}
}

// TestWanted covers what shows the format that was asked for.
func TestWanted(t *testing.T) {
	for name, c := range map[string]struct {
		messages []object
		want     media.Format
	}{
		"command": {
			[]object{{"from": "server", "text": "{}", "command": object{"type": "audio", "encoding": "l16", "sample_rate": 24000}}},
			media.Format{Encoding: media.L16, Rate: 24000},
		},
		"play": {
			[]object{
				from("carrier", `{"event":"start","start":{"mediaFormat":{"encoding":"audio/x-l16","sampleRate":16000}}}`),
				from("server", `{"event":"playAudio","media":{"contentType":"audio/x-mulaw","sampleRate":8000,"payload":"AA=="}}`),
			},
			media.Format{Encoding: media.ULaw, Rate: 8000},
		},
		"announced": {
			[]object{from("carrier", `{"event":"start","start":{"mediaFormat":{"encoding":"audio/x-l16","sampleRate":"16000"}}}`)},
			media.Format{Encoding: media.L16, Rate: 16000},
		},
		"connected": {
			[]object{from("carrier", `{"event":"websocket:connected","content-type":"audio/l16;rate=24000"}`)},
			media.Format{Encoding: media.L16, Rate: 24000},
		},
		"nothing": {[]object{from("carrier", `{"event":"connected"}`)}, media.Format{}},
	} {
		var tc Case
		if err := decodeJSON(encode(t, object{"messages": c.messages}), &tc.fields); err != nil {
			t.Fatal(err)
		}
		frames, err := tc.frames()
		if got := wanted(frames); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, c.want)
		}
	}
}

// TestEncodingOf covers the carriers' names.
func TestEncodingOf(t *testing.T) {
	for name, want := range map[string]media.Encoding{
		"audio/x-mulaw": media.ULaw, "PCMU": media.ULaw, "mulaw": media.ULaw, "PCMA": media.ALaw, "audio/x-alaw": media.ALaw,
		"L16": media.L16, "audio/x-l16": media.L16, "audio/l16": media.L16, "G722": "g722",
	} {
		if got := encodingOf(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestFrames covers the forms of a transcript's lines: bytes, a new socket for
// the same call, the passing of time, and the end from our side.
func TestFrames(t *testing.T) {
	other := `{"event":"start","stream":"s2","leg":"leg-1","format":"ulaw/8000"}`
	o := checkOne(t, sectionMedia, transcriptCase("c", object{"stream_id": "s2", "warnings": 1, "ended_by": "stop", "audio_bytes_in": 160},
		from("carrier", startText), from("carrier", mediaText(1)),
		object{"from": "carrier", "binary": base64.StdEncoding.EncodeToString([]byte("no JSON"))},
		object{"from": "clock", "advance_ms": 1000},
		object{"from": "carrier", "open": true}, from("carrier", other), from("carrier", `{"event":"stop"}`),
		object{"from": "server", "close": object{"code": 1000}},
	))
	if len(o.failures) > 0 {
		t.Errorf("failures %q", o.failures)
	}
	if len(o.skipped) > 0 {
		t.Errorf("not compared: %q", o.skipped)
	}
}

// TestOptionalMembers holds that only what an adapter names may be added.
func TestOptionalMembers(t *testing.T) {
	message := func(text string) media.Message { return media.Message{Data: []byte(text)} }
	got, want := message(`{"event":"clear","streamId":"s"}`), message(`{"event":"clear"}`)
	if err := sameMessage(got, want, []string{"streamId"}); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"not named":   sameMessage(got, want, nil),
		"missing":     sameMessage(want, got, []string{"streamId"}),
		"other value": sameMessage(got, message(`{"event":"clear","streamId":"t"}`), []string{"streamId"}),
		"no JSON":     sameMessage(message("x"), want, nil),
		"binary":      sameMessage(media.Message{Binary: true}, want, nil),
		"bytes":       sameMessage(media.Message{Binary: true, Data: []byte{1}}, media.Message{Binary: true, Data: []byte{2}}, nil),
	} {
		if err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}
