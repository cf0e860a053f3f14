package vonage

import (
	"fmt"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// started makes a codec whose stream has begun.
func started(t testing.TB) *codec {
	t.Helper()
	c := newCodec(provider.CodecConfig{}).(*codec)
	doc := []byte(`{"event":"websocket:connected","content-type":"audio/l16;rate=16000"}`)
	if events, err := c.Decode(media.Message{Data: doc}, nil); err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	return c
}

// TestFrameSizes holds that whatever is said, and in whatever pieces, leaves
// in frames of exactly 20 ms.
func TestFrameSizes(t *testing.T) {
	c := started(t)
	var sent, frames int
	for n := 2; n < 3000; n += 74 {
		messages, err := c.Encode(media.Command{Kind: media.CommandAudio, Audio: make([]byte, n)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if !m.Binary || len(m.Data) != 640 {
				t.Fatalf("a message of %d bytes, binary: %v", len(m.Data), m.Binary)
			}
		}
		sent, frames = sent+n, frames+len(messages)
	}
	if want := sent / 640; frames != want {
		t.Errorf("%d frames of %d bytes, want %d", frames, sent, want)
	}
}

// TestEncodeKeepsNothing holds that a frame is not the caller's memory.
func TestEncodeKeepsNothing(t *testing.T) {
	c, audio := started(t), make([]byte, 640)
	messages, err := c.Encode(media.Command{Kind: media.CommandAudio, Audio: audio}, nil)
	if err != nil {
		t.Fatal(err)
	}
	audio[0] = 1
	if messages[0].Data[0] != 0 {
		t.Error("the frame changed with the caller's memory")
	}
}

func TestOrdersAreBounded(t *testing.T) {
	c := started(t)
	for i := range maxOrders + 10 {
		if _, err := c.Encode(media.Command{Kind: media.CommandMark, Name: fmt.Sprint(i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.orders) != maxOrders || c.orders[0].mark != "10" {
		t.Errorf("%d orders are waited for, the first is %q", len(c.orders), c.orders[0].mark)
	}
}

func TestFramesAllocateNothing(t *testing.T) {
	c, audio := started(t), make([]byte, 640)
	events, messages := make([]media.Event, 0, 4), make([]media.Message, 0, 4)
	if n := testing.AllocsPerRun(100, func() {
		var err error
		if events, err = c.Decode(media.Message{Binary: true, Data: audio}, events[:0]); err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		if messages, err = c.Encode(media.Command{Kind: media.CommandAudio, Audio: audio}, messages[:0]); err != nil || len(messages) != 1 {
			t.Fatal(messages, err)
		}
	}); n > 0 {
		t.Errorf("a frame each way allocates %v times, want none", n)
	}
}

func BenchmarkCodec(b *testing.B) {
	c, audio := started(b), make([]byte, 640)
	events, messages := make([]media.Event, 0, 4), make([]media.Message, 0, 4)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			events, _ = c.Decode(media.Message{Binary: true, Data: audio}, events[:0])
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			messages, _ = c.Encode(media.Command{Kind: media.CommandAudio, Audio: audio}, messages[:0])
		}
	})
	b.Run("encode odd pieces", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			messages, _ = c.Encode(media.Command{Kind: media.CommandAudio, Audio: audio[:398]}, messages[:0])
		}
	})
}
