package ari

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// stream is a media socket of the gateway's.
type stream struct {
	t    testing.TB
	conn *websocket.Conn
	out  sync.Mutex
	came gatewaytest.Log[arrival]
}

// arrival is what came over the socket; the last is the error with which it ended.
type arrival struct {
	kind int // a websocket.TextMessage or BinaryMessage
	data []byte
	err  error
}

func (m arrival) sound() bool { return m.kind == websocket.BinaryMessage }
func (m arrival) ended() bool { return m.err != nil }

// media makes a media channel of the server kind and connects to it.
func (g *gateway) media(id, format, options string) *stream {
	g.T.Helper()
	doc := g.must(http.StatusOK, http.MethodPost, "channels/externalMedia", "app=trunkline&transport=websocket&encapsulation=none"+
		"&connection_type=server&data=media,x&format="+format+"&channelId="+id+"&transport_data="+url.QueryEscape(options))
	variables := doc["channelvars"].(map[string]any)
	dialer := websocket.Dialer{Subprotocols: []string{"media"}}
	conn, _, err := dialer.Dial(g.socketURL("/media/"+variables["MEDIA_WEBSOCKET_CONNECTION_ID"].(string)), nil)
	if err != nil {
		g.T.Fatal(err)
	}
	return newStream(g.T, conn)
}

func newStream(t testing.TB, conn *websocket.Conn) *stream {
	s := &stream{t: t, conn: conn}
	t.Cleanup(func() { conn.Close() })
	go s.read()
	return s
}

func (s *stream) read() {
	for {
		kind, data, err := s.conn.ReadMessage()
		s.came.Add(arrival{kind, data, err})
		if err != nil {
			return
		}
	}
}

func (s *stream) write(kind int, data []byte) {
	s.out.Lock()
	defer s.out.Unlock()
	s.conn.WriteMessage(kind, data) // a test that has ended does not mind
}

func (s *stream) say(text string)   { s.write(websocket.TextMessage, []byte(text)) }
func (s *stream) sound(data []byte) { s.write(websocket.BinaryMessage, data) }

// await waits for a text that begins with what, the nth of them.
func (s *stream) await(what string, nth int) string {
	s.t.Helper()
	return string(s.came.Await(s.t, nth, "texts "+what, func(m arrival) bool {
		return m.kind == websocket.TextMessage && strings.HasPrefix(string(m.data), what)
	})[nth-1].data)
}

// heard waits for n messages of sound and returns them all.
func (s *stream) heard(n int) (frames [][]byte) {
	s.t.Helper()
	for _, m := range s.came.Await(s.t, n, "messages of sound", arrival.sound) {
		frames = append(frames, m.data)
	}
	return frames
}

// closed waits for the end of the socket and returns the code with which it was
// closed, 0 for none.
func (s *stream) closed() int {
	s.t.Helper()
	var closed *websocket.CloseError
	if errors.As(s.came.Await(s.t, 1, "the end of the socket", arrival.ended)[0].err, &closed) {
		return closed.Code
	}
	return 0
}

// texts returns the texts so far.
func (s *stream) texts() (list []string) {
	for _, m := range s.came.All(func(m arrival) bool { return m.kind == websocket.TextMessage }) {
		list = append(list, string(m.data))
	}
	return list
}

// chirp is sound that looks like itself at one place only.
func chirp(rate int) (pcm []int16) {
	for hertz := 300; hertz < 1500; hertz += 60 {
		pcm = append(pcm, tone.Sine(float64(hertz), rate, 40*time.Millisecond, -12)...)
	}
	return pcm
}

// talker says something once they hear a sound, waits until that much was said to
// them, and hangs up.
func talker(rate int) carriersim.Person {
	return carriersim.Person{Acts: []carriersim.Act{
		carriersim.WaitHeard{Sound: audio.FrameDuration}, carriersim.Speak{PCM: chirp(rate)},
		carriersim.WaitHeard{Sound: 600 * time.Millisecond, Quiet: 300 * time.Millisecond}, carriersim.Hangup{},
	}}
}

// frames cuts sound into messages of slin16, the last one padded.
func frames(pcm []int16) (list [][]byte) {
	f := formats["slin16"]
	data := f.bytes(pcm)
	for len(data) > 0 {
		frame := make([]byte, f.frame())
		data = data[copy(frame, data):]
		list = append(list, frame)
	}
	return list
}

func hears(heard, said []int16, rate int) bool {
	similarity, _ := compare.Find(said, heard, rate)
	return similarity > 0.95
}

// pcm is all sound that came.
func (s *stream) pcm(f format) (pcm []int16) {
	for _, frame := range s.heard(0) {
		pcm = append(pcm, f.samples(frame)...)
	}
	return pcm
}

// connected is a caller with a media socket in a bridge.
func connected(t *testing.T, o Options, format string) (*gateway, *listener, *carriersim.Call, *stream) {
	t.Helper()
	_, g := begin(t, o)
	l := g.listen("trunkline")
	call := g.RingUp(carriersim.Person{})
	s := g.answer(l, call, format)
	return g, l, call, s
}

// mark waits until all was played that was sent.
func (s *stream) mark(name string) {
	s.t.Helper()
	s.say(`{"command":"MARK_MEDIA","correlation_id":"` + name + `"}`)
	s.await(`{"event":"MEDIA_MARK_PROCESSED","channel_id":`, 1)
	s.await(s.marked(name), 1)
}

// marked is the event of a mark.
func (s *stream) marked(name string) string {
	first := s.await(`{"event":"MEDIA_START"`, 1)
	_, rest, _ := strings.Cut(first, `"channel_id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return `{"event":"MEDIA_MARK_PROCESSED","channel_id":"` + id + `","correlation_id":"` + name + `"}`
}

// loud is n bytes of sound in ulaw.
func loud(n int) []byte { return bytes.Repeat([]byte{0x00, 0x80}, n/2) }

// soundIn counts the samples that are not silent.
func soundIn(pcm []int16) (n int) {
	for _, s := range pcm {
		if s > 20000 || s < -20000 {
			n++
		}
	}
	return n
}
