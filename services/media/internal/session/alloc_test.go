package session

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio/mix"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
	_ "github.com/trunkline-io/trunkline/pkg/provider/twilio"
)

// twilioCodec is the real codec of a stream that has started.
func twilioCodec(tb testing.TB) provider.Codec {
	tb.Helper()
	account, err := provider.Open("twilio", provider.Config{Values: map[string]any{
		"account_sid": "AC00000000000000000000000000000001", "auth_token": "t",
	}})
	if err != nil {
		tb.Fatal(err)
	}
	codec := account.NewCodec(provider.CodecConfig{})
	start := `{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}`
	if _, err := codec.Decode(media.Message{Data: []byte(start)}, nil); err != nil {
		tb.Fatal(err)
	}
	return codec
}

// wayIn is the caller's pump from a message of the carrier's to the agent's
// bytes, one frame.
func wayIn(tb testing.TB, to media.Format) func() {
	tb.Helper()
	codec := twilioCodec(tb)
	sink := 0
	p, err := newCallerPump(ulaw8, to, func(data []byte) { sink += len(data) })
	if err != nil {
		tb.Fatal(err)
	}
	msg := media.Message{Data: []byte(`{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"2","timestamp":"45","payload":"` +
		base64.StdEncoding.EncodeToString(pattern(160)) + `"},"streamSid":"MZ1"}`)}
	var events []media.Event
	return func() {
		events, err = codec.Decode(msg, events[:0])
		if err != nil || len(events) != 1 {
			tb.Fatal(err)
		}
		p.take(time.Now(), events[0].Audio)
	}
}

// wayOut is the agent's pump from the agent's bytes to a message to the
// carrier, one frame.
func wayOut(tb testing.TB, from media.Format, ambient bool) func() {
	tb.Helper()
	codec := twilioCodec(tb)
	p, err := newAgentPump(from, ulaw8, lead)
	if err != nil {
		tb.Fatal(err)
	}
	if ambient {
		p.ambient, p.gain = mix.NewLoop(make([]int16, from.Rate)), mix.Unity/4
	}
	var messages []media.Message
	sent := 0
	p.send = func(c media.Command) (int, error) {
		messages, err = codec.Encode(c, messages[:0])
		sent++
		return len(messages), err
	}
	speech := pattern(from.FrameBytes())
	now := time.Unix(1000, 0)
	return func() {
		before := sent
		p.queue.say(now, speech)
		if err := p.step(now); err != nil || sent == before {
			tb.Fatalf("nothing was sent: %v", err)
		}
		now = now.Add(media.Frame)
	}
}

var agentFormats = []media.Format{l16, {Encoding: media.L16, Rate: 24000}, ulaw8}

func TestFramesCostNoAllocation(t *testing.T) {
	for _, f := range agentFormats {
		if n := testing.AllocsPerRun(1000, wayIn(t, f)); n != 0 {
			t.Errorf("caller to %s: %v allocations a frame", f, n)
		}
		for _, ambient := range []bool{false, true} {
			if n := testing.AllocsPerRun(1000, wayOut(t, f, ambient)); n != 0 {
				t.Errorf("agent from %s, ambient %v: %v allocations a frame", f, ambient, n)
			}
		}
	}
}

// BenchmarkCallerPump is a frame from the carrier's message to the agent's bytes.
func BenchmarkCallerPump(b *testing.B) {
	for _, f := range agentFormats {
		b.Run(f.String(), func(b *testing.B) {
			step := wayIn(b, f)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

// BenchmarkAgentPump is a frame from the agent's bytes to the carrier's message.
func BenchmarkAgentPump(b *testing.B) {
	for _, f := range agentFormats {
		for _, ambient := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/ambient=%v", f, ambient), func(b *testing.B) {
				step := wayOut(b, f, ambient)
				b.ReportAllocs()
				for b.Loop() {
					step()
				}
			})
		}
	}
}
