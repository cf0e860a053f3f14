package switchtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// Message is a message of the carrier's.
type Message struct {
	Raw      string `json:"-"`
	Event    string
	Sequence *int   `json:"sequenceNumber"`
	StreamID string `json:"streamId"`
	Name     string
	Start    struct {
		CallID      string `json:"callId"`
		StreamID    string `json:"streamId"`
		AccountID   string `json:"accountId"`
		Tracks      []string
		MediaFormat struct {
			Encoding   string
			SampleRate int
		}
	}
	Media struct {
		Track, Timestamp, Payload string
		Chunk                     int
	}
	DTMF  struct{ Track, Digit string }
	Extra string `json:"extra_headers"`
}

// Read reads a message. It is not ok when the socket is over.
func Read(t testing.TB, ws *websocket.Conn) (m Message, ok bool) {
	_, data, err := ws.ReadMessage()
	if err != nil {
		return m, false
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Errorf("message %s: %v", data, err)
	}
	m.Raw = string(data)
	return m, true
}

// Write sends a message. That the carrier is gone shows when it is read from.
func Write(_ testing.TB, ws *websocket.Conn, format string, args ...any) {
	ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...))
}

// Play sends audio in mu-law.
func Play(t testing.TB, ws *websocket.Conn, pcm []int16) {
	const most = 8000 // a second; a payload has its limit
	for len(pcm) > 0 {
		n := min(most, len(pcm))
		codes := make([]byte, n)
		g711.EncodeULaw(codes, pcm[:n])
		Write(t, ws, `{"event":"playAudio","media":{"contentType":"audio/x-mulaw","sampleRate":8000,"payload":%q}}`, base64.StdEncoding.EncodeToString(codes))
		pcm = pcm[n:]
	}
}

// Parrot keeps all audio until a key is pressed, says it all at once, and
// closes the socket when it was heard. However busy the machine is, that leaves
// no gaps.
func Parrot(t testing.TB) func(ws *websocket.Conn) {
	return func(ws *websocket.Conn) {
		var start Message
		var payloads []string
		for {
			m, ok := Read(t, ws)
			if !ok {
				return
			}
			switch m.Event {
			case "start":
				start = m
			case "media":
				payloads = append(payloads, m.Media.Payload)
			case "dtmf":
				format := start.Start.MediaFormat
				for _, p := range payloads {
					Write(t, ws, `{"event":"playAudio","media":{"contentType":%q,"sampleRate":%d,"payload":%q}}`, format.Encoding, format.SampleRate, p)
				}
				Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"all"}`, start.Start.StreamID)
			case "playedStream":
				Close(ws)
			}
		}
	}
}

// Close sends a close frame.
func Close(ws *websocket.Conn) {
	ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
}

// Ignore reads until the carrier is gone.
func Ignore(ws *websocket.Conn) {
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
	}
}

// Listen reads until the carrier is gone and hands out all that came.
func Listen(t testing.TB) (serve func(ws *websocket.Conn), all func() []Message) {
	var list []Message
	done := make(chan struct{})
	return func(ws *websocket.Conn) {
			defer close(done)
			for {
				m, ok := Read(t, ws)
				if !ok {
					return
				}
				list = append(list, m)
			}
		}, func() []Message {
			gatewaytest.Take(t, done)
			return list
		}
}

// Beep is a tone at 8 kHz.
func Beep(hertz float64, d time.Duration) []int16 { return tone.Sine(hertz, 8000, d, -12) }

// Loud counts samples that are not silent.
func Loud(pcm []int16) (n int) {
	for _, v := range pcm {
		if v != 0 {
			n++
		}
	}
	return n
}
