package mediastream

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/media"
)

const startText = `{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],` +
	`"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"call":"01JABC"}},"streamSid":"MZ1"}`

func newCodec() *Codec { return New(func(s *Start) string { return s.CallSID }) }

// started returns a codec whose stream has started.
func started(t testing.TB) *Codec {
	t.Helper()
	c := newCodec()
	if _, err := c.Decode(text(startText), nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func text(s string) media.Message { return media.Message{Data: []byte(s)} }

func TestStart(t *testing.T) {
	c := newCodec()
	events, err := c.Decode(text(`{"event":"connected","protocol":"Call","version":"1.0.0"}`), nil)
	if err != nil || len(events) != 0 {
		t.Fatalf("connected: %v %v, want nothing", events, err)
	}
	events, err = c.Decode(text(startText), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []media.Event{{Kind: media.EventStarted, Start: &media.Start{
		StreamID: "MZ1", LegID: "CA1", AccountID: "AC1", In: Format, Out: Format,
		Tracks: []string{"inbound"}, Params: map[string]string{"call": "01JABC"},
	}}}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStartWithTheLeast(t *testing.T) {
	events, err := newCodec().Decode(text(`{"event":"start","start":{"callSid":"CA1"},"streamSid":"MZ1"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := events[0].Start; s.StreamID != "MZ1" || s.In != Format {
		t.Errorf("stream %q in %s, want MZ1 in %s", s.StreamID, s.In, Format)
	}
}

func TestBrokenProtocol(t *testing.T) {
	for name, doc := range map[string]string{
		"media before start": `{"event":"media","media":{"payload":"AAEC"}}`,
		"dtmf before start":  `{"event":"dtmf","dtmf":{"digit":"1"}}`,
		"mark before start":  `{"event":"mark","mark":{"name":"a"}}`,
		"start of no stream": `{"event":"start","start":{"callSid":"CA1"}}`,
		"start of nonsense":  `{"event":"start","start":[]}`,
		"other encoding":     `{"event":"start","start":{"streamSid":"MZ1","mediaFormat":{"encoding":"audio/x-l16","sampleRate":8000}}}`,
		"other rate":         `{"event":"start","start":{"streamSid":"MZ1","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":16000}}}`,
		"stereo":             `{"event":"start","start":{"streamSid":"MZ1","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":2}}}`,
	} {
		if events, err := newCodec().Decode(text(doc), nil); err == nil {
			t.Errorf("%s: %v, want an error", name, events)
		}
	}
}

func TestDecode(t *testing.T) {
	for name, test := range map[string]struct {
		msg  media.Message
		want []media.Event
	}{
		"voice":          {text(`{"event":"media","media":{"track":"inbound","payload":"AAEC"}}`), []media.Event{{Kind: media.EventAudio, Audio: []byte{0, 1, 2}}}},
		"our own voice":  {text(`{"event":"media","media":{"track":"outbound","payload":"AAEC"}}`), []media.Event{{Kind: media.EventAudio, Audio: []byte{0, 1, 2}, Track: "outbound"}}},
		"no audio":       {text(`{"event":"media","media":{"payload":""}}`), nil},
		"no base64":      {text(`{"event":"media","media":{"payload":"?"}}`), []media.Event{warning("media message has no readable payload")}},
		"digit":          {text(`{"event":"dtmf","dtmf":{"track":"inbound_track","digit":"#"}}`), []media.Event{{Kind: media.EventDTMF, Digit: "#"}}},
		"lower case":     {text(`{"event":"dtmf","dtmf":{"digit":"d"}}`), []media.Event{{Kind: media.EventDTMF, Digit: "D"}}},
		"no digit":       {text(`{"event":"dtmf","dtmf":{"digit":"12"}}`), []media.Event{warning(`dtmf digit "12"`)}},
		"digit a number": {text(`{"event":"dtmf","dtmf":{"digit":1}}`), []media.Event{warning("dtmf cannot be read")}},
		"stop":           {text(`{"event":"stop","stop":{"callSid":"CA1"}}`), []media.Event{{Kind: media.EventStopped, Reason: "stop"}}},
		"unknown mark":   {text(`{"event":"mark","mark":{"name":"x"}}`), []media.Event{{Kind: media.EventMark, Name: "x"}}},
		"future":         {text(`{"event":"future","media":1}`), nil},
		"second start":   {text(startText), []media.Event{warning("second start")}},
		"no JSON":        {text(`{`), []media.Event{warning("message is not a JSON object with a text as event")}},
		"binary":         {media.Message{Binary: true, Data: []byte{1}}, []media.Event{warning("binary message")}},
	} {
		got, err := started(t).Decode(test.msg, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestEncode(t *testing.T) {
	for name, test := range map[string]struct {
		cmd  media.Command
		want string // "" for no message
	}{
		"audio":    {media.Command{Kind: media.CommandAudio, Audio: []byte{0, 1, 2}}, `{"event":"media","streamSid":"MZ1","media":{"payload":"AAEC"}}`},
		"no audio": {media.Command{Kind: media.CommandAudio}, ""},
		"mark":     {media.Command{Kind: media.CommandMark, Name: `"1"`}, `{"event":"mark","streamSid":"MZ1","mark":{"name":"\"1\""}}`},
		"clear":    {media.Command{Kind: media.CommandClear}, `{"event":"clear","streamSid":"MZ1"}`},
		"digits":   {media.Command{Kind: media.CommandDTMF, Digits: "1"}, ""},
		"stop":     {media.Command{Kind: media.CommandStop}, ""},
		"answer":   {media.Command{Kind: media.CommandAnswer}, ""},
	} {
		got, err := started(t).Encode(test.cmd, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var docs []string
		for _, m := range got {
			docs = append(docs, string(m.Data))
		}
		if strings.Join(docs, "\n") != test.want {
			t.Errorf("%s: %q, want %q", name, docs, test.want)
		}
	}
	if _, err := newCodec().Encode(media.Command{Kind: media.CommandClear}, nil); err == nil {
		t.Error("a clear before the start: want an error")
	}
}

// TestMarks plays marks (m), clears (c) and marks that come back (r) through a
// codec.
func TestMarks(t *testing.T) {
	for play, want := range map[string]string{
		"ma mb ra rb":           "a b",
		"ma mb c ra rb":         "a! b!",
		"ma mb ra c rb":         "a b!",
		"ma c mb ra rb":         "a! b",
		"ma c mb c mc ra rb rc": "a! b! c",
		"ma c ma ra ra":         "a! a", // a name may repeat: the older comes back first
		"ma c ra ma ra":         "a! a",
		"ma c mb rb ra":         "b a!",
		"c ra":                  "a",
	} {
		if got := playMarks(t, play); got != want {
			t.Errorf("%s: %s, want %s", play, got, want)
		}
	}
}

// playMarks returns what came back, with a ! where it was cleared.
func playMarks(t *testing.T, play string) string {
	c := started(t)
	var got []string
	for _, act := range strings.Fields(play) {
		var events []media.Event
		var err error
		switch name := act[1:]; act[0] {
		case 'm':
			_, err = c.Encode(media.Command{Kind: media.CommandMark, Name: name}, nil)
		case 'c':
			_, err = c.Encode(media.Command{Kind: media.CommandClear}, nil)
		case 'r':
			events, err = c.Decode(text(`{"event":"mark","mark":{"name":"`+name+`"}}`), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			got = append(got, e.Name+map[bool]string{true: "!"}[e.Cleared])
		}
	}
	return strings.Join(got, " ")
}

func TestFramesDoNotAllocate(t *testing.T) {
	c := started(t)
	frame := make([]byte, Format.FrameBytes())
	msg := text(fmt.Sprintf(`{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"2","timestamp":"20","payload":"%s"},"streamSid":"MZ1"}`,
		base64.StdEncoding.EncodeToString(frame)))
	events, messages := make([]media.Event, 0, 4), make([]media.Message, 0, 4)
	if n := testing.AllocsPerRun(100, func() {
		in, err := c.Decode(msg, events)
		if err != nil || len(in) != 1 || len(in[0].Audio) != len(frame) {
			t.Fatal(in, err)
		}
		out, err := c.Encode(media.Command{Kind: media.CommandAudio, Audio: frame}, messages)
		if err != nil || len(out) != 1 {
			t.Fatal(out, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a frame each way, want none", n)
	}
}

func BenchmarkFrame(b *testing.B) {
	c := started(b)
	frame := make([]byte, Format.FrameBytes())
	out, err := c.Encode(media.Command{Kind: media.CommandAudio, Audio: frame}, nil)
	if err != nil {
		b.Fatal(err)
	}
	msg := text(string(out[0].Data))
	events, messages := make([]media.Event, 0, 4), make([]media.Message, 0, 4)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Decode(msg, events); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Encode(media.Command{Kind: media.CommandAudio, Audio: frame}, messages); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestDialect(t *testing.T) {
	d := Dialect{NoMarks: true, Announce: func(s *Start, to *media.Start) error {
		if s.Session == "" {
			return errors.New("no session")
		}
		to.LegID, to.Detail = s.Session, map[string]string{"from": s.From, "to": s.To, "context": s.Context}
		return nil
	}}
	c := d.New()
	events, err := c.Decode(text(startText), nil)
	if err != nil || len(events) != 1 || events[0].Kind != media.EventWarning {
		t.Errorf("start of somebody else: %v %v, want a warning", events, err)
	}
	if _, err := c.Decode(text(`{"event":"media","media":{"payload":"//8="}}`), nil); err == nil {
		t.Error("the stream of somebody else has started")
	}
	events, err = c.Decode(text(`{"event":"start","start":{"streamSid":"s","session":"t","from":"+1","to":"+2","context":"inbound"}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []media.Event{{Kind: media.EventStarted, Start: &media.Start{
		StreamID: "s", LegID: "t", In: Format, Out: Format, Detail: map[string]string{"from": "+1", "to": "+2", "context": "inbound"},
	}}}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if messages, err := c.Encode(media.Command{Kind: media.CommandMark, Name: "m"}, nil); err != nil || len(messages) != 0 {
		t.Errorf("mark: %d messages %v, want none", len(messages), err)
	}
}
