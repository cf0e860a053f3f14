package twilio

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

func TestPlay(t *testing.T) {
	t.Parallel()
	pcm, rate := gatewaytest.Speech(t)
	for name, file := range map[string]string{"wav": string(wav.Encode(pcm, rate)), "mp3": speech.GreetingMP3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			g.Handle("/prompt", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(file)) })
			g.on("/voice", `<Play>%s/prompt</Play>`)
			call := g.Ended(g.RingUp(carriersim.Person{}))
			want, err := c.File(t.Context(), g.URL+"/prompt", 8000)
			if err != nil {
				t.Fatal(err)
			}
			if similarity, _ := compare.Find(want, call.Heard(), 8000); similarity < 0.99 || call.Saw("plays a tone") {
				t.Errorf("similarity %.3f:\n%s", similarity, call)
			}
		})
	}
}

func TestPlayWhatIsElsewhere(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Handle("/prompt", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("neither")) })
	g.on("/voice", `<Play>https://files.example/a.mp3</Play><Play>%s/prompt</Play>`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if n := strings.Count(call.String(), "plays a tone instead"); n != 2 {
		t.Errorf("%d tones, want 2:\n%s", n, call)
	}
	if similarity, _ := compare.Find(carriersim.Music(8000), call.Heard(), 8000); similarity < 0.99 {
		t.Errorf("similarity %.3f", similarity)
	}
}

func TestSayAndPlayDigits(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.on("/voice", `<Say loop="2">hi &amp; bye</Say><Play digits="w12#"/>`)
	call := g.Ended(g.RingUp(carriersim.Person{}))
	want := carriersim.Spoken("hi & bye", 8000)
	loud := 0
	for _, v := range call.Heard() {
		if v != 0 {
			loud++
		}
	}
	if loud < len(want)*19/10 || loud > len(want)*2 {
		t.Errorf("heard %d samples of tone, want about %d", loud, 2*len(want))
	}
	if call.Digits() != "w12#" {
		t.Errorf("digits %q", call.Digits())
	}
}

func TestPlaybackBufferIsBounded(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) {
		for {
			m, _, ok := read(t, ws)
			switch {
			case !ok || m.Event == "mark":
				return
			case m.Event == "start":
				for range 11 { // minutes
					writeAudio(t, ws, m.Stream, tone.Silence(8000, time.Minute))
				}
				write(t, ws, `{"event":"mark","streamSid":%q,"mark":{"name":"late"}}`, m.Stream)
				write(t, ws, `{"event":"clear","streamSid":%q}`, m.Stream)
			}
		}
	})
	g.on("/voice", g.stream())
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if n := strings.Count(call.String(), "warning 31931"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, call)
	}
}

func TestParseMarkup(t *testing.T) {
	t.Parallel()
	root, err := parseMarkup([]byte(`<?xml version="1.0" encoding="UTF-8"?><!-- c --><Response>
  <Say voice="alice">a &lt; b &amp; c</Say><Dial><Number>+1</Number></Dial></Response>`))
	if err != nil {
		t.Fatal(err)
	}
	if len(root.Children) != 2 || root.Children[0].Text != "a < b & c" || root.Children[0].Attr("voice", "") != "alice" ||
		root.Children[1].Children[0].Text != "+1" {
		t.Errorf("%+v", root)
	}
	for name, doc := range map[string]string{
		"empty":      "",
		"other root": "<Reply/>",
		"open":       "<Response><Say>",
		"two roots":  "<Response/><Response/>",
		"ampersand":  `<Response><Redirect>https://a/?b=1&c=2</Redirect></Response>`,
		"twice":      `<Response><Say loop="1" loop="2"/></Response>`,
		"huge":       fmt.Sprintf("<Response><Say>%s</Say></Response>", strings.Repeat("x", maxMarkup)),
	} {
		if _, err := parseMarkup([]byte(doc)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
