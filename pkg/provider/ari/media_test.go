package ari

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

func says(s string) media.Message { return media.Message{Data: []byte(s)} }

func startOf(id, format string, frame int) media.Message {
	return says(fmt.Sprintf(`{"event":"MEDIA_START","connection_id":"c-1","channel":"WebSocket/INCOMING/0x1","channel_id":%q,"format":%q,"optimal_frame_size":%d,"ptime":20}`, id, format, frame))
}

const plainStart = "MEDIA_START connection_id:c-1 channel:WebSocket/INCOMING/0x1 channel_id:tm-x format:ulaw optimal_frame_size:160 ptime:20"

func codecOf(t testing.TB, start string, more ...any) provider.Codec {
	t.Helper()
	c := newCodec(provider.CodecConfig{Config: provider.Config{Values: values(more...)}})
	if start != "" {
		decode(t, c, start)
	}
	return c
}

func decode(t testing.TB, c provider.Codec, s string) []media.Event {
	t.Helper()
	events, err := c.Decode(says(s), nil)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return events
}

func encode(t testing.TB, c provider.Codec, cmd media.Command) (texts []string) {
	t.Helper()
	messages, err := c.Encode(cmd, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if m.Binary {
			texts = append(texts, fmt.Sprintf("%d bytes", len(m.Data)))
			continue
		}
		if len(m.Data) > 128 {
			t.Errorf("Asterisk drops a text of %d bytes: %s", len(m.Data), m.Data)
		}
		texts = append(texts, string(m.Data))
	}
	return texts
}

var ulawStart = string(startOf("tm-x", "ulaw", 160).Data)

func TestStart(t *testing.T) {
	i := newIDs("trunkline")
	id, _ := i.newMedia(testCaller)
	for name, test := range map[string]struct {
		start string
		leg   string
		in    media.Format
	}{
		"json":        {string(startOf(id, "slin16", 640).Data), testCaller, formats["slin16"]},
		"plain":       {"MEDIA_START connection_id:c channel:WebSocket/INCOMING/0x1 channel_id:" + id + " format:alaw optimal_frame_size:160 ptime:20", testCaller, formats["alaw"]},
		"not ours":    {ulawStart, "tm-x", formats["ulaw"]},
		"before 22.8": {"MEDIA_START connection_id:c channel:WebSocket/INCOMING/0x1 format:ulaw optimal_frame_size:160 ptime:20", "", formats["ulaw"]},
	} {
		events := decode(t, codecOf(t, ""), test.start)
		if len(events) != 1 || events[0].Kind != media.EventStarted {
			t.Errorf("%s: %+v", name, events)
			continue
		}
		s := events[0].Start
		if s.LegID != test.leg || s.In != test.in || s.Out != test.in || s.StreamID == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestFormatsThatNobodyHandles(t *testing.T) {
	for _, start := range []string{string(startOf("x", "opus", 0).Data), string(startOf("x", "g722", 160).Data)} {
		events := decode(t, codecOf(t, ""), start)
		if len(events) != 1 || events[0].Start == nil || events[0].Start.In.Valid() {
			t.Errorf("%s: %+v, want a start in a format that is not valid", start, events)
		}
	}
	for _, start := range []string{string(startOf("x", "ulaw", 0).Data), string(startOf("x", "slin16", 641).Data), string(startOf("x", "ulaw", -1).Data), string(startOf("x", "ulaw", 70000).Data)} {
		if _, err := codecOf(t, "").Decode(says(start), nil); err == nil {
			t.Errorf("%s: want an error", start)
		}
	}
}

func TestHearsNothingBeforeTheStart(t *testing.T) {
	c := codecOf(t, "")
	events, err := c.Decode(media.Message{Binary: true, Data: make([]byte, 160)}, nil)
	if err != nil || len(events) != 1 || events[0].Kind != media.EventWarning {
		t.Errorf("audio before MEDIA_START: %+v, %v", events, err)
	}
	decode(t, c, ulawStart)
	if events, _ = c.Decode(media.Message{Binary: true, Data: make([]byte, 160)}, nil); len(events) != 1 || len(events[0].Audio) != 160 {
		t.Errorf("audio behind it: %+v", events)
	}
	for _, kind := range []media.CommandKind{media.CommandAudio, media.CommandMark, media.CommandClear, media.CommandStop, media.CommandAnswer} {
		if _, err := codecOf(t, "").Encode(media.Command{Kind: kind, Audio: make([]byte, 160)}, nil); err == nil {
			t.Errorf("command %d before MEDIA_START: want an error", kind)
		}
	}
}

func TestTexts(t *testing.T) {
	for s, want := range map[string][]media.Event{
		`{"event":"MEDIA_XOFF","channel_id":"x"}`:           {{Kind: media.EventFlow, Paused: true}},
		`{"event":"MEDIA_XON","channel_id":"x"}`:            {{Kind: media.EventFlow}},
		"MEDIA_XOFF":                                        {{Kind: media.EventFlow, Paused: true}},
		"MEDIA_XON":                                         {{Kind: media.EventFlow}},
		`{"event":"DTMF_END","channel_id":"x","digit":"#"}`: {{Kind: media.EventDTMF, Digit: "#"}},
		"DTMF_END digit:d channel_id:x":                     {{Kind: media.EventDTMF, Digit: "D"}},
		"DTMF_END digit:12 channel_id:x":                    {{Kind: media.EventWarning, Reason: `dtmf digit "12"`}},
		"DTMF_END":                                          {{Kind: media.EventWarning, Reason: `dtmf digit ""`}},
		`{"event":"ERROR","channel_id":"x","error_text":"no such thing"}`:                                                       {{Kind: media.EventWarning, Reason: "asterisk: no such thing"}},
		"ERROR channel_id:x error_text:MARK_MEDIA not supported: passthrough mode":                                              {{Kind: media.EventWarning, Reason: "asterisk: MARK_MEDIA not supported: passthrough mode"}},
		`{"event":"STATUS","queue_length":1000,"queue_full":true}`:                                                              {{Kind: media.EventWarning, Reason: "asterisk: the queue is full, audio is dropped"}},
		"STATUS channel_id:x queue_length:24 xon_level:800 xoff_level:900 queue_full:false bulk_media:false media_paused:false": nil,
		"MEDIA_BUFFERING_COMPLETED utt-1":                                                                                       nil,
		"QUEUE_DRAINED":                                                                                                         nil,
		`{"event":"SOMETHING_NEW","x":{"y":1}}`:                                                                                 nil,
		"SOMETHING_NEW":                                                                                                         nil,
		`{"event":`:                                                                                                             {{Kind: media.EventWarning, Reason: "text cannot be read"}},
		ulawStart:                                                                                                               {{Kind: media.EventWarning, Reason: "second MEDIA_START"}},
	} {
		if diff := cmp.Diff(want, decode(t, codecOf(t, ulawStart), s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s, diff)
		}
	}
}

// Whatever is no whole frame Asterisk throws away.
func TestSaysWholeFrames(t *testing.T) {
	c := codecOf(t, ulawStart)
	var got []string
	for _, n := range []int{160, 100, 100, 320, 3200} {
		got = append(got, encode(t, c, media.Command{Kind: media.CommandAudio, Audio: make([]byte, n)})...)
	}
	got = append(got, encode(t, c, media.Command{Kind: media.CommandMark, Name: "end"})...)
	want := []string{"160 bytes", "160 bytes", "320 bytes", "1600 bytes", "1600 bytes", "160 bytes", `{"command":"MARK_MEDIA","correlation_id":"m1"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFillsUpWithSilence(t *testing.T) {
	for format, silence := range map[string]byte{"ulaw": 0xFF, "alaw": 0xD5, "slin16": 0} {
		c := codecOf(t, string(startOf("x", format, formats[format].FrameBytes()).Data))
		encode(t, c, media.Command{Kind: media.CommandAudio, Audio: []byte{7, 7}})
		messages, err := c.Encode(media.Command{Kind: media.CommandMark, Name: "end"}, nil)
		want := append([]byte{7, 7}, bytes.Repeat([]byte{silence}, formats[format].FrameBytes()-2)...)
		if err != nil || len(messages) != 2 || !bytes.Equal(messages[0].Data, want) {
			t.Errorf("%s: %v %v", format, messages, err)
		}
	}
}

func TestMarks(t *testing.T) {
	long := strings.Repeat("näme\"", 100)
	for _, test := range []struct{ start, mark, processed string }{
		{ulawStart, `{"command":"MARK_MEDIA","correlation_id":"m1"}`, `{"event":"MEDIA_MARK_PROCESSED","channel_id":"x","correlation_id":"m1"}`},
		{plainStart, "MARK_MEDIA m1", "MEDIA_MARK_PROCESSED m1"},
	} {
		c := codecOf(t, test.start)
		if diff := cmp.Diff([]string{test.mark}, encode(t, c, media.Command{Kind: media.CommandMark, Name: long})); diff != "" {
			t.Error(diff)
		}
		want := []media.Event{{Kind: media.EventMark, Name: long}}
		if diff := cmp.Diff(want, decode(t, c, test.processed)); diff != "" {
			t.Error(diff)
		}
	}
	old := codecOf(t, "MEDIA_START connection_id:c channel:x format:ulaw optimal_frame_size:160 ptime:20")
	if got := encode(t, old, media.Command{Kind: media.CommandMark, Name: "a"}); got != nil {
		t.Errorf("a version without marks is sent %v", got)
	}
}

// A flush eats marks, and nothing tells of it but the status behind it.
func TestFlushGivesMarksBack(t *testing.T) {
	c := codecOf(t, ulawStart)
	mark := func(name string) { encode(t, c, media.Command{Kind: media.CommandMark, Name: name}) }
	mark("heard")
	mark("eaten")
	encode(t, c, media.Command{Kind: media.CommandAudio, Audio: make([]byte, 10)})
	got := encode(t, c, media.Command{Kind: media.CommandClear})
	if diff := cmp.Diff([]string{`{"command":"FLUSH_MEDIA"}`, `{"command":"GET_STATUS"}`}, got); diff != "" {
		t.Errorf("clear (-want +got):\n%s", diff)
	}
	mark("after")
	var events []media.Event
	for _, s := range []string{
		`{"event":"MEDIA_MARK_PROCESSED","correlation_id":"m1"}`, // was on its way
		`{"event":"STATUS","queue_length":0}`,
		`{"event":"STATUS","queue_length":0}`, // of nobody's asking
		`{"event":"MEDIA_MARK_PROCESSED","correlation_id":"m3"}`,
	} {
		events = append(events, decode(t, c, s)...)
	}
	want := []media.Event{
		{Kind: media.EventMark, Name: "heard"},
		{Kind: media.EventMark, Name: "eaten", Cleared: true}, {Kind: media.EventCleared},
		{Kind: media.EventMark, Name: "after"},
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := encode(t, c, media.Command{Kind: media.CommandAudio, Audio: make([]byte, 160)}); len(got) != 1 || got[0] != "160 bytes" {
		t.Errorf("what was held before the clear is said behind it: %v", got)
	}
}

func TestListensOnly(t *testing.T) {
	c := codecOf(t, ulawStart, fieldDirection, onlyIn)
	for _, kind := range []media.CommandKind{media.CommandAudio, media.CommandMark, media.CommandClear} {
		if got := encode(t, c, media.Command{Kind: kind, Audio: make([]byte, 160), Name: "a"}); got != nil {
			t.Errorf("command %d: Asterisk is sent %v, which it answers with an error", kind, got)
		}
	}
}

func TestOtherCommands(t *testing.T) {
	for start, want := range map[string][]string{
		ulawStart:  {`{"command":"ANSWER"}`, `{"command":"HANGUP"}`},
		plainStart: {"ANSWER", "HANGUP"},
	} {
		c := codecOf(t, start)
		got := append(encode(t, c, media.Command{Kind: media.CommandAnswer}), encode(t, c, media.Command{Kind: media.CommandStop})...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if got := encode(t, c, media.Command{Kind: media.CommandDTMF, Digits: "1"}); got != nil {
			t.Errorf("keys: %v", got)
		}
		if got := encode(t, c, media.Command{}); got != nil {
			t.Errorf("nothing: %v", got)
		}
	}
	var doc map[string]string
	if err := json.Unmarshal([]byte(encode(t, codecOf(t, ulawStart), media.Command{Kind: media.CommandStop})[0]), &doc); err != nil {
		t.Error(err)
	}
}

func TestMarksAreBounded(t *testing.T) {
	var m marks
	for i := range 2 * maxMarks {
		m.set(fmt.Sprint(i))
		m.flush()
	}
	if len(m.waiting) != maxMarks || len(m.flushes) != maxMarks {
		t.Errorf("%d marks and %d flushes are kept", len(m.waiting), len(m.flushes))
	}
}

func TestFramesAllocateNothing(t *testing.T) {
	c := codecOf(t, ulawStart)
	frame := media.Message{Binary: true, Data: make([]byte, 160)}
	events, messages := make([]media.Event, 0, 4), make([]media.Message, 0, 4)
	if n := testing.AllocsPerRun(100, func() {
		events, _ = c.Decode(frame, events[:0])
		messages, _ = c.Encode(media.Command{Kind: media.CommandAudio, Audio: frame.Data}, messages[:0])
	}); n > 0 {
		t.Errorf("a frame each way allocates %v times", n)
	}
}

func BenchmarkFrame(b *testing.B) {
	c := codecOf(b, ulawStart)
	frame := media.Message{Binary: true, Data: make([]byte, 160)}
	events, messages := make([]media.Event, 0, 4), make([]media.Message, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		events, _ = c.Decode(frame, events[:0])
		messages, _ = c.Encode(media.Command{Kind: media.CommandAudio, Audio: frame.Data}, messages[:0])
	}
}
