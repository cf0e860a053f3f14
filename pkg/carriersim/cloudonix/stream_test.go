package cloudonix

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// say sends a message to the carrier.
func say(t testing.TB, ws *websocket.Conn, message doc) {
	text, err := json.Marshal(message)
	if err == nil {
		err = ws.WriteMessage(websocket.TextMessage, text)
	}
	if err != nil {
		t.Errorf("say: %v", err)
	}
}

// hear reads the next message; nil at the end.
func hear(t testing.TB, ws *websocket.Conn) doc {
	_, text, err := ws.ReadMessage()
	if err != nil {
		return nil
	}
	var message doc
	if err := json.Unmarshal(text, &message); err != nil {
		t.Errorf("%v: %s", err, text)
	}
	return message
}

// echo sends every frame back until the carrier stops or the other side is
// done, and keeps all other messages.
func echo(t testing.TB, ws *websocket.Conn, done func(frames int) bool) (others []doc) {
	frames := 0
	for {
		m := hear(t, ws)
		if m == nil {
			return others
		}
		if m["event"] != "media" {
			others = append(others, m)
			continue
		}
		if frames == 0 {
			others = append(others, m)
		}
		frames++
		say(t, ws, doc{"event": "media", "streamSid": m["streamSid"], "media": doc{"payload": m["media"].(map[string]any)["payload"]}})
		if done(frames) {
			return others
		}
	}
}

func TestEcho(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	got := make(chan []doc, 1)
	g.Media(func(ws *websocket.Conn) { got <- echo(t, ws, func(int) bool { return false }) })
	g.on("/voice", g.stream())
	said := tone.Sine(440, 8000, 400*time.Millisecond, -10)
	call := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Speak{PCM: said}, carriersim.Press{Digits: "5#"}, carriersim.Wait{For: 300 * time.Millisecond}, carriersim.Hangup{},
	}}))
	messages := map[string]doc{}
	for _, m := range <-got {
		messages[m["event"].(string)] = m
	}
	for _, event := range []string{"start", "media", "dtmf", "stop"} {
		shape(t, event, messages[event])
	}
	start := messages["start"]["start"].(map[string]any)
	if start["session"] != call.ID() || start["accountSid"] != "acme" || start["context"] != "inbound" || start["from"] != caller ||
		!strings.HasPrefix(start["callSid"].(string), "call-") || start["customParameters"].(map[string]any)["call"] != "01J" {
		t.Errorf("start %v", start)
	}
	if heard := audio.Level(call.Heard()[:]); heard < -30 {
		t.Errorf("heard %.1f dB of what was said at %.1f", heard, audio.Level(said))
	}
	if call.Saw("warning") || !call.Saw("pressed 5") || !call.Saw("stream stopped by carrier") {
		t.Errorf("timeline:\n%s", call)
	}
	var events []string
	for _, r := range g.Await("/stream", 2) {
		events = append(events, r.text("StreamEvent"))
		if r.text("StreamName") != "agent" || r.text("Session") != call.ID() {
			t.Errorf("%v", r.body)
		}
	}
	if strings.Join(events, " ") != "stream-started stream-stopped" {
		t.Errorf("events %q", events)
	}
}

func TestGatewayClosesTheSocket(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) { echo(t, ws, func(frames int) bool { return frames == 3 }) })
	g.on("/voice", strings.Replace(g.stream(), "<Hangup/>", "<Say>bye</Say>", 1))
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if !call.Saw("stream stopped by gateway") || !call.Saw("says bye") || call.Status() != "ANSWER" {
		t.Errorf("timeline:\n%s", call)
	}
}

func TestClearAndWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) {
		hear(t, ws)
		id := hear(t, ws)["streamSid"]
		loud := base64.StdEncoding.EncodeToString(make([]byte, 8000)) // mu-law 0 is as loud as can be
		say(t, ws, doc{"event": "media", "streamSid": id, "media": doc{"payload": loud}})
		say(t, ws, doc{"event": "mark", "streamSid": id, "mark": doc{"name": "m"}})
		say(t, ws, doc{"event": "clear", "streamSid": id})
		say(t, ws, doc{"event": "media", "streamSid": "other", "media": doc{"payload": loud}})
		for range 20 {
			hear(t, ws)
		}
	})
	g.on("/voice", g.stream())
	call := g.Ended(g.RingUp(carriersim.Person{}))
	for _, what := range []string{"clear", "warning audio in pieces of 8000 bytes", `warning unknown event "mark"`, `warning media names stream "other"`} {
		if !call.Saw(what) {
			t.Errorf("no %q:\n%s", what, call)
		}
	}
	if call.Saw("mark") {
		t.Error("a mark came back")
	}
	loud := 0
	for _, sample := range call.Heard() {
		if sample < -30000 {
			loud++
		}
	}
	if loud > 4000 {
		t.Errorf("heard %d samples of what was cleared", loud)
	}
}

func TestStreamThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ markup, saw, status string }{
		"bad url":   {`<Connect><Stream url="https://a.example"/></Connect><Say>bye</Say>`, "stream failed", "ANSWER"},
		"nobody":    {`<Connect><Stream url="ws://127.0.0.1:1/" statusCallback="%s/stream"/></Connect><Say>bye</Say>`, "says bye", "ANSWER"},
		"query":     {`<Connect><Stream url="ws://127.0.0.1:1/?a=b"/></Connect>`, "warning query", "ANSWER"},
		"no stream": {`<Connect/><Say>bye</Say>`, "warning <Connect> without", "ANSWER"},
		"parameter": {`<Connect><Stream url="ws://127.0.0.1:1/"><Param/></Stream></Connect>`, "warning <Param> in <Stream>", "ANSWER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			g.on("/voice", test.markup)
			call := g.Ended(g.RingUp(carriersim.Person{}))
			if !call.Saw(test.saw) || call.Status() != test.status {
				t.Errorf("timeline:\n%s", call)
			}
			if name == "bad url" && call.Saw("says bye") {
				t.Error("the application went on after a bad URL")
			}
			if name == "nobody" && g.Await("/stream", 1)[0].text("StreamEvent") != "stream-error" {
				t.Error("the failure was not told")
			}
		})
	}
}
