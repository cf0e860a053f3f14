package twilio

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
)

// message is a message of the carrier's, as loosely as a test needs it.
type message struct {
	Event    string
	Sequence string `json:"sequenceNumber"`
	Stream   string `json:"streamSid"`
	Start    json.RawMessage
	Media    struct{ Track, Chunk, Timestamp, Payload string }
	DTMF     struct{ Track, Digit string }
	Mark     struct{ Name string }
	Stop     struct{ AccountSID, CallSID string }
}

func read(t testing.TB, ws *websocket.Conn) (m message, raw string, ok bool) {
	_, data, err := ws.ReadMessage()
	if err != nil {
		return m, "", false
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Errorf("message %s: %v", data, err)
	}
	return m, string(data), true
}

func write(t testing.TB, ws *websocket.Conn, format string, args ...any) {
	if err := ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)); err != nil {
		t.Logf("write: %v", err)
	}
}

func writeAudio(t testing.TB, ws *websocket.Conn, stream string, pcm []int16) {
	codes := make([]byte, g711.EncodeULaw(make([]byte, len(pcm)), pcm))
	g711.EncodeULaw(codes, pcm)
	write(t, ws, `{"event":"media","streamSid":%q,"media":{"payload":%q}}`, stream, base64.StdEncoding.EncodeToString(codes))
}

// echo sends all audio back until the carrier stops, behind a second of silence,
// so that a machine that is busy leaves no gaps.
func echo(t testing.TB) func(ws *websocket.Conn) {
	return func(ws *websocket.Conn) {
		for {
			m, _, ok := read(t, ws)
			switch {
			case !ok:
				return
			case m.Event == "start":
				writeAudio(t, ws, m.Stream, tone.Silence(8000, time.Second))
			case m.Event == "media":
				write(t, ws, `{"event":"media","streamSid":%q,"media":{"payload":%q}}`, m.Stream, m.Media.Payload)
			}
		}
	}
}

func TestStreamEcho(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(echo(t))
	g.on("/voice", g.stream())
	pcm, rate := gatewaytest.Speech(t)
	c := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Speak{PCM: pcm, Rate: rate}, carriersim.Wait{For: 1500 * time.Millisecond}, carriersim.Hangup{},
	}}))
	if len(c.Said()) != len(c.Heard()) {
		t.Errorf("said %d samples, heard %d", len(c.Said()), len(c.Heard()))
	}
	if similarity, delay := compare.Find(c.Said(), c.Heard(), c.Rate()); similarity < 0.95 || delay < 0 {
		t.Errorf("similarity %.3f, delay %v", similarity, delay)
	}
	if c.Status() != "completed" || !c.Billed() || !c.Saw("hung up by person") || c.Saw("warning") {
		t.Errorf("status %s:\n%s", c.Status(), c)
	}
}

func TestStreamMessages(t *testing.T) {
	t.Parallel()
	carrier, g := begin(t, Options{})
	var messages []message
	var raw []string
	done := make(chan struct{})
	g.Media(func(ws *websocket.Conn) {
		defer close(done)
		for {
			m, text, ok := read(t, ws)
			if !ok {
				return
			}
			messages, raw = append(messages, m), append(raw, text)
		}
	})
	g.on("/voice", g.stream())
	c := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Speak{PCM: tone.Sine(440, 8000, 100*time.Millisecond, -12)}, carriersim.Press{Digits: "1#"}, carriersim.Hangup{},
	}}))
	<-done
	if len(messages) < 10 {
		t.Fatalf("only %d messages", len(messages))
	}
	sid := messages[1].Stream
	if want := `{"event":"connected","protocol":"Call","version":"1.0.0"}`; raw[0] != want {
		t.Errorf("first message %s", raw[0])
	}
	var start struct {
		AccountSID, StreamSID, CallSID string
		Tracks                         []string
		MediaFormat                    struct {
			Encoding             string
			SampleRate, Channels int
		}
		CustomParameters map[string]string
	}
	if err := json.Unmarshal(messages[1].Start, &start); err != nil {
		t.Fatal(err)
	}
	if start.AccountSID != carrier.AccountSID() || start.CallSID != c.ID() || start.StreamSID != sid || !strings.HasPrefix(sid, "MZ") ||
		start.MediaFormat.Encoding != "audio/x-mulaw" || start.MediaFormat.SampleRate != 8000 || start.MediaFormat.Channels != 1 ||
		!slices.Equal(start.Tracks, []string{"inbound"}) || start.CustomParameters["call"] != "01J" {
		t.Errorf("start %s", raw[1])
	}
	var digits string
	var audio []byte
	chunk := 0
	for i, m := range messages[1:] {
		if m.Sequence != strconv.Itoa(i+1) || m.Stream != sid {
			t.Fatalf("message %d: %s", i+1, raw[i+1])
		}
		switch m.Event {
		case "media":
			chunk++
			payload, err := base64.StdEncoding.DecodeString(m.Media.Payload)
			if err != nil || len(payload) != 160 || m.Media.Track != "inbound" || m.Media.Chunk != strconv.Itoa(chunk) ||
				m.Media.Timestamp != strconv.Itoa((chunk-1)*20) {
				t.Fatalf("media %s", raw[i+1])
			}
			audio = append(audio, payload...)
		case "dtmf":
			digits += m.DTMF.Digit
		}
	}
	if digits != "1#" {
		t.Errorf("digits %q", digits)
	}
	if last := messages[len(messages)-1]; last.Event != "stop" || last.Stop.CallSID != c.ID() || last.Stop.AccountSID != carrier.AccountSID() {
		t.Errorf("last message %s", raw[len(raw)-1])
	}
	sent := make([]int16, len(audio))
	g711.DecodeULaw(sent, audio)
	said := make([]byte, len(c.Said()))
	g711.EncodeULaw(said, c.Said())
	if n := min(len(said), len(audio)); string(audio[:n]) != string(said[:n]) || n < 1600 {
		t.Errorf("the socket carried something else than was said")
	}
}

// TestMarksAndClear has three marks in the audio. The first is heard; then the
// gateway clears, and the others come back at once, unheard.
func TestMarksAndClear(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	var marks []string
	beep := tone.Sine(440, 8000, 200*time.Millisecond, -12)
	long := tone.Sine(880, 8000, 30*time.Second, -12)
	done := make(chan struct{})
	g.Media(func(ws *websocket.Conn) {
		defer close(done)
		for {
			m, _, ok := read(t, ws)
			if !ok {
				return
			}
			switch m.Event {
			case "start":
				writeAudio(t, ws, m.Stream, beep)
				write(t, ws, `{"event":"mark","streamSid":%q,"mark":{"name":"one"}}`, m.Stream)
				writeAudio(t, ws, m.Stream, long)
				write(t, ws, `{"event":"mark","streamSid":%q,"mark":{"name":"two"}}`, m.Stream)
				write(t, ws, `{"event":"mark","streamSid":%q,"mark":{"name":"three"}}`, m.Stream)
			case "mark":
				switch marks = append(marks, m.Mark.Name); m.Mark.Name {
				case "one":
					write(t, ws, `{"event":"clear","streamSid":%q}`, m.Stream)
				case "three":
					return
				}
			}
		}
	})
	g.on("/voice", g.stream())
	c := g.Ended(g.RingUp(carriersim.Person{}))
	<-done
	if diff := cmp.Diff([]string{"one", "two", "three"}, marks); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	if !c.Saw("mark one") || c.Saw("mark one cleared") || !c.Saw("mark two cleared") || !c.Saw("mark three cleared") {
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
	if similarity, _ := compare.Find(beep, c.Heard(), 8000); similarity < 0.95 {
		t.Errorf("beep was heard with similarity %.3f", similarity)
	}
}

// TestMarkWithoutAudio comes back at once: there is nothing to hear before it.
func TestMarkWithoutAudio(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) {
		for {
			m, _, ok := read(t, ws)
			if !ok || m.Event == "mark" {
				return
			}
			if m.Event == "start" {
				write(t, ws, `{"event":"mark","streamSid":%q,"mark":{"name":"now"}}`, m.Stream)
			}
		}
	})
	g.on("/voice", g.stream())
	if c := g.Ended(g.RingUp(carriersim.Person{})); !c.Saw("mark now") {
		t.Errorf("timeline:\n%s", c)
	}
}

func TestStreamStatusAndAction(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) { read(t, ws) })
	g.on("/voice", fmt.Sprintf(`<Connect action="%%s/after"><Stream url="%s" name="agent" statusCallback="%%s/stream"/></Connect><Say>not this</Say>`, g.MediaURL()))
	g.on("/after", `<Say>bye</Say>`)
	c := g.Ended(g.RingUp(carriersim.Person{}))
	events := g.Await("/stream", 2)
	for i, want := range []string{"stream-started", "stream-stopped"} {
		form := events[i].Form
		if form.Get("StreamEvent") != want || form.Get("CallSid") != c.ID() || form.Get("StreamName") != "agent" || form.Has("CallStatus") {
			t.Errorf("stream callback %d: %v", i, form)
		}
	}
	if after := g.Await("/after", 1); after[0].Form.Get("CallStatus") != "in-progress" {
		t.Errorf("action: %v", after[0].Form)
	}
	if !c.Saw("says bye") || c.Saw("says not this") {
		t.Errorf("timeline:\n%s", c)
	}
}

func TestStreamRefused(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string]string{
		"handshake": "{media}/elsewhere",
		"plain":     "ws://media.example/x",
		"https":     "https://media.example/x",
	} {
		t.Run(name, func(t *testing.T) {
			_, g := begin(t, Options{})
			target := strings.Replace(stream, "{media}", strings.TrimSuffix(g.MediaURL(), "/media"), 1)
			g.on("/voice", `<Connect><Stream url="`+target+`"/></Connect><Say>sorry</Say>`)
			if c := g.Ended(g.RingUp(carriersim.Person{})); !c.Saw("stream failed") || !c.Saw("says sorry") {
				t.Errorf("timeline:\n%s", c)
			}
		})
	}
}

// TestHandshakeIsSignedForThePublicURL reaches the gateway without TLS while
// the markup, and so the signature, says wss.
func TestHandshakeIsSignedForThePublicURL(t *testing.T) {
	t.Parallel()
	carrier, g := begin(t, Options{})
	seen := make(chan *http.Request, 1)
	g.Handle("/v1/media/01J/token", func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		http.Error(w, "enough", http.StatusTeapot)
	})
	const public = "wss://media.example"
	carrier.Reach(public, "ws"+strings.TrimPrefix(g.URL, "http"))
	g.on("/voice", `<Connect><Stream url="`+public+`/v1/media/01J/token?lost=1"/></Connect>`)
	c := g.Ended(g.RingUp(carriersim.Person{}))
	r := <-seen
	if got, want := r.Header.Get(signatureHeader), sign(carrier.AuthToken(), public+"/v1/media/01J/token", nil); got != want || r.Host != "media.example" {
		t.Errorf("host %s, signature %s, want %s", r.Host, got, want)
	}
	if !c.Saw(`warning query "lost=1"`) {
		t.Errorf("timeline:\n%s", c)
	}
}

func TestStreamWarnings(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) {
		read(t, ws)
		start, _, _ := read(t, ws)
		write(t, ws, `{"event":"media"`)
		write(t, ws, `{"event":"media","streamSid":"MZother","media":{"payload":""}}`)
		write(t, ws, `{"event":"hangup","streamSid":%q}`, start.Stream)
		write(t, ws, `{"event":"media","streamSid":%q,"media":{"payload":"!"}}`, start.Stream)
		write(t, ws, `{"event":"mark","streamSid":%q,"mark":{"name":"read it all"}}`, start.Stream)
		for m, _, ok := read(t, ws); ok && m.Event != "mark"; {
			m, _, ok = read(t, ws)
		}
	})
	g.on("/voice", g.stream())
	c := g.Ended(g.RingUp(carriersim.Person{}))
	n := strings.Count(c.String(), "warning 31951")
	if n != 4 {
		t.Errorf("%d warnings, want 4:\n%s", n, c)
	}
}

func TestMediaFault(t *testing.T) {
	t.Parallel()
	carrier, g := begin(t, Options{})
	cut := make(chan error, 1)
	g.Media(func(ws *websocket.Conn) {
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				cut <- err
				return
			}
		}
	})
	struck := carrier.Faults().Media(carriersim.MediaFault{After: 100 * time.Millisecond})
	g.on("/voice", g.stream()+`<Say>the line broke</Say>`)
	c := g.Ended(g.RingUp(carriersim.Person{}))
	if err := <-cut; websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
		t.Errorf("socket ended in good order: %v", err)
	}
	if struck.Count() != 1 || !c.Saw("socket cut") || !c.Saw("says the line broke") {
		t.Errorf("struck %d:\n%s", struck.Count(), c)
	}
}

func TestCutMedia(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(echo(t))
	g.on("/voice", g.stream())
	c := g.RingUp(carriersim.Person{})
	g.Saw(c, "stream started")
	if !c.CutMedia() {
		t.Error("no socket to cut")
	}
	g.Ended(c)
}
