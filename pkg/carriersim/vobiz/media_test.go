package vobiz

import (
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/gatewaytest"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/plivoswitch/switchtest"
)

// TestMessages holds the messages of a call against the documented forms.
func TestMessages(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	serve, all := switchtest.Listen(t)
	g.Media(serve)
	g.On("/voice", g.Stream(`maxRetries="3" extraHeaders="call=01JABC" statusCallbackUrl="`+g.URL+`/stream"`))
	call := g.Ended(g.RingUp(carriersim.Person{Acts: []carriersim.Act{
		carriersim.Wait{For: 200 * time.Millisecond}, carriersim.Press{Digits: "5"}, carriersim.Hangup{},
	}}))
	messages := all()
	if len(messages) < 10 {
		t.Fatalf("only %d messages", len(messages))
	}
	id := messages[0].Start.StreamID
	want := `{"sequenceNumber":0,"event":"start","start":{"callId":"` + call.ID() + `","streamId":"` + id + `","accountId":"500025",` +
		`"tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}},"extra_headers":"{}"}`
	if diff := cmp.Diff(want, messages[0].Raw); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	media := 0
	for _, m := range messages[1:] {
		switch m.Event {
		case "media":
			if media++; m.Sequence == nil || *m.Sequence != media || m.Media.Chunk != media || m.Media.Track != "inbound" || m.StreamID != id {
				t.Fatalf("media %s", m.Raw)
			}
		case "dtmf":
			if want := `{"event":"dtmf","streamId":"` + id + `","dtmf":{"digit":"5"}}`; m.Raw != want {
				t.Errorf("dtmf %s, want %s", m.Raw, want)
			}
		}
	}
	started := g.Await("/stream", 1)[0]
	switchtest.Want(t, started.Form, map[string]string{
		"Event": "StartStream", "StreamID": id, "ServiceURL": g.MediaURL(), "status_callback_url": g.URL + "/stream", "status_callback_method": "POST",
	})
	if started.Header.Get("X-VH-call") != "01JABC" || started.Form.Get("ParentAuthID") == "" {
		t.Errorf("custom header: %v %v", started.Header, started.Form)
	}
	if n := len(g.Got("/stream")); n != 1 { // no StopStream: the gateway has not stopped it
		t.Errorf("%d callbacks", n)
	}
}

// TestTerseAnswers have no sequence number, and playedStream no stream.
func TestTerseAnswers(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	var answers []string
	var id string
	g.Media(func(ws *websocket.Conn) {
		start, _ := switchtest.Read(t, ws)
		id = start.Start.StreamID
		switchtest.Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"utt-1"}`, id)
		for m, ok := switchtest.Read(t, ws); ok; m, ok = switchtest.Read(t, ws) {
			switch m.Event {
			case "playedStream":
				answers = append(answers, m.Raw)
				switchtest.Write(t, ws, `{"event":"clearAudio","streamId":%q}`, id)
			case "clearedAudio":
				answers = append(answers, m.Raw)
				switchtest.Write(t, ws, `{"event":"stop","streamId":%q}`, id)
			}
		}
	})
	g.On("/voice", g.Stream(`statusCallbackUrl="`+g.URL+`/stream"`))
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if diff := cmp.Diff([]string{`{"event":"playedStream","name":"utt-1"}`, `{"event":"clearedAudio","streamId":"` + id + `"}`}, answers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if call.Saw("warning") || !call.Saw("stream stopped by gateway: stop") {
		t.Errorf("timeline:\n%s", call)
	}
	switchtest.Want(t, g.Await("/hangup", 1)[0].Form, map[string]string{"HangupCauseCode": "4010", "HangupSource": "Vobiz"})
	if diff := cmp.Diff([]string{"StartStream", "PlayedStream", "ClearedAudio", "StopStream"}, g.Events("/stream", 4)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestClearTakesWhatComesMeanwhile is the race that a gateway must know of:
// audio sent between clearAudio and clearedAudio is never heard.
func TestClearTakesWhatComesMeanwhile(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{clearAfter: 2 * time.Second})
	early, late := switchtest.Beep(500, 300*time.Millisecond), switchtest.Beep(1200, 300*time.Millisecond)
	g.Media(func(ws *websocket.Conn) {
		start, _ := switchtest.Read(t, ws)
		switchtest.Write(t, ws, `{"event":"clearAudio","streamId":%q}`, start.Start.StreamID)
		switchtest.Play(t, ws, slices.Concat(tone.Silence(8000, 10*time.Second), early))
		for m, ok := switchtest.Read(t, ws); ok; m, ok = switchtest.Read(t, ws) {
			switch m.Event {
			case "clearedAudio":
				switchtest.Play(t, ws, late)
				switchtest.Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"end"}`, start.Start.StreamID)
			case "playedStream":
				switchtest.Write(t, ws, `{"event":"stop","streamId":%q}`, start.Start.StreamID)
			}
		}
	})
	g.On("/voice", g.Stream(""))
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if n := switchtest.Loud(call.Heard()); n < len(late)*9/10 || n > len(late) {
		t.Errorf("heard %d samples of tone, want %d", n, len(late))
	}
	if similarity, _ := compare.Find(late, call.Heard(), 8000); similarity < 0.95 {
		t.Errorf("similarity %.3f:\n%s", similarity, call)
	}
}

// TestOutboundFormatIsItsOwn plays 24 kHz into a stream of 8 kHz.
func TestOutboundFormatIsItsOwn(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	beep := tone.Sine(600, 24000, 400*time.Millisecond, -12)
	g.Media(func(ws *websocket.Conn) {
		start, _ := switchtest.Read(t, ws)
		for chunk := range slices.Chunk(beep, 480) {
			codes := make([]byte, 2*len(chunk))
			audio.EncodeLE(codes, chunk)
			switchtest.Write(t, ws, `{"event":"playAudio","media":{"contentType":"audio/x-l16","sampleRate":24000,"payload":%q}}`, base64.StdEncoding.EncodeToString(codes))
		}
		switchtest.Write(t, ws, `{"event":"sendDTMF","dtmf":"1"}`) // not of Vobiz' words
		switchtest.Write(t, ws, `{"event":"checkpoint","streamId":%q,"name":"end"}`, start.Start.StreamID)
		for m, ok := switchtest.Read(t, ws); ok && m.Event != "playedStream"; {
			m, ok = switchtest.Read(t, ws)
		}
		switchtest.Write(t, ws, `{"event":"stop","streamId":%q}`, start.Start.StreamID)
		switchtest.Write(t, ws, `{"event":"clearAudio","streamId":%q}`, start.Start.StreamID)
		switchtest.Ignore(ws)
	})
	g.On("/voice", g.Stream(""))
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if similarity, _ := compare.Find(switchtest.Beep(600, 400*time.Millisecond), call.Heard(), 8000); similarity < 0.95 {
		t.Errorf("similarity %.3f", similarity)
	}
	if !call.Saw(`warning message "sendDTMF"`) || call.Digits() != "" {
		t.Errorf("timeline:\n%s", call)
	}
}

// TestReconnect gives the gateway a new stream of the same call when the socket
// is lost, as often as it asked for.
func TestReconnect(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	starts := make(chan switchtest.Message, 3)
	g.Media(func(ws *websocket.Conn) {
		start, _ := switchtest.Read(t, ws)
		starts <- start
		switchtest.Ignore(ws)
	})
	c.Faults().Media(carriersim.MediaFault{After: 100 * time.Millisecond})
	g.On("/voice", g.Stream(`maxRetries="1" statusCallbackUrl="`+g.URL+`/stream"`)+"<Speak>lost</Speak>")
	call := g.Ended(g.RingUp(carriersim.Person{}))
	first, second := gatewaytest.Take(t, starts).Start, gatewaytest.Take(t, starts).Start
	if first.StreamID == second.StreamID || first.CallID != call.ID() || second.CallID != call.ID() || !call.Saw("says lost") {
		t.Errorf("streams %v and %v:\n%s", first, second, call)
	}
	if diff := cmp.Diff([]string{"StartStream", "StartStream", "DroppedStream"}, g.Events("/stream", 3)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
