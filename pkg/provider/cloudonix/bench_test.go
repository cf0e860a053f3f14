package cloudonix

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

const inboundJSON = `{"CallSid":"call-1","From":"+15550100199","To":"+15550100101","CallerName":"","Direction":"inbound",` +
	`"CallStatus":"ringing","Session":"tok00000000000000000000000000001","Domain":"acme.cloudonix.net","AccountSid":"acme.cloudonix.net",` +
	`"ApiVersion":"2010-04-01","SessionData":{"token":"tok00000000000000000000000000001","profile":{"trunk-sip-headers":{}}}}`

func BenchmarkReceive(b *testing.B) {
	d := testDriver(b, provider.Config{Values: map[string]any{fieldWebhookKey: testKey}})
	req := &provider.Request{
		Method: "POST", Hook: provider.HookInbound, Body: []byte(inboundJSON),
		Header: provider.Header{header("Content-Type", "application/json"), header("Authorization", "Bearer "+testKey)},
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Verify(req); err != nil {
			b.Fatal(err)
		}
		if _, err := d.Parse(req, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// socket returns a codec whose stream has started, and a frame of 20 ms.
func socket(t testing.TB) (provider.Codec, media.Message) {
	t.Helper()
	codec := newCodec(provider.CodecConfig{})
	start := `{"event":"start","start":{"streamSid":"stream-0001","session":"tok1"},"streamSid":"stream-0001"}`
	if _, err := codec.Decode(media.Message{Data: []byte(start)}, nil); err != nil {
		t.Fatal(err)
	}
	payload := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xff", 160)))
	return codec, media.Message{Data: []byte(`{"event":"media","media":{"payload":"` + payload + `"},"streamSid":"stream-0001"}`)}
}

// echo hears a frame and says it again.
func echo(t testing.TB, codec provider.Codec, frame media.Message, events []media.Event, messages []media.Message) {
	events, err := codec.Decode(frame, events)
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	messages, err = codec.Encode(media.Command{Kind: media.CommandAudio, Audio: events[0].Audio}, messages)
	if err != nil || len(messages) != 1 {
		t.Fatal(messages, err)
	}
}

func TestFrameDoesNotAllocate(t *testing.T) {
	codec, frame := socket(t)
	events, messages := make([]media.Event, 0, 1), make([]media.Message, 0, 1)
	echo(t, codec, frame, events, messages)
	if n := testing.AllocsPerRun(100, func() { echo(t, codec, frame, events, messages) }); n > 0 {
		t.Errorf("a frame both ways allocates %v times", n)
	}
}

func BenchmarkFrame(b *testing.B) {
	codec, frame := socket(b)
	events, messages := make([]media.Event, 0, 1), make([]media.Message, 0, 1)
	b.ReportAllocs()
	for b.Loop() {
		echo(b, codec, frame, events, messages)
	}
}
