package telnyx

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// message is a message of the carrier's, as loosely as a test needs it.
type message struct {
	Event     string
	Version   string
	Connected map[string]string
	Sequence  string         `json:"sequence_number"`
	Stream    string         `json:"stream_id"`
	Start     map[string]any `json:"start"`
	Media     struct{ Track, Chunk, Timestamp, Payload string }
	DTMF      struct{ Digit string }
	Mark      struct{ Name string }
	Stop      map[string]any
	Payload   struct {
		Code  int
		Title string
	}
}

func read(t testing.TB, ws *websocket.Conn) (m message, ok bool) {
	_, data, err := ws.ReadMessage()
	if err != nil {
		return m, false
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Errorf("message %s: %v", data, err)
	}
	return m, true
}

// readEvent returns the next message of an event.
func readEvent(t testing.TB, ws *websocket.Conn, event string) message {
	for {
		m, ok := read(t, ws)
		if !ok {
			t.Errorf("no %s came", event)
			return m
		}
		if m.Event == event {
			return m
		}
	}
}

func write(t testing.TB, ws *websocket.Conn, format string, args ...any) {
	if err := ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)); err != nil {
		t.Logf("write: %v", err)
	}
}

func writeAudio(t testing.TB, ws *websocket.Conn, f format, pcm []int16) {
	write(t, ws, `{"event":"media","media":{"payload":%q}}`, base64.StdEncoding.EncodeToString(f.encode(nil, pcm, false)))
}

var ulaw = format{codecPCMU, 8000}

// echo sends all audio back until the carrier stops, behind half a second of
// silence, so that a machine that is busy leaves no gaps.
func echo(t testing.TB, f format) func(ws *websocket.Conn) {
	return func(ws *websocket.Conn) {
		for {
			m, ok := read(t, ws)
			switch {
			case !ok:
				return
			case m.Event == "start":
				writeAudio(t, ws, f, tone.Silence(f.rate, 500*time.Millisecond))
			case m.Event == "media":
				write(t, ws, `{"event":"media","media":{"payload":%q}}`, m.Media.Payload)
			}
		}
	}
}

// callerSpeech is somebody who speaks for a second and a half, and hangs up.
func callerSpeech(t testing.TB) carriersim.Person {
	pcm, rate := gatewaytest.Speech(t)
	return carriersim.Person{Acts: []carriersim.Act{
		carriersim.Wait{For: 300 * time.Millisecond}, carriersim.Speak{PCM: pcm, Rate: rate}, carriersim.Wait{For: time.Second}, carriersim.Hangup{},
	}}
}

func TestStreamEcho(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		codec, order string
		format       format
	}{
		"PCMU": {codecPCMU, streaming, ulaw},
		"PCMA": {codecPCMA, `{"stream_url":"{media}","stream_bidirectional_mode":"rtp","stream_bidirectional_codec":"PCMA"}`, format{codecPCMA, 8000}},
		"both": {codecPCMA, `{"stream_url":"{media}","stream_bidirectional_mode":"rtp","stream_codec":"PCMU"}`, ulaw},
		"L16":  {codecPCMU, `{"stream_url":"{media}","stream_bidirectional_mode":"rtp","stream_codec":"L16","stream_bidirectional_codec":"L16","stream_bidirectional_sampling_rate":16000}`, format{codecL16, 16000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{Codec: test.codec})
			g.Media(echo(t, test.format))
			g.on("call.initiated", func(e event) { g.command(e.control(), "answer", "") })
			g.onCommand("call.answered", "streaming_start", test.order)
			c := g.Ended(g.RingUp(callerSpeech(t)))
			if similarity, delay := compare.Find(c.Said(), c.Heard(), c.Rate()); similarity < 0.95 || delay < 0 {
				t.Errorf("similarity %.3f, delay %v", similarity, delay)
			}
			if c.Saw("warning") {
				t.Errorf("timeline:\n%s", c)
			}
		})
	}
}

// TestStreamMessages of a dialled call: the socket opens before the answer.
func TestStreamMessages(t *testing.T) {
	t.Parallel()
	carrier, g := begin(t, Options{})
	carrier.Expect(callee, carriersim.Person{Ring: 400 * time.Millisecond, Acts: []carriersim.Act{
		carriersim.Wait{For: 60 * time.Millisecond}, carriersim.Press{Digits: "1#"}, carriersim.Hangup{},
	}})
	var messages []message
	done := make(chan struct{})
	early := make(chan bool, 1)
	g.Media(func(ws *websocket.Conn) {
		defer close(done)
		for {
			m, ok := read(t, ws)
			if !ok {
				return
			}
			if m.Event == "connected" {
				early <- len(g.Got("call.answered")) == 0
			}
			messages = append(messages, m)
		}
	})
	c := g.Ended(g.dial(`"stream_url":"{media}","stream_bidirectional_mode":"rtp","stream_auth_token":"tk_7f3a"`))
	<-done
	if !<-early {
		t.Error("the socket was opened after the answer")
	}
	checkMessages(t, messages, c)
	first, start := messages[0], messages[1]
	if first.Event != "connected" || first.Version != "1.0.0" || first.Connected["x-telnyx-streaming-auth-token"] != "tk_7f3a" || g.Opened.All(nil)[0].Get("X-Telnyx-Streaming-Auth-Token") != "tk_7f3a" {
		t.Errorf("first message %+v, handshake %v", first, g.Opened.All(nil)[0])
	}
	want := map[string]any{
		"user_id": carrier.userID, "call_control_id": c.ID(), "call_session_id": g.Await("call.initiated", 1)[0].payload["call_session_id"],
		"from": ours, "to": callee, "tags": []any{}, "client_state": state("call_7f3a"), "custom_parameters": nil,
		"media_format": map[string]any{"encoding": "PCMU", "sample_rate": 8000.0, "channels": 1.0},
	}
	if diff := cmp.Diff(want, start.Start); diff != "" || start.Sequence != "1" || start.Stream == "" {
		t.Errorf("start %s (-want +got):\n%s", start.Sequence, diff)
	}
	if keys := g.Await("call.dtmf.received", 2); keys[0].payload["digit"] != "1" || keys[1].payload["digit"] != "#" {
		t.Errorf("keys %v", keys)
	}
	names := []string{"call.initiated", "call.answered", "streaming.started", "call.dtmf.received", "call.dtmf.received", "streaming.stopped", "call.hangup"}
	g.Await("call.hangup", 1)
	if diff := cmp.Diff(names, g.names(c.ID())); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if p := g.Await("streaming.started", 1)[0].payload; len(p) != 2 || p["stream_url"] != g.MediaURL() {
		t.Errorf("streaming.started %v", p)
	}
}

// checkMessages looks at what comes after the start.
func checkMessages(t *testing.T, messages []message, c *carriersim.Call) {
	t.Helper()
	media := messages[2].Media
	if media.Track != "inbound" || media.Chunk != "1" || media.Timestamp != "20" || len(media.Payload) != 216 {
		t.Errorf("media %+v", media)
	}
	var digits string
	for i, m := range messages[1:] {
		digits += m.DTMF.Digit
		if m.Sequence != fmt.Sprint(i+1) || m.Stream != messages[1].Stream {
			t.Errorf("message %d: %+v", i, m)
		}
	}
	last := messages[len(messages)-1]
	if digits != "1#" || last.Event != "stop" || last.Stop["call_control_id"] != c.ID() {
		t.Errorf("digits %q, last %+v", digits, last)
	}
}

// TestStreamOfACallThatNobodyAnswers just closes.
func TestStreamOfACallThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	c.Expect(callee, carriersim.Person{Ring: 300 * time.Millisecond, Outcome: carriersim.Rejects})
	var events []string
	done := make(chan struct{})
	g.Media(func(ws *websocket.Conn) {
		defer close(done)
		for {
			m, ok := read(t, ws)
			if !ok {
				return
			}
			events = append(events, m.Event)
		}
	})
	g.Ended(g.dial(`"stream_url":"{media}"`))
	<-done
	g.Await("call.hangup", 1)
	if fmt.Sprint(events) != "[connected]" || len(g.Got("streaming.started"))+len(g.Got("streaming.stopped")) > 0 {
		t.Errorf("messages %v, events %v", events, g.Got(""))
	}
}

// TestMarksAndClear: a mark comes back when the sound before it was heard; a
// clear drops sound and returns all marks at once.
func TestMarksAndClear(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	beep := tone.Sine(700, 8000, 300*time.Millisecond, -12)
	long := tone.Sine(700, 8000, 10*time.Second, -12)
	g.Media(func(ws *websocket.Conn) {
		readEvent(t, ws, "start")
		write(t, ws, `{"event":"mark","mark":{"name":"now"}}`)
		readEvent(t, ws, "mark")
		writeAudio(t, ws, ulaw, beep)
		write(t, ws, `{"event":"mark","mark":{"name":"one"}}`)
		one := readEvent(t, ws, "mark")
		writeAudio(t, ws, ulaw, long)
		write(t, ws, `{"event":"mark","mark":{"name":"two"}}`)
		write(t, ws, `{"event":"mark","mark":{"name":"three"}}`)
		write(t, ws, `{"event":"clear"}`)
		two, three := readEvent(t, ws, "mark"), readEvent(t, ws, "mark")
		if one.Mark.Name != "one" || two.Mark.Name != "two" || three.Mark.Name != "three" {
			t.Errorf("marks %v %v %v", one.Mark, two.Mark, three.Mark)
		}
	})
	g.answers()
	g.onCommand("streaming.stopped", "hangup", "")
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if !c.Saw("mark now") || !c.Saw("mark one") || !c.Saw("clear") || !c.Saw("mark three cleared") || !c.Saw("stream stopped by gateway") {
		t.Errorf("timeline:\n%s", c)
	}
	heard := 0
	for _, v := range c.Heard() {
		if v != 0 {
			heard++
		}
	}
	if heard < len(beep)*9/10 || heard > len(beep)+len(long)/2 {
		t.Errorf("heard %d samples that are not silent, the beep has %d", heard, len(beep))
	}
}

// TestDefaultMode is MP3, in which a gateway's audio is dropped without a word.
func TestDefaultMode(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) {
		readEvent(t, ws, "start")
		writeAudio(t, ws, ulaw, tone.Sine(700, 8000, 300*time.Millisecond, -12))
		write(t, ws, `{"event":"media","media":{"payload":%q}}`, base64.StdEncoding.EncodeToString([]byte(speech.GreetingMP3)))
		write(t, ws, `{"event":"media","media":{"payload":%q}}`, base64.StdEncoding.EncodeToString([]byte(speech.GreetingMP3)))
		if m := readEvent(t, ws, "error"); m.Payload.Code != 100005 {
			t.Errorf("error %+v", m)
		}
		write(t, ws, `{"event":"mark","mark":{"name":"end"}}`)
		readEvent(t, ws, "mark")
	})
	g.onCommand("call.initiated", "answer", `{"stream_url":"{media}"}`)
	g.onCommand("streaming.stopped", "hangup", "")
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if !c.Saw("warning stream_bidirectional_mode is mp3") || c.Duration() < 2*time.Second {
		t.Errorf("%v\n%s", c.Duration(), c)
	}
}

func TestStreamErrors(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) {
		readEvent(t, ws, "start")
		for text, want := range map[string]int{
			`{"event":"media"`:                             100003,
			`{"event":"hangup"}`:                           100003,
			`{"event":"media","media":{"payload":"!"}}`:    100004,
			`{"event":"media","media":{"payload":"//8="}}`: 100004, // two samples
			`{"event":"media","media":{"payload":""}}`:     100004,
			`{"event":"media","media":{"payload":"` + half: 100004,
		} {
			write(t, ws, "%s", text)
			if m := readEvent(t, ws, "error"); m.Payload.Code != want {
				t.Errorf("%.40s: error %+v, want %d", text, m.Payload, want)
			}
		}
	})
	g.answers()
	g.onCommand("streaming.stopped", "hangup", "")
	if c := g.Ended(g.RingUp(carriersim.Person{})); strings.Count(c.String(), "warning") != 6 {
		t.Errorf("timeline:\n%s", c)
	}
}

// half is the end of a message with more than half a minute of sound.
var half = strings.Repeat("/", 4*80008) + `"}}`

// TestStreamFails leaves the call as it is, without a sound.
func TestStreamFails(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.onCommand("call.initiated", "answer", `{"stream_url":"{media}/elsewhere"}`)
	g.onCommand("streaming.failed", "streaming_start", streaming)
	g.onCommand("streaming.started", "hangup", "")
	g.Media(echo(t, ulaw))
	g.Handle("/media/elsewhere", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) })
	c := g.Ended(g.RingUp(carriersim.Person{}))
	failed := g.Await("streaming.failed", 1)[0].payload
	params, _ := failed["stream_params"].(map[string]any)
	if failed["failure_reason"] != "connection_failed" || failed["stream_type"] != "websocket" || params["track"] != "inbound_track" || !c.Saw("stream failed") || !c.Saw("stream started") {
		t.Errorf("%v\n%s", failed, c)
	}
}

func TestOneStreamAtATime(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(echo(t, ulaw))
	g.answers()
	c := g.RingUp(carriersim.Person{})
	g.Saw(c, "stream started")
	if status, doc := g.command(c.ID(), "streaming_start", streaming); status != 422 || code(doc) != "90045" {
		t.Errorf("second stream: %d %v", status, doc)
	}
	if status, doc := g.command(c.ID(), "streaming_stop", ""); status != 200 {
		t.Errorf("%d %v", status, doc)
	}
	g.Await("streaming.stopped", 1)
	g.Saw(c, "stream stopped by command")
	if !c.EndedAt().IsZero() {
		t.Error("the call ended with its stream")
	}
	if status, doc := g.command(c.ID(), "streaming_start", `{"stream_url":"{media}","custom_parameters":[{"name":"a","value":"b"}]}`); status != 200 {
		t.Errorf("another stream: %d %v", status, doc)
	}
	g.Await("streaming.started", 2)
	g.command(c.ID(), "hangup", "")
	g.Ended(c)
}

func TestTracksAndOrder(t *testing.T) {
	t.Parallel()
	carrier, g := begin(t, Options{SwapEvery: 5})
	carrier.Expect(callee, hangsUp(400*time.Millisecond))
	chunks := map[string][]string{}
	var events []string
	done := make(chan struct{})
	g.Media(func(ws *websocket.Conn) {
		defer close(done)
		for {
			m, ok := read(t, ws)
			if !ok {
				return
			}
			events = append(events, m.Event)
			if m.Event == "media" {
				chunks[m.Media.Track] = append(chunks[m.Media.Track], m.Media.Chunk)
			}
		}
	})
	g.Ended(g.dial(`"stream_url":"{media}","stream_track":"both_tracks","stream_bidirectional_mode":"rtp"`))
	<-done
	for _, track := range []string{"inbound", "outbound"} {
		if len(chunks[track]) < 12 {
			t.Fatalf("%s: %v", track, chunks[track])
		}
		if diff := cmp.Diff([]string{"1", "2", "3", "4", "6", "5", "7", "8", "9", "11", "10"}, chunks[track][:11]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", track, diff)
		}
	}
	if last := events[len(events)-1]; last != "stop" {
		t.Errorf("last message %s", last)
	}
}
