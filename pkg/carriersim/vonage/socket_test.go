package vonage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// connectTo is an NCCO with one socket. more goes into the endpoint.
func connectTo(path string, rate int, more string) string {
	return fmt.Sprintf(`[{"action":"connect","from":%q,"endpoint":[{"type":"websocket","uri":"{ws}%s","content-type":"audio/l16;rate=%d"%s}]}]`, ours, path, rate, more)
}

// read returns the next message: text decoded, or audio.
func read(t testing.TB, ws *websocket.Conn) (text map[string]any, pcm []byte, ok bool) {
	kind, data, err := ws.ReadMessage()
	switch {
	case err != nil:
		return nil, nil, false
	case kind == websocket.BinaryMessage:
		return nil, data, true
	}
	if err := json.Unmarshal(data, &text); err != nil {
		t.Errorf("message %s: %v", data, err)
	}
	return text, nil, true
}

// readText returns the next text message with an event.
func readText(t testing.TB, ws *websocket.Conn, event string) map[string]any {
	for {
		text, _, ok := read(t, ws)
		if !ok {
			t.Errorf("no %s came", event)
			return nil
		}
		if text["event"] == event {
			return text
		}
	}
}

func write(t testing.TB, ws *websocket.Conn, text string) {
	if err := ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Logf("write: %v", err)
	}
}

// writeAudio sends sound in frames of 20 ms.
func writeAudio(t testing.TB, ws *websocket.Conn, pcm []int16, rate int) {
	for n := audio.SamplesPerFrame(rate); len(pcm) >= n; pcm = pcm[n:] {
		frame := make([]byte, n*audio.BytesPerSample)
		audio.EncodeLE(frame, pcm[:n])
		if err := ws.WriteMessage(websocket.BinaryMessage, frame); err != nil {
			t.Logf("write: %v", err)
			return
		}
	}
}

// echo sends all audio back until the carrier stops, behind half a second of
// silence, so that a machine that is busy leaves no gaps.
func echo(t testing.TB, rate int) func(ws *websocket.Conn) {
	return func(ws *websocket.Conn) {
		writeAudio(t, ws, tone.Silence(rate, 500*time.Millisecond), rate)
		for {
			_, pcm, ok := read(t, ws)
			if !ok {
				return
			}
			if pcm != nil && ws.WriteMessage(websocket.BinaryMessage, pcm) != nil {
				return
			}
		}
	}
}

func TestSocketEcho(t *testing.T) {
	t.Parallel()
	pcm, rate, err := wav.Decode(strings.NewReader(speech.CallerWAV))
	if err != nil {
		t.Fatal(err)
	}
	for _, socketRate := range []int{8000, 16000, 24000} {
		t.Run(fmt.Sprint(socketRate), func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			g.Media(echo(t, socketRate))
			g.On("/answer", connectTo("/media", socketRate, ""))
			c := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
				carriersim.Speak{PCM: pcm[:rate*3/2], Rate: rate}, carriersim.Wait{For: time.Second}, carriersim.Hangup{},
			}}))
			if similarity, delay := compare.Find(c.Said(), c.Heard(), c.Rate()); similarity < 0.9 || delay < 0 {
				t.Errorf("similarity %.3f, delay %v", similarity, delay)
			}
			if c.Status() != "completed" || c.Saw("warning") {
				t.Errorf("status %s:\n%s", c.Status(), c)
			}
		})
	}
}

// TestSocketIsALeg looks at the two legs: each has its own id and its own end.
func TestSocketIsALeg(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	first := make(chan map[string]any, 1)
	g.Media(func(ws *websocket.Conn) {
		text, _, _ := read(t, ws)
		first <- text
		echo(t, 16000)(ws)
	})
	g.On("/answer", connectTo("/media", 16000, `,"headers":{"call_ref":"7f3a","event":"mine"},"authorization":{"type":"vonage"}`))
	call := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Wait{For: 1100 * time.Millisecond}, carriersim.Hangup{},
	}}))
	want := map[string]any{"event": "websocket:connected", "content-type": "audio/l16;rate=16000", "call_ref": "7f3a"}
	if diff := cmp.Diff(want, <-first); diff != "" {
		t.Errorf("first message (-want +got):\n%s", diff)
	}
	uri := g.Fill("{ws}/media")
	answered := g.await("/event", "to", uri)
	uuid := answered.doc["uuid"].(string)
	if uuid == call.ID() {
		t.Fatal("the socket has the id of the phone")
	}
	end := g.awaitAll("/event", 1, map[string]any{"uuid": uuid, "status": "completed"})[0]
	if diff := cmp.Diff([]string{"started", "answered", "completed"}, g.statuses("/event", uuid)); diff != "" {
		t.Errorf("events of the socket (-want +got):\n%s", diff)
	}
	if end.doc["price"] != "0.00003333" || end.doc["duration"] != "1" || end.doc["conversation_uuid"] != answered.doc["conversation_uuid"] {
		t.Errorf("end of the socket %v", end.doc)
	}
	_, list := g.voice(http.MethodGet, "?conversation_uuid="+end.doc["conversation_uuid"].(string), "")
	if list["count"] != 2.0 {
		t.Errorf("legs of the conversation: %v", list)
	}
	if len(c.Calls()) != 1 {
		t.Errorf("%d calls", len(c.Calls()))
	}
	if !g.signed(g.Opened.All(nil)[0].Get("Authorization"), "") {
		t.Errorf("handshake %v", g.Opened.All(nil)[0])
	}
}

func TestSocketMessages(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	var events []string
	var sizes = map[int]bool{}
	done := make(chan struct{})
	g.Media(func(ws *websocket.Conn) {
		defer close(done)
		for {
			text, pcm, ok := read(t, ws)
			switch {
			case !ok:
				return
			case pcm != nil:
				sizes[len(pcm)] = true
				continue
			case text["event"] == "websocket:dtmf":
				text["event"] = fmt.Sprint("dtmf ", text["digit"], " ", text["duration"])
			}
			events = append(events, text["event"].(string))
		}
	})
	g.On("/answer", connectTo("/media", 8000, `,"authorization":{"type":"custom","value":"Bearer mine"}`))
	g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{carriersim.Press{Digits: "1#"}, carriersim.Hangup{}}}))
	<-done
	if diff := cmp.Diff([]string{"websocket:connected", "dtmf 1 260", "dtmf # 260"}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[int]bool{320: true}, sizes); diff != "" {
		t.Errorf("sizes of audio (-want +got):\n%s", diff)
	}
	if got := g.Opened.All(nil)[0].Get("Authorization"); got != "Bearer mine" {
		t.Errorf("handshake carried %q", got)
	}
}

// TestNotifyAndClear: a notify comes back when the sound before it was heard; a
// clear drops sound and notifies.
func TestNotifyAndClear(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	beep := tone.Sine(700, 16000, 300*time.Millisecond, -12)
	long := tone.Sine(700, 16000, 10*time.Second, -12)
	g.Media(func(ws *websocket.Conn) {
		writeAudio(t, ws, beep, 16000)
		write(t, ws, `{"action":"notify","payload":{"mark":"one"}}`)
		if m := readText(t, ws, "websocket:notify"); m != nil && m["payload"].(map[string]any)["mark"] != "one" {
			t.Errorf("notify %v", m)
		}
		writeAudio(t, ws, long, 16000)
		write(t, ws, `{"action":"notify","payload":{"mark":"two"}}`)
		write(t, ws, `{"action":"clear"}`)
		readText(t, ws, "websocket:cleared")
		write(t, ws, `{"action":"notify","payload":{"mark":"three"}}`)
		if m := readText(t, ws, "websocket:notify"); m != nil && m["payload"].(map[string]any)["mark"] != "three" {
			t.Errorf("notify %v", m)
		}
	})
	g.On("/answer", connectTo("/media", 16000, ""))
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if !c.Saw(`mark {"mark":"one"}`) || !c.Saw("clear") || !c.Saw(`mark {"mark":"two"} cleared`) || !c.Saw("stream stopped by gateway") {
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

func TestFrameOfTheWrongSizeEndsTheSocket(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"short": 320, "long": 1280, "odd": 641, "empty": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			end := make(chan error, 1)
			g.Media(func(ws *websocket.Conn) {
				ws.WriteMessage(websocket.BinaryMessage, make([]byte, size))
				for {
					if _, _, err := ws.ReadMessage(); err != nil {
						end <- err
						return
					}
				}
			})
			g.On("/answer", connectTo("/media", 16000, ""))
			c := g.Ended(g.RingUp(carriersim.Person{}))
			if err := <-end; websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
				t.Errorf("socket ended in good order: %v", err)
			}
			if !c.Saw(fmt.Sprintf("warning unexpected frame size %d, when required 640", size)) {
				t.Errorf("timeline:\n%s", c)
			}
			g.await("/event", "status", "disconnected")
		})
	}
}

// TestGatewayClosesTheSocket: the phone goes on with its flow, or with what the
// event is answered.
func TestGatewayClosesTheSocket(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"flow": "", "answer": `[{"action":"talk","text":"later"}]`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			g.Media(func(ws *websocket.Conn) { read(t, ws) })
			flow := strings.TrimSuffix(connectTo("/media", 16000, `,"headers":{"call_ref":"7f3a"}`), "}]")
			g.On("/answer", flow+`,"eventUrl":["%s/socket"]},{"action":"talk","text":"bye"}]`)
			g.Answer("/socket", func(r request) string {
				if r.doc["status"] == "disconnected" && answer != "" {
					return answer
				}
				return `[]`
			})
			c := g.Ended(g.RingUp(carriersim.Person{}))
			event := g.await("/socket", "status", "disconnected")
			if event.doc["headers"].(map[string]any)["call_ref"] != "7f3a" || event.doc["direction"] != nil {
				t.Errorf("event %v", event.doc)
			}
			if c.Saw("says bye") != (answer == "") || c.Saw("says later") != (answer != "") {
				t.Errorf("timeline:\n%s", c)
			}
			g.await("/socket", "status", "completed")
			if len(g.got("/event", "status", "disconnected")) > 0 {
				t.Error("the event went to the call's URL, too")
			}
		})
	}
}

func TestSocketIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		uri, status string
		wait        bool
	}{
		"handshake":         {"{ws}/elsewhere", "failed", false},
		"nobody":            {"ws://127.0.0.1:1/media", "unanswered", false},
		"nobody, waits":     {"ws://127.0.0.1:1/media", "unanswered", true},
		"handshake, waited": {"{ws}/elsewhere", "failed", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			kind := ""
			if test.wait {
				kind = `,"eventType":"synchronous"`
			}
			g.On("/answer", `[{"action":"connect"`+kind+`,"eventUrl":["%s/socket"],"endpoint":[{"type":"websocket","uri":"`+test.uri+
				`","content-type":"audio/l16;rate=16000","headers":{"a":"b"}}]},{"action":"talk","text":"sorry"}]`)
			g.On("/socket", `[{"action":"talk","text":"instead"}]`)
			c := g.Ended(g.RingUp(carriersim.Person{}))
			event := g.await("/socket", "status", test.status)
			if event.doc["headers"].(map[string]any)["a"] != "b" || event.doc["to"] != g.Fill(test.uri) {
				t.Errorf("event %v", event.doc)
			}
			if !c.Saw("stream failed") || c.Saw("says sorry") == test.wait || c.Saw("says instead") != test.wait {
				t.Errorf("timeline:\n%s", c)
			}
		})
	}
}

// TestHangUpOfTheSocketLeg lets the phone go on, without a word of a socket that
// was disconnected.
func TestHangUpOfTheSocketLeg(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(echo(t, 16000))
	g.On("/answer", strings.TrimSuffix(connectTo("/media", 16000, ""), "]")+`,{"action":"talk","text":"bye"}]`)
	c := g.RingUp(carriersim.Person{})
	g.Saw(c, "stream started")
	uuid := g.await("/event", "to", g.Fill("{ws}/media")).doc["uuid"].(string)
	if status, doc := g.voice(http.MethodPut, "/"+uuid, `{"action":"hangup"}`); status != 204 {
		t.Fatalf("%d %v", status, doc)
	}
	g.Ended(c)
	if !c.Saw("says bye") || !c.Saw("hung up by markup") || len(g.got("/event", "status", "disconnected")) > 0 {
		t.Errorf("timeline:\n%s", c)
	}
	if status, _ := g.voice(http.MethodPut, "/"+uuid, `{"action":"hangup"}`); status != 404 {
		t.Errorf("second hang-up: %d", status)
	}
}

func TestSocketWarnings(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) {
		write(t, ws, `{"action":`)
		write(t, ws, `{"action":"hangup"}`)
		write(t, ws, `{"action":"notify"}`)
		write(t, ws, `{"action":"clear"}`)
		readText(t, ws, "websocket:cleared")
	})
	g.On("/answer", connectTo("/media", 16000, ""))
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if n := strings.Count(c.String(), "warning"); n != 3 {
		t.Errorf("%d warnings, want 3:\n%s", n, c)
	}
}
