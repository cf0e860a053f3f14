package gatewaytest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
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

// Write sends a message.
func Write(t testing.TB, ws *websocket.Conn, format string, args ...any) {
	if err := ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)); err != nil {
		t.Logf("write: %v", err)
	}
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

// Echo sends all audio back until the carrier is gone, behind a second of
// silence, so that a machine that is busy leaves no gaps.
func Echo(t testing.TB) func(ws *websocket.Conn) {
	return func(ws *websocket.Conn) {
		var format string
		for {
			m, ok := Read(t, ws)
			switch {
			case !ok:
				return
			case m.Event == "start":
				f := m.Start.MediaFormat
				format = fmt.Sprintf(`"contentType":%q,"sampleRate":%d`, f.Encoding, f.SampleRate)
				silence := make([]byte, f.SampleRate/2)
				if f.Encoding == "audio/x-mulaw" {
					for i := range silence {
						silence[i] = g711.ULawSilence
					}
				}
				for range 2 {
					Write(t, ws, `{"event":"playAudio","media":{%s,"payload":%q}}`, format, base64.StdEncoding.EncodeToString(silence))
				}
			case m.Event == "media":
				Write(t, ws, `{"event":"playAudio","media":{%s,"payload":%q}}`, format, m.Media.Payload)
			}
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
			select {
			case <-done:
			case <-time.After(Patience):
				t.Fatal("the socket is still open")
			}
			return list
		}
}

// Speech is a second and a half of somebody who speaks.
func Speech(t testing.TB) (pcm []int16, rate int) {
	pcm, rate, err := wav.Decode(strings.NewReader(speech.CallerWAV))
	if err != nil {
		t.Fatal(err)
	}
	return pcm[:rate*3/2], rate
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
