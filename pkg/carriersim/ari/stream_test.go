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
)

// stream is a media socket of the gateway's.
type stream struct {
	t    testing.TB
	conn *websocket.Conn
	out  sync.Mutex

	mu      sync.Mutex
	texts   []string
	frames  [][]byte
	changed chan struct{}
	err     error
}

// media makes a media channel of the server kind and connects to it.
func (g *gateway) media(id, format, options string) *stream {
	g.t.Helper()
	doc := g.must(http.StatusOK, http.MethodPost, "channels/externalMedia", "app=trunkline&transport=websocket&encapsulation=none"+
		"&connection_type=server&data=media,x&format="+format+"&channelId="+id+"&transport_data="+url.QueryEscape(options))
	variables := doc["channelvars"].(map[string]any)
	dialer := websocket.Dialer{Subprotocols: []string{"media"}}
	conn, _, err := dialer.Dial(g.socketURL("/media/"+variables["MEDIA_WEBSOCKET_CONNECTION_ID"].(string)), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return newStream(g.t, conn)
}

func newStream(t testing.TB, conn *websocket.Conn) *stream {
	s := &stream{t: t, conn: conn, changed: make(chan struct{})}
	t.Cleanup(func() { conn.Close() })
	go s.read()
	return s
}

func (s *stream) read() {
	for {
		kind, data, err := s.conn.ReadMessage()
		s.mu.Lock()
		switch {
		case err != nil:
			s.err = err
		case kind == websocket.BinaryMessage:
			s.frames = append(s.frames, bytes.Clone(data))
		default:
			s.texts = append(s.texts, string(data))
		}
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
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
	limit := time.After(patience)
	for {
		s.mu.Lock()
		texts, changed := s.texts, s.changed
		s.mu.Unlock()
		n := 0
		for _, text := range texts {
			if strings.HasPrefix(text, what) {
				if n++; n == nth {
					return text
				}
			}
		}
		select {
		case <-changed:
		case <-limit:
			s.t.Fatalf("no %q among %q", what, texts)
		}
	}
}

// heard waits for n messages of sound and returns them all.
func (s *stream) heard(n int) [][]byte {
	s.t.Helper()
	limit := time.After(patience)
	for {
		s.mu.Lock()
		frames, changed := s.frames, s.changed
		s.mu.Unlock()
		if len(frames) >= n {
			return frames
		}
		select {
		case <-changed:
		case <-limit:
			s.t.Fatalf("%d messages of sound, want %d", len(frames), n)
		}
	}
}

// closed waits for the end of the socket and returns the code with which it was
// closed.
func (s *stream) closed() int {
	s.t.Helper()
	limit := time.After(patience)
	for {
		s.mu.Lock()
		err, changed := s.err, s.changed
		s.mu.Unlock()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return closed.Code
		case err != nil:
			return 0
		}
		select {
		case <-changed:
		case <-limit:
			s.t.Fatal("the media socket is still open")
		}
	}
}

// got returns the binary messages so far and the texts.
func (s *stream) got() (frames [][]byte, texts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frames, s.texts
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
	data, _ := s.got()
	for _, frame := range data {
		pcm = append(pcm, f.samples(frame)...)
	}
	return pcm
}

// connected is a caller with a media socket in a bridge.
func connected(t *testing.T, o Options, format string) (*gateway, *listener, *carriersim.Call, *stream) {
	t.Helper()
	_, g := begin(t, o)
	l := g.listen("trunkline")
	call := g.ring(carriersim.Person{})
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
