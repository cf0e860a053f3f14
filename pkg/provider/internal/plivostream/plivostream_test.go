package plivostream

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/media"
)

var (
	ulaw8 = media.Format{Encoding: media.ULaw, Rate: 8000}
	l16at = func(rate int) media.Format { return media.Format{Encoding: media.L16, Rate: rate} }
)

func startText(encoding, rate, params string) string {
	return `{"event":"start","start":{"callId":"c1","streamId":"s1","accountId":500025,"tracks":["inbound"],"mediaFormat":{"encoding":"` +
		encoding + `","sampleRate":` + rate + `}},"extra_headers":` + params + `}`
}

func mediaText(track string, chunk int, audio []byte) string {
	return fmt.Sprintf(`{"event":"media","streamId":"s1","media":{"track":%q,"timestamp":"1","chunk":%d,"payload":%q},"extra_headers":"{}"}`,
		track, chunk, base64.StdEncoding.EncodeToString(audio))
}

// started is a codec whose stream has started.
func started(t testing.TB, d Dialect, encoding, rate string, want media.Format, now func() time.Time) *Codec {
	t.Helper()
	c := New(d, want, now)
	events, err := c.Decode(media.Message{Data: []byte(startText(encoding, rate, `"{}"`))}, nil)
	if err != nil || len(events) != 1 || events[0].Kind != media.EventStarted {
		t.Fatalf("start: %v, %v", events, err)
	}
	return c
}

func hear(t *testing.T, c *Codec, texts ...string) (events []media.Event) {
	t.Helper()
	for _, text := range texts {
		more, err := c.Decode(media.Message{Data: []byte(text)}, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, e := range more {
			e.Audio = bytes.Clone(e.Audio)
			events = append(events, e)
		}
	}
	return events
}

func say(t *testing.T, c *Codec, commands ...media.Command) (texts []string) {
	t.Helper()
	for _, cmd := range commands {
		messages, err := c.Encode(cmd, nil)
		if err != nil {
			t.Fatalf("%+v: %v", cmd, err)
		}
		for _, m := range messages {
			texts = append(texts, string(m.Data))
		}
	}
	return texts
}

func TestStart(t *testing.T) {
	for name, c := range map[string]struct {
		encoding, rate string
		dialect        Dialect
		want, in, out  media.Format // in is zero where the start is refused
	}{
		"as asked":          {"audio/x-mulaw", "8000", Dialect{}, ulaw8, ulaw8, ulaw8},
		"rate as text":      {"audio/x-l16", `"16000"`, Dialect{}, ulaw8, l16at(16000), l16at(16000)},
		"rate in the name":  {"Audio/X-L16;rate=8000", "8000", Dialect{}, ulaw8, l16at(8000), l16at(8000)},
		"nothing told":      {"", "null", Dialect{}, l16at(16000), l16at(16000), l16at(16000)},
		"out as asked":      {"audio/x-l16", "16000", Dialect{Speak: []media.Format{ulaw8, l16at(24000)}}, l16at(24000), l16at(16000), l16at(24000)},
		"out cannot be had": {"audio/x-mulaw", "8000", Dialect{Speak: []media.Format{ulaw8}}, l16at(48000), ulaw8, ulaw8},
		"odd rate":          {"audio/x-mulaw", "11025", Dialect{}, ulaw8, media.Format{}, media.Format{}},
		"other encoding":    {"audio/x-opus", "8000", Dialect{}, ulaw8, media.Format{}, media.Format{}},
		"a-law":             {"audio/x-alaw", "8000", Dialect{}, ulaw8, media.Format{}, media.Format{}},
	} {
		codec := New(c.dialect, c.want, nil)
		events, err := codec.Decode(media.Message{Data: []byte(startText(c.encoding, c.rate, `"{}"`))}, nil)
		if !c.in.Valid() {
			if err == nil {
				t.Errorf("%s: was taken: %+v", name, events)
			}
			continue
		}
		if err != nil || len(events) != 1 || events[0].Start == nil {
			t.Errorf("%s: %v, %v", name, events, err)
			continue
		}
		want := media.Start{StreamID: "s1", LegID: "c1", AccountID: "500025", In: c.in, Out: c.out, Tracks: []string{"inbound"}}
		if diff := cmp.Diff(want, *events[0].Start); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParams(t *testing.T) {
	both := map[string]string{"call": "01JABC", "agent": "a=b"}
	for doc, want := range map[string]map[string]string{
		`"call=01JABC;agent=a=b"`:                   both,
		`"call=01JABC, agent=a=b"`:                  both,
		`"{\"call\":\"01JABC\",\"agent\":\"a=b\"}"`: both,
		`{"call":"01JABC","agent":"a=b"}`:           both,
		`{"n":1,"t":true}`:                          {"n": "1", "t": "true"},
		`"call=1,2;agent=x"`:                        {"call": "1,2", "agent": "x"},
		`"{}"`:                                      nil,
		`""`:                                        nil,
		`null`:                                      nil,
		`[1]`:                                       nil,
		`"{broken"`:                                 nil,
		`"justtext"`:                                nil,
		`" { \"call\": \"01JABC\", \"agent\":\"a=b\"}"`: both,
	} {
		events := hear(t, New(Dialect{}, ulaw8, nil), startText("audio/x-mulaw", "8000", doc))
		if diff := cmp.Diff(want, events[0].Start.Params); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}

func TestDecode(t *testing.T) {
	c := started(t, Dialect{}, "audio/x-l16", "8000", ulaw8, nil)
	got := hear(t, c,
		mediaText("inbound", 1, []byte{1, 0, 2}), mediaText("outbound", 1, []byte{9}), mediaText("inbound", 2, []byte{0, 3, 0}),
		mediaText("outbound", 2, []byte{9}), mediaText("inbound", 5, []byte{4, 0}),
		`{"event":"media","media":{"track":"inbound","chunk":6,"payload":"%"}}`, mediaText("inbound", 7, nil),
		`{"event":"dtmf","dtmf":{"digit":5}}`, `{"event":"dtmf","dtmf":{"digit":"d"}}`, `{"event":"dtmf","dtmf":{"digit":"x"}}`,
		`{"event":"playFailed","reason":"no file"}`, `{"event":"heartbeat"}`, `null`, `[]`, `{}`, `{`, startText("audio/x-mulaw", "8000", "null"),
		`{"event":"stop"}`,
	)
	warn := func(reason string) media.Event { return media.Event{Kind: media.EventWarning, Reason: reason} }
	want := []media.Event{
		{Kind: media.EventAudio, Audio: []byte{1, 0}},
		{Kind: media.EventAudio, Audio: []byte{2, 0, 3, 0}},
		{Kind: media.EventAudio, Audio: []byte{9, 9}, Track: "outbound"},
		warn("40 ms of audio are missing"),
		{Kind: media.EventAudio, Audio: []byte{4, 0}},
		warn("media message has no readable payload"),
		{Kind: media.EventDTMF, Digit: "5"},
		{Kind: media.EventDTMF, Digit: "D"},
		warn(`dtmf digit "x"`),
		warn("playFailed: no file"),
		warn("message is not a JSON object with a text as event"),
		warn("second start"),
		{Kind: media.EventStopped, Reason: "stop"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := New(Dialect{}, ulaw8, nil).Decode(media.Message{Data: []byte(mediaText("inbound", 1, []byte{1}))}, nil); err == nil {
		t.Error("media before the start was taken")
	}
}

func TestByteOrder(t *testing.T) {
	c := started(t, Dialect{SwapIn: true, SwapOut: true}, "audio/x-l16", "8000", ulaw8, nil)
	events := hear(t, c, mediaText("inbound", 1, []byte{1, 2, 3}), mediaText("inbound", 2, []byte{4}))
	if len(events) != 2 || !bytes.Equal(events[0].Audio, []byte{2, 1}) || !bytes.Equal(events[1].Audio, []byte{4, 3}) {
		t.Errorf("heard %v", events)
	}
	audio := []byte{1, 2}
	if got := say(t, c, media.Command{Kind: media.CommandAudio, Audio: audio}); payload(t, got[0]) != "\x02\x01" || audio[0] != 1 {
		t.Errorf("said %s of %v", got, audio)
	}
	c = started(t, Dialect{SwapIn: true, SwapOut: true}, "audio/x-mulaw", "8000", ulaw8, nil)
	if events := hear(t, c, mediaText("inbound", 1, []byte{1, 2})); !bytes.Equal(events[0].Audio, []byte{1, 2}) {
		t.Errorf("mu-law is turned: %v", events)
	}
}

func payload(t *testing.T, text string) string {
	t.Helper()
	var m struct {
		Media struct {
			Payload []byte `json:"payload"`
		} `json:"media"`
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return string(m.Media.Payload)
}

func audioOf(s string) media.Command {
	return media.Command{Kind: media.CommandAudio, Audio: []byte(s)}
}

func mark(name string) media.Command { return media.Command{Kind: media.CommandMark, Name: name} }

var clearing = media.Command{Kind: media.CommandClear}

func TestEncode(t *testing.T) {
	c := started(t, Dialect{Digits: true, Stop: true}, "audio/x-mulaw", "8000", ulaw8, nil)
	got := say(t, c, audioOf("abc"), audioOf(""), mark(`a"`), clearing, media.Command{Kind: media.CommandDTMF, Digits: "1#"},
		media.Command{Kind: media.CommandAnswer}, media.Command{Kind: media.CommandStop}, audioOf("late"), clearing)
	want := []string{
		`{"event":"playAudio","media":{"contentType":"audio/x-mulaw","sampleRate":8000,"payload":"YWJj"}}`,
		`{"event":"checkpoint","streamId":"s1","name":"a\""}`,
		`{"event":"clearAudio","streamId":"s1"}`,
		`{"event":"sendDTMF","dtmf":"1#"}`,
		`{"event":"stop","streamId":"s1"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c = started(t, Dialect{}, "audio/x-mulaw", "8000", ulaw8, nil)
	if got := say(t, c, media.Command{Kind: media.CommandDTMF, Digits: "1"}, media.Command{Kind: media.CommandStop}); got != nil {
		t.Errorf("a carrier that can neither is told %s", got)
	}
	if _, err := New(Dialect{}, ulaw8, nil).Encode(audioOf("a"), nil); err == nil {
		t.Error("audio was taken before the start")
	}
}

func TestLongAudioIsCut(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", maxAudio/16) + "rest"
	got := say(t, started(t, Dialect{}, "audio/x-mulaw", "8000", ulaw8, nil), audioOf(long))
	if len(got) != 2 || payload(t, got[0])+payload(t, got[1]) != long {
		t.Errorf("%d messages", len(got))
	}
}

func TestMarks(t *testing.T) {
	c := started(t, Dialect{}, "audio/x-mulaw", "8000", ulaw8, nil)
	say(t, c, mark("a"), mark("b"), mark("b"), clearing, mark("c"))
	got := hear(t, c,
		`{"event":"playedStream","name":"a"}`, // heard just before the clear
		`{"event":"clearedAudio"}`, `{"event":"playedStream","name":"c"}`, `{"event":"playedStream","name":7}`)
	want := []media.Event{
		{Kind: media.EventMark, Name: "a"},
		{Kind: media.EventMark, Name: "b", Cleared: true}, {Kind: media.EventMark, Name: "b", Cleared: true}, {Kind: media.EventCleared},
		{Kind: media.EventMark, Name: "c"}, {Kind: media.EventMark, Name: "7"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHeldAudio clears, and speaks before the carrier has confirmed it.
func TestHeldAudio(t *testing.T) {
	frame := strings.Repeat("f", ulaw8.FrameBytes())
	for name, then := range map[string]func(*testing.T, *Codec, *time.Time) (want []string){
		"confirmed": func(t *testing.T, c *Codec, _ *time.Time) []string {
			hear(t, c, `{"event":"clearedAudio"}`)
			return []string{frame, "tail"}
		},
		"a second later": func(_ *testing.T, _ *Codec, now *time.Time) []string {
			*now = now.Add(time.Second)
			return []string{frame, "tail"}
		},
		"too soon": func(_ *testing.T, _ *Codec, now *time.Time) []string {
			*now = now.Add(time.Second - 1)
			return nil
		},
		"a second of audio": func(t *testing.T, c *Codec, _ *time.Time) (want []string) {
			say(t, c, audioOf(strings.Repeat(frame, 50)))
			text := frame + "tail" + strings.Repeat(frame, 50)
			for ; len(text) > len(frame); text = text[len(frame):] {
				want = append(want, text[:len(frame)])
			}
			return append(want, text)
		},
		"cleared again": func(t *testing.T, c *Codec, _ *time.Time) []string {
			say(t, c, clearing)
			hear(t, c, `{"event":"clearedAudio"}`, `{"event":"clearedAudio"}`)
			return nil
		},
		"half confirmed": func(t *testing.T, c *Codec, _ *time.Time) []string {
			say(t, c, clearing, audioOf("new"))
			hear(t, c, `{"event":"clearedAudio"}`)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1, 0)
			c := started(t, Dialect{Wait: time.Second}, "audio/x-mulaw", "8000", ulaw8, func() time.Time { return now })
			say(t, c, clearing)
			if got := say(t, c, audioOf(frame+"tail"), mark("m"), media.Command{}); got != nil {
				t.Fatalf("was not held back: %s", got)
			}
			want := then(t, c, &now)
			var got []string
			for _, text := range say(t, c, media.Command{}, media.Command{}) {
				got = append(got, payload(t, text))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFramesAllocateNothing(t *testing.T) {
	for name, d := range map[string]Dialect{"plain": {}, "swapped": {SwapIn: true, SwapOut: true}} {
		c := started(t, d, "audio/x-l16", "16000", ulaw8, nil)
		frame := make([]byte, l16at(16000).FrameBytes())
		in, out := media.Message{Data: []byte(mediaText("inbound", 1, frame))}, media.Command{Kind: media.CommandAudio, Audio: frame}
		events, messages := make([]media.Event, 0, 4), make([]media.Message, 0, 4)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := c.Decode(in, events); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Encode(out, messages); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s: a frame each way allocates %v times", name, n)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	c := started(b, Dialect{}, "audio/x-mulaw", "8000", ulaw8, nil)
	frame := make([]byte, ulaw8.FrameBytes())
	in, out := media.Message{Data: []byte(mediaText("inbound", 1, frame))}, media.Command{Kind: media.CommandAudio, Audio: frame}
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		events := make([]media.Event, 0, 4)
		for b.Loop() {
			if _, err := c.Decode(in, events); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		messages := make([]media.Message, 0, 4)
		for b.Loop() {
			if _, err := c.Encode(out, messages); err != nil {
				b.Fatal(err)
			}
		}
	})
}
