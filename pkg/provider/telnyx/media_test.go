package telnyx

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// started makes the codec of a stream that has started.
func started(t testing.TB, format, name string) provider.Codec {
	t.Helper()
	f, err := media.ParseFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	c := newCodec(provider.CodecConfig{Want: f})
	start := fmt.Sprintf(`{"event":"start","start":{"call_control_id":%q,"media_format":{"encoding":%q,"sample_rate":%d,"channels":1}},"stream_id":"ST1"}`, testLeg, name, f.Rate)
	if _, err := c.Decode(media.Message{Data: []byte(start)}, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// numbered makes messages of audio with the chunks from first on.
func numbered(first, n int, audio []byte) []media.Message {
	var list []media.Message
	for i := range n {
		list = append(list, media.Message{Data: fmt.Appendf(nil,
			`{"event":"media","sequence_number":"4","media":{"track":"inbound","chunk":"%d","timestamp":"5","payload":"%s"},"stream_id":"ST1"}`,
			first+i, base64.StdEncoding.EncodeToString(audio))})
	}
	return list
}

func TestLongAudioIsDivided(t *testing.T) {
	c := started(t, "alaw/8000", "PCMA")
	given := make([]byte, 61*8000+100)
	for i := range given {
		given[i] = byte(i * 7)
	}
	messages, err := c.Encode(media.Command{Kind: media.CommandAudio, Audio: given}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var found []byte
	for _, m := range messages {
		var doc struct {
			Media struct {
				Payload []byte `json:"payload"`
			} `json:"media"`
		}
		if err := json.Unmarshal(m.Data, &doc); err != nil {
			t.Fatal(err)
		}
		if n := len(doc.Media.Payload); n > 240000 || n%160 != 0 {
			t.Errorf("a message has %d bytes", n)
		}
		found = append(found, doc.Media.Payload...)
	}
	if len(messages) != 3 || !bytes.Equal(found, given[:61*8000]) {
		t.Errorf("%d messages with %d bytes, want 3 with all whole frames", len(messages), len(found))
	}
}

// The events of one Decode lend their audio until the next, also what was held.
func TestHeldAudioIsItsOwn(t *testing.T) {
	c := started(t, "ulaw/8000", "PCMU")
	var events []media.Event
	for _, chunk := range []int{3, 2, 1} {
		m := numbered(chunk, 1, bytes.Repeat([]byte{byte(chunk)}, 160))[0]
		var err error
		if events, err = c.Decode(m, nil); err != nil {
			t.Fatal(err)
		}
		clear(m.Data)
	}
	if len(events) != 3 {
		t.Fatalf("%d events, want 3", len(events))
	}
	for i, e := range events {
		if !bytes.Equal(e.Audio, bytes.Repeat([]byte{byte(i + 1)}, 160)) {
			t.Errorf("event %d has the audio of %d", i+1, e.Audio[0])
		}
	}
}

func TestFramesDoNotAllocate(t *testing.T) {
	for format, name := range map[string]string{"ulaw/8000": "PCMU", "alaw/8000": "PCMA", "l16/16000": "L16"} {
		c := started(t, format, name)
		f, _ := media.ParseFormat(format)
		frame := make([]byte, f.FrameBytes())
		in := numbered(1, 500, frame)
		for i := 10; i < len(in); i += 10 { // now and then two are the wrong way round
			in[i], in[i-1] = in[i-1], in[i]
		}
		events, messages := make([]media.Event, 0, 4), make([]media.Message, 0, 4)
		heard, next := 0, 0
		both := func() {
			got, err := c.Decode(in[next], events)
			if err != nil {
				t.Fatal(err)
			}
			next++
			heard += len(got)
			out, err := c.Encode(media.Command{Kind: media.CommandAudio, Audio: frame}, messages)
			if err != nil || len(out) != 1 {
				t.Fatal(out, err)
			}
		}
		for range 50 {
			both() // until all buffers have their size
		}
		if n := testing.AllocsPerRun(400, both); n != 0 {
			t.Errorf("%s: %v allocations for a frame each way, want none", format, n)
		}
		if heard != next {
			t.Errorf("%s: %d of %d frames were heard", format, heard, next)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	for format, name := range map[string]string{"ulaw/8000": "PCMU", "l16/16000": "L16"} {
		f, _ := media.ParseFormat(format)
		frame := make([]byte, f.FrameBytes())
		events, messages := make([]media.Event, 0, 4), make([]media.Message, 0, 4)
		b.Run(name+"/decode", func(b *testing.B) {
			c := started(b, format, name)
			in, i := numbered(1, 1000, frame), 0
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Decode(in[i%1000], events); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
		b.Run(name+"/encode", func(b *testing.B) {
			c := started(b, format, name)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Encode(media.Command{Kind: media.CommandAudio, Audio: frame}, messages); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
