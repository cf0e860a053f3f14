package switchtest

import (
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// Media tests the media socket, as far as it is the same everywhere.
func Media(t *testing.T, begin func(testing.TB) *Gateway) {
	for name, test := range map[string]func(*testing.T, *Gateway){
		"echo mu-law":            func(t *testing.T, g *Gateway) { echoed(t, g, "audio/x-mulaw;rate=8000") },
		"echo L16 8 kHz":         func(t *testing.T, g *Gateway) { echoed(t, g, "audio/x-l16;rate=8000") },
		"echo L16 16 kHz":        func(t *testing.T, g *Gateway) { echoed(t, g, "audio/x-l16;rate=16000") },
		"checkpoint and clear":   checkpoints,
		"checkpoint at once":     checkpointAtOnce,
		"digits":                 digits,
		"goes on after close":    goesOnAfterClose,
		"ends with the call":     endsWithTheCall,
		"in the background":      inTheBackground,
		"refused":                refusedStreams,
		"nonsense":               nonsense,
		"buffer is bounded":      bounded,
		"cut":                    cut,
		"transfer ends a stream": transfer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, begin(t))
		})
	}
}

func echoed(t *testing.T, g *Gateway, contentType string) {
	g.Media(Parrot(t))
	g.On("/voice", g.Stream(`contentType="`+contentType+`"`))
	pcm, rate := gatewaytest.Speech(t)
	c := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Speak{PCM: pcm, Rate: rate}, carriersim.Press{Digits: "#"},
	}}))
	if len(c.Said()) != len(c.Heard()) {
		t.Errorf("said %d samples, heard %d", len(c.Said()), len(c.Heard()))
	}
	said := c.Said()[:len(pcm)*c.Rate()/rate]
	if similarity, delay := compare.Find(said, c.Heard(), c.Rate()); similarity < 0.99 || delay < 0 {
		t.Errorf("similarity %.3f, delay %v", similarity, delay)
	}
	if c.Status() != "completed" || !c.Billed() || !c.Saw("mark all") || c.Saw("warning") {
		t.Errorf("status %s:\n%s", c.Status(), c)
	}
}

// checkpoints has three of them in the audio. The first is heard; then the
// gateway clears, and the others never come back.
func checkpoints(t *testing.T, g *Gateway) {
	beep := Beep(440, 200*time.Millisecond)
	var events []string
	g.Media(func(ws *websocket.Conn) {
		start, _ := Read(t, ws)
		id := start.Start.StreamID
		Play(t, ws, beep)
		Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"one"}`, id)
		Play(t, ws, Beep(880, 11*time.Second))
		Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"two"}`, id)
		Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"three"}`, id)
		for {
			m, ok := Read(t, ws)
			switch {
			case !ok:
				return
			case m.Event == "media":
				continue
			}
			switch events = append(events, m.Event+" "+m.Name); {
			case m.Name == "one":
				Write(t, ws, `{"event":"clearAudio","streamId":%q}`, id)
			case m.Event == "clearedAudio":
				Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"four"}`, id)
			case m.Name == "four":
				Close(ws)
				return
			}
		}
	})
	g.On("/voice", g.Stream(`statusCallbackUrl="`+g.URL+`/stream"`))
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if diff := cmp.Diff([]string{"playedStream one", "clearedAudio ", "playedStream four"}, events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !c.Saw("mark one") || c.Saw("mark one cleared") || !c.Saw("mark two cleared") || !c.Saw("mark three cleared") || !c.Saw("clear") || c.Saw("warning") {
		t.Errorf("timeline:\n%s", c)
	}
	if heard := Loud(c.Heard()); heard < len(beep)*9/10 || heard > 8000*10 {
		t.Errorf("heard %d samples that are not silent, the beep has %d", heard, len(beep))
	}
	if similarity, _ := compare.Find(beep, c.Heard(), 8000); similarity < 0.95 {
		t.Errorf("beep was heard with similarity %.3f", similarity)
	}
	var told []string
	for _, r := range g.Await("/stream", 4) {
		Want(t, r.Form, map[string]string{"CallUUID": c.ID(), "ServiceURL": g.MediaURL(), "From": g.Caller, "To": g.Ours})
		if event := r.Form.Get("Event"); event != "StopStream" && event != "DegradedStream" {
			told = append(told, event+" "+r.Form.Get("Name"))
		}
	}
	if diff := cmp.Diff([]string{"StartStream ", "PlayedStream one", "ClearedAudio ", "PlayedStream four"}, told); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
}

// checkpointAtOnce comes back at once: there is nothing to hear before it.
func checkpointAtOnce(t *testing.T, g *Gateway) {
	g.Media(func(ws *websocket.Conn) {
		for {
			m, ok := Read(t, ws)
			if !ok || m.Event == "playedStream" {
				return
			}
			if m.Event == "start" {
				Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"quo\"te"}`, m.Start.StreamID)
			}
		}
	})
	g.On("/voice", g.Stream(""))
	if c := g.Ended(g.RingUp(carriersim.Person{})); !c.Saw(`mark quo"te`) {
		t.Errorf("timeline:\n%s", c)
	}
}

func digits(t *testing.T, g *Gateway) {
	serve, all := Listen(t)
	g.Media(serve)
	g.On("/voice", g.Stream(""))
	g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{carriersim.Press{Digits: "1#*D"}, carriersim.Hangup{}}}))
	pressed := ""
	for _, m := range all() {
		if m.Event == "dtmf" {
			pressed += m.DTMF.Digit
		}
	}
	if pressed != "1#*D" {
		t.Errorf("digits %q", pressed)
	}
}

func goesOnAfterClose(t *testing.T, g *Gateway) {
	g.Media(func(ws *websocket.Conn) {
		Read(t, ws)
		Close(ws)
	})
	g.On("/voice", g.Stream("")+"<Speak>bye</Speak>")
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if !c.Saw("stream stopped by gateway") || !c.Saw("says bye") || c.Saw("warning") {
		t.Errorf("timeline:\n%s", c)
	}
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCauseCode": "4010", "CallStatus": "completed"})
}

// endsWithTheCall has no stop message: the socket is closed in good order, and
// that is all.
func endsWithTheCall(t *testing.T, g *Gateway) {
	closed := make(chan error, 1)
	g.Media(func(ws *websocket.Conn) {
		for {
			_, data, err := ws.ReadMessage()
			if err != nil {
				closed <- err
				return
			}
			if strings.Contains(string(data), `"event":"stop"`) {
				t.Errorf("message %s", data)
			}
		}
	})
	g.On("/voice", g.Stream(""))
	g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: 100 * time.Millisecond}, carriersim.Hangup{}}}))
	if err := gatewaytest.Take(t, closed); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("socket ended with %v", err)
	}
}

// inTheBackground is a stream without keepCallAlive: the next element runs
// beside it.
func inTheBackground(t *testing.T, g *Gateway) {
	g.Media(Parrot(t))
	g.On("/voice", strings.Replace(g.Stream(""), `keepCallAlive="true"`, "", 1)+`<Wait length="600"/>`)
	pcm, rate := gatewaytest.Speech(t)
	c := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Speak{PCM: pcm[:rate/2], Rate: rate}, carriersim.Press{Digits: "#"},
		carriersim.WaitHeard{Sound: 200 * time.Millisecond, Quiet: 300 * time.Millisecond}, carriersim.Hangup{},
	}}))
	if similarity, _ := compare.Find(c.Said()[:4000], c.Heard(), c.Rate()); similarity < 0.99 || c.Saw("warning") {
		t.Errorf("similarity %.3f:\n%s", similarity, c)
	}
	Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCauseCode": "4000", "HangupSource": "Caller"})
}

func refusedStreams(t *testing.T, g *Gateway) {
	for name, stream := range map[string]string{
		"plain":  `<Stream bidirectional="true" keepCallAlive="true">ws://media.example/x</Stream>`,
		"https":  `<Stream bidirectional="true" keepCallAlive="true">https://media.example/x</Stream>`,
		"track":  g.Stream(`audioTrack="both"`),
		"format": g.Stream(`contentType="audio/x-alaw;rate=8000"`),
	} {
		t.Run(name, func(t *testing.T) {
			g.On("/voice", stream+"<Speak>sorry</Speak>")
			c := g.Ended(g.RingUp(carriersim.Person{}))
			if c.Saw("says sorry") || !c.Saw("stream failed") && !c.Saw("warning") || !c.Saw("hang-up code 4010") {
				t.Errorf("timeline:\n%s", c)
			}
		})
	}
}

// nonsense is told to the timeline and else ignored.
func nonsense(t *testing.T, g *Gateway) {
	g.Media(func(ws *websocket.Conn) {
		start, _ := Read(t, ws)
		id := start.Start.StreamID
		for _, m := range []string{
			`{"event":"playAudio"`,
			`{"event":"playAudio","streamId":"other","media":{"contentType":"audio/x-mulaw","sampleRate":8000,"payload":""}}`,
			`{"event":"playAudio","media":{"contentType":"audio/x-mulaw;rate=8000","sampleRate":8000,"payload":""}}`,
			`{"event":"playAudio","media":{"contentType":"audio/x-mulaw","sampleRate":16000,"payload":""}}`,
			`{"event":"playAudio","media":{"contentType":"audio/x-mulaw","sampleRate":8000,"payload":"!"}}`,
			`{"event":"playAudio","media":{"contentType":"audio/x-mulaw","sampleRate":8000,"payload":"` + strings.Repeat("AAAA", 4097) + `"}}`,
			`{"event":"checkpoint","name":"of no stream"}`,
			`{"event":"checkpoint","streamId":"` + id + `"}`,
			`{"event":"clearAudio","streamId":"other"}`,
			`{"event":"hangup","streamId":"` + id + `"}`,
		} {
			Write(t, ws, "%s", m)
		}
		Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"read it all"}`, id)
		for m, ok := Read(t, ws); ok && m.Event != "playedStream"; {
			m, ok = Read(t, ws)
		}
	})
	g.On("/voice", g.Stream(""))
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if n := strings.Count(c.String(), "warning"); n != 10 {
		t.Errorf("%d warnings, want 10:\n%s", n, c)
	}
}

// bounded fills the playback buffer, which is told at three degrees and then
// drops.
func bounded(t *testing.T, g *Gateway) {
	g.Media(func(ws *websocket.Conn) {
		start, _ := Read(t, ws)
		Play(t, ws, Beep(440, time.Minute))
		Write(t, ws, `{"event":"clearAudio","streamId":%q}`, start.Start.StreamID)
		for m, ok := Read(t, ws); ok && m.Event != "clearedAudio"; {
			m, ok = Read(t, ws)
		}
	})
	g.On("/voice", g.Stream(`statusCallbackUrl="`+g.URL+`/stream"`))
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if !c.Saw("warning playback buffer is full") {
		t.Errorf("timeline:\n%s", c)
	}
	want := []string{"StartStream", "DegradedStream", "DegradedStream", "DegradedStream", "ClearedAudio"}
	if diff := cmp.Diff(want, g.Events("/stream", 5)[:5]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func cut(t *testing.T, g *Gateway) {
	lost := make(chan error, 1)
	g.Media(func(ws *websocket.Conn) {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				lost <- err
				return
			}
		}
	})
	struck := g.Faults().Media(carriersim.MediaFault{After: 100 * time.Millisecond})
	g.On("/voice", g.Stream(`statusCallbackUrl="`+g.URL+`/stream"`)+`<Speak>the line broke</Speak>`)
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if err := gatewaytest.Take(t, lost); websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
		t.Errorf("socket ended in good order: %v", err)
	}
	if struck.Count() != 1 || !c.Saw("socket cut") || !c.Saw("says the line broke") {
		t.Errorf("struck %d:\n%s", struck.Count(), c)
	}
	if diff := cmp.Diff([]string{"StartStream", "DroppedStream"}, g.Events("/stream", 2)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func transfer(t *testing.T, g *Gateway) {
	g.Media(Ignore)
	g.On("/voice", g.Stream("")+"<Speak>not this</Speak>")
	g.On("/moved", "<Speak>moved</Speak>")
	c := g.RingUp(carriersim.Person{})
	g.Saw(c, "stream started")
	if status, doc := g.REST("POST", "/Call/"+c.ID()+"/", Doc{"legs": "aleg", "aleg_url": g.URL + "/moved", "aleg_method": "POST"}); status != 202 || doc["message"] != "call transferred" {
		t.Errorf("transfer: %d %v", status, doc)
	}
	g.Ended(c)
	if !c.Saw("stream stopped by carrier") || !c.Saw("says moved") || c.Saw("says not this") {
		t.Errorf("timeline:\n%s", c)
	}
	Want(t, g.Await("/moved", 1)[0].Form, map[string]string{"Event": "Redirect", "CallStatus": "in-progress", "CallUUID": c.ID()})
	if status, _ := g.REST("POST", "/Call/"+c.ID()+"/", Doc{"aleg_url": g.URL + "/moved"}); status != 404 {
		t.Errorf("transfer after the end: %d", status)
	}
}
