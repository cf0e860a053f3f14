package plivo

import (
	"encoding/base64"
	"strconv"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/switchtest"
)

// TestMessages holds every message of a call against the documented form, and
// the audio in it against what was said.
func TestMessages(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{AuthID: "MATRUNKLINE000000001"})
	serve, all := switchtest.Listen(t)
	g.Media(serve)
	g.On("/voice", g.Stream(`audioTrack="inbound" streamTimeout="86400" extraHeaders="call=01JABC,agent=support-en"`))
	call := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Speak{PCM: switchtest.Beep(440, 100*time.Millisecond)}, carriersim.Press{Digits: "5"}, carriersim.Hangup{},
	}}))
	messages := all()
	if len(messages) < 10 {
		t.Fatalf("only %d messages", len(messages))
	}
	id := messages[0].Start.StreamID
	want := `{"sequenceNumber":1,"event":"start","start":{"callId":"` + call.ID() + `","streamId":"` + id + `","accountId":"MATRUNKLINE000000001",` +
		`"tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}},"extra_headers":"call=01JABC;agent=support-en"}`
	if diff := cmp.Diff(want, messages[0].Raw); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	var codes []byte
	chunk := 0
	for i, m := range messages {
		if m.Sequence == nil || *m.Sequence != i+1 || i > 0 && m.StreamID != id {
			t.Fatalf("message %d: %s", i+1, m.Raw)
		}
		switch m.Event {
		case "media":
			chunk++
			payload, err := base64.StdEncoding.DecodeString(m.Media.Payload)
			at, _ := strconv.ParseInt(m.Media.Timestamp, 10, 64)
			if err != nil || len(payload) != 160 || m.Media.Track != "inbound" || m.Media.Chunk != chunk || m.Extra != "{}" ||
				time.Since(time.UnixMilli(at)).Abs() > time.Minute {
				t.Fatalf("media %s", m.Raw)
			}
			codes = append(codes, payload...)
		case "dtmf":
			if m.DTMF.Digit != "5" || m.DTMF.Track != "inbound" || m.Extra != "{}" {
				t.Errorf("dtmf %s", m.Raw)
			}
		}
	}
	said := make([]byte, len(call.Said()))
	g711.EncodeULaw(said, call.Said())
	if n := min(len(said), len(codes)); string(codes[:n]) != string(said[:n]) || n < 1600 {
		t.Error("the socket carried something else than was said")
	}
}

func TestSendDTMF(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.Media(func(ws *websocket.Conn) {
		start, _ := switchtest.Read(t, ws)
		switchtest.Write(t, ws, `{"event":"sendDTMF","dtmf":"12*#"}`)
		switchtest.Write(t, ws, `{"event":"sendDTMF","dtmf":"x"}`)
		switchtest.Write(t, ws, `{"event":"stop","streamId":%q}`, start.Start.StreamID) // not of Plivo's words
		switchtest.Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"read it all"}`, start.Start.StreamID)
		for m, ok := switchtest.Read(t, ws); ok && m.Event != "playedStream"; {
			m, ok = switchtest.Read(t, ws)
		}
	})
	g.On("/voice", g.Stream(`statusCallbackUrl="`+g.URL+`/stream"`))
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if call.Digits() != "12*#" || !call.Saw(`warning digits "x"`) || !call.Saw(`warning message "stop"`) {
		t.Errorf("digits %q:\n%s", call.Digits(), call)
	}
}

// TestStopIsTold when the gateway closes the stream, and when the call ends.
func TestStopIsTold(t *testing.T) {
	t.Parallel()
	for name, person := range map[string]carriersim.Person{
		"gateway": {},
		"person":  {Acts: []carriersim.Act{carriersim.Hangup{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			g.Media(func(ws *websocket.Conn) {
				switchtest.Read(t, ws)
				if name == "gateway" {
					switchtest.Close(ws)
				}
				switchtest.Ignore(ws)
			})
			g.On("/voice", g.Stream(`statusCallbackUrl="`+g.URL+`/stream#rc=5"`))
			call := g.Ended(g.RingUp(person))
			if diff := cmp.Diff([]string{"StartStream", "StopStream"}, g.Events("/stream", 2)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			form := g.Await("/stream", 1)[0].Form
			if form.Get("StreamID") == "" || form.Get("Timestamp") == "" || form.Has("ParentAuthID") || form.Get("CallUUID") != call.ID() {
				t.Errorf("form %v", form)
			}
		})
	}
}
