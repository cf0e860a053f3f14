package media_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/subject"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	service "github.com/trunkline-io/trunkline/services/media"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

func ulawOf(pcm []int16) []byte {
	b := make([]byte, len(pcm))
	g711.EncodeULaw(b, pcm)
	return b
}

func pcmOfULaw(b []byte) []int16 {
	pcm := make([]int16, len(b))
	g711.DecodeULaw(pcm, b)
	return pcm
}

func leOf(pcm []int16) []byte {
	b := make([]byte, 2*len(pcm))
	audio.EncodeLE(b, pcm)
	return b
}

func pcmOfLE(b []byte) []int16 {
	pcm := make([]int16, len(b)/2)
	audio.DecodeLE(pcm, b)
	return pcm
}

func wantLevel(t *testing.T, what string, pcm []int16, want float64) {
	t.Helper()
	if got := audio.Level(pcm); math.Abs(got-want) > 0.5 {
		t.Errorf("%s is at %.2f dBFS, want %.2f", what, got, want)
	}
}

// TestConversation: a caller's voice reaches the agent at 16 kHz, the agent
// gives it back, and the caller hears it.
func TestConversation(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.ring("c1")
	a := s.agent("c1")
	c := s.answer("c1")
	want := media.Started{StreamID: "Sc1", Org: org, Call: "c1", Application: "app", Direction: call.Inbound, From: "+14155550199",
		To: "+14155550101", Provider: "twilio", Trunk: "main", Format: trunk.DefaultFormat, Variables: map[string]string{"tier": "gold"}}
	if diff := cmp.Diff(want, a.started()); diff != "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}
	c.speak(ulawOf(tone.Sine(1000, 8000, time.Second, -10)))
	heard := a.hear(32000)
	wantLevel(t, "the caller at the agent", pcmOfLE(heard)[320:], -10)
	for i := 0; i < len(heard); i += 500 { // in pieces that are no frames
		a.say(heard[i:min(i+500, len(heard))])
	}
	wantLevel(t, "the agent at the caller", pcmOfULaw(c.hear(50))[320:], -10)
	c.stop()
	c.closed(socket.Normal)
	if sig := a.signal(); sig.Stopped == nil || sig.Stopped.Reason != "stop" {
		t.Errorf("the agent is told %+v, want stopped", sig)
	}

	started := s.fact("c1", event.StreamStarted{})
	if diff := cmp.Diff(event.StreamStarted{StreamID: "Sc1", CarrierStreamID: "MZ1", Node: "node-1", InFormat: "ulaw/8000", OutFormat: "ulaw/8000"}, started.Data); diff != "" {
		t.Errorf("fact (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/media", "main", "twilio", leg}, []string{started.Source, started.Trunk, started.Provider, started.Leg}); diff != "" {
		t.Errorf("envelope (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(event.StreamStopped{StreamID: "Sc1", Reason: "stop", InMS: 1000, OutMS: 1000}, s.fact("c1", event.StreamStopped{}).Data); diff != "" {
		t.Errorf("fact (-want +got):\n%s", diff)
	}
	if log := s.log.String(); strings.Contains(log, s.url("c1")[len(s.url("c1"))-22:]) || strings.Contains(log, "4155550199") {
		t.Errorf("the log gives away a token or a number:\n%s", log)
	}
}

func TestCarriersOwnFormatPassesUntouched(t *testing.T) {
	s := newSite(t, trunk.Application{Format: media.Format{Encoding: media.ULaw, Rate: 8000}}, nil)
	s.ring("c1")
	a := s.agent("c1")
	c := s.answer("c1")
	a.started()
	want := make([]byte, 1600)
	for i := range want {
		want[i] = byte(i * 31)
	}
	c.speak(want)
	got := a.hear(len(want))
	if !bytes.Equal(got, want) {
		t.Error("the agent does not get the caller's bytes")
	}
	a.say(got)
	if !bytes.Equal(c.hear(10), want) {
		t.Error("the caller does not get the agent's bytes")
	}
}

func TestBargeIn(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.ring("c1")
	a := s.agent("c1")
	c := s.answer("c1")
	a.started()
	const said = 5000
	a.order(media.Control{Mark: &media.MarkControl{Name: "begin"}})
	a.say(leOf(tone.Sine(500, 16000, said*time.Millisecond, -10)))
	a.order(media.Control{Mark: &media.MarkControl{Name: "end"}})
	if m := c.next(); m.Event != "mark" || m.Mark.Name != "begin" {
		t.Fatalf("first %s %s, want the mark", m.Event, m.Mark.Name)
	}
	c.hear(15)
	a.order(media.Control{Clear: &media.Clear{}})
	frames := 15
	for m := c.next(); m.Event != "clear"; m = c.next() {
		if m.Event != "media" {
			t.Fatalf("before the clear came %s", m.Event)
		}
		frames++
	}
	if sig := a.signal(); sig.Mark == nil || *sig.Mark != (media.Mark{Name: "end", Cleared: true}) {
		t.Errorf("first the agent is told %+v, want the mark that was not sent", sig)
	}
	sig := a.signal()
	if sig.Cleared == nil {
		t.Fatalf("then the agent is told %+v, want cleared", sig)
	}
	if sum := sig.Cleared.HeardMS + sig.Cleared.DroppedMS; sum != said && sum != said-1 { // each is cut to whole milliseconds
		t.Errorf("%+v, want both to be the %d ms said", *sig.Cleared, said)
	}
	if most := int64(frames * 20); sig.Cleared.HeardMS > most || sig.Cleared.HeardMS < most-140 {
		t.Errorf("%d ms were heard of the %d sent, want all but the lead", sig.Cleared.HeardMS, most)
	}
	c.returnMark("begin") // Twilio returns all that were pending
	if sig := a.signal(); sig.Mark == nil || *sig.Mark != (media.Mark{Name: "begin", Cleared: true}) {
		t.Errorf("at last the agent is told %+v, want the mark that was pending", sig)
	}
	a.say(leOf(tone.Sine(700, 16000, 200*time.Millisecond, -10)))
	c.hear(10) // the new speech and nothing of the old
	c.stop()
	c.closed(socket.Normal)
}

func TestMarksComeInOrder(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.ring("c1")
	a := s.agent("c1")
	c := s.answer("c1")
	a.started()
	for i := range 5 {
		a.say(make([]byte, 640*(i+1)))
		a.order(media.Control{Mark: &media.MarkControl{Name: fmt.Sprint(i)}})
	}
	for i := range 5 {
		c.hear(i + 1)
		if m := c.next(); m.Event != "mark" || m.Mark.Name != fmt.Sprint(i) {
			t.Fatalf("after %d frames came %s %s, want mark %d", i+1, m.Event, m.Mark.Name, i)
		}
		c.returnMark(fmt.Sprint(i))
		if sig := a.signal(); sig.Mark == nil || *sig.Mark != (media.Mark{Name: fmt.Sprint(i)}) {
			t.Fatalf("the agent is told %+v, want mark %d heard", sig, i)
		}
	}
}

func TestDigits(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.ring("c1")
	a := s.agent("c1")
	c := s.answer("c1")
	a.started()
	for _, d := range []string{"1", "#"} {
		c.press(d)
		if sig := a.signal(); sig.DTMF == nil || sig.DTMF.Digit != d {
			t.Fatalf("the agent is told %+v, want digit %s", sig, d)
		}
	}
	c.stop()
	c.closed(socket.Normal)
	s.fact("c1", event.StreamStopped{})
	facts, err := s.bus.Facts(t.Context(), org, "c1", event.DTMFReceived{}.Type())
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, f := range facts {
		got += f.Data.(event.DTMFReceived).Digit
	}
	if got != "1#" {
		t.Errorf("digits %q are recorded, want 1#", got)
	}
}

func TestGreetingAndPrompts(t *testing.T) {
	dir := t.TempDir()
	for name, hertz := range map[string]float64{"welcome": 440, "menu": 880} {
		if err := os.WriteFile(filepath.Join(dir, name+".wav"), wav.Encode(tone.Sine(hertz, 16000, 400*time.Millisecond, -10), 16000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newSite(t, trunk.Application{Greeting: "welcome"}, func(c *service.Config) { c.Prompts = dir })
	s.ring("c1")
	a := s.agent("c1")
	c := s.answer("c1")
	a.started()
	a.say(make([]byte, 640*5))
	a.order(media.Control{Play: &media.Play{Prompt: "menu"}})
	a.order(media.Control{Play: &media.Play{Prompt: "no such prompt"}})
	a.order(media.Control{Mark: &media.MarkControl{Name: "end"}})
	wantLevel(t, "the greeting", pcmOfULaw(c.hear(20)), -10)
	if level := audio.Level(pcmOfULaw(c.hear(5))[160:]); level > -60 {
		t.Errorf("the agent's silence is at %.1f dBFS", level)
	}
	wantLevel(t, "the prompt", pcmOfULaw(c.hear(20)), -10)
	if m := c.next(); m.Event != "mark" {
		t.Errorf("then came %s, want the mark", m.Event)
	}
}

func TestAmbientLoop(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "office.wav"), wav.Encode(tone.Sine(440, 16000, time.Second, -10), 16000), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, trunk.Application{Ambient: "office", AmbientGain: 0.5}, func(c *service.Config) { c.Prompts = dir })
	s.ring("c1")
	c := s.answer("c1")
	c.hear(10) // where the loop's end fades into its beginning
	wantLevel(t, "the ambient loop", pcmOfULaw(c.hear(30)), -16)
}

func TestGarbageEndsNoCall(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.ring("c1")
	a := s.agent("c1")
	c := s.answer("c1")
	a.started()
	for _, doc := range []string{
		``, `{`, `[]`, `null`, `{"event":7}`, `{"event":"media"}`, `{"event":"media","media":{"payload":"***"}}`, `{"event":"media","media":{"payload":""}}`,
		`{"event":"unheard of"}`, `{"event":"dtmf","dtmf":{"digit":"many"}}`, `{"event":"mark","mark":{"name":"never sent"}}`,
		`{"event":"start","start":{"streamSid":"MZ2","callSid":"` + leg + `"}}`, strings.Repeat("x", 100_000),
	} {
		c.send(doc)
	}
	if err := c.conn.WriteMessage(2, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{``, `{`, `{"play":{}}`, `{"clear":{},"mark":{"name":"x"}}`, `{"unheard":{}}`, `{"mark":{"name":""}}`, `{"mark":{"name":"` + strings.Repeat("x", 1000) + `"}}`} {
		if err := a.line.Publish(subject.AgentControl(org, "c1"), []byte(doc)); err != nil {
			t.Fatal(err)
		}
	}
	a.order(media.Control{DTMF: &media.DTMFControl{Digits: "1"}}) // which Twilio cannot
	a.say([]byte{1})                                              // half a sample
	a.say(nil)
	c.speak(make([]byte, 160))
	a.hear(640)
	a.order(media.Control{Clear: &media.Clear{}})
	for sig := a.signal(); sig.Cleared == nil; sig = a.signal() {
	}
	if m := c.next(); m.Event != "clear" {
		t.Errorf("the carrier was sent %s, want the clear alone", m.Event)
	}
	c.stop()
	c.closed(socket.Normal)
	_, metrics := s.get("/metrics")
	for _, kind := range []string{"codec", "control", "digits"} {
		if !strings.Contains(metrics, `trunkline_media_warnings_total{kind="`+kind+`"}`) {
			t.Errorf("no warning of kind %s is counted", kind)
		}
	}
	if n := strings.Count(s.log.String(), `kind=codec`); n != 1 {
		t.Errorf("%d lines about the carrier's garbage, want one", n)
	}
}

func TestEndsWithoutAStop(t *testing.T) {
	for name, end := range map[string]func(*carrier){
		"closed": func(c *carrier) { _ = c.conn.WriteMessage(8, []byte{3, 232}) },
		"cut":    func(c *carrier) { _ = c.conn.NetConn().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, trunk.Application{}, nil)
			s.ring(name)
			a := s.agent(name)
			c := s.answer(name)
			a.started()
			end(c)
			if sig := a.signal(); sig.Stopped == nil || sig.Stopped.Reason != "closed" {
				t.Errorf("the agent is told %+v, want stopped for closed", sig)
			}
			f := s.fact(name, event.StreamStopped{}).Data.(event.StreamStopped)
			if f.Reason != "closed" || (f.Detail == "") != (name == "closed") {
				t.Errorf("recorded %+v, want a detail where the socket broke", f)
			}
		})
	}
}

func TestLiveCallHasAHeartbeat(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.ring("c1")
	a := s.agent("c1")
	s.answer("c1")
	a.started()
	live, err := s.bus.Bucket(t.Context(), subject.BucketLive)
	if err != nil {
		t.Fatal(err)
	}
	var doc []byte
	beat := make(chan struct{})
	go func() {
		defer close(beat)
		for doc == nil && t.Context().Err() == nil {
			doc, _, _ = live.Get(t.Context(), subject.LiveKey(org, "c1"))
		}
	}()
	<-beat
	if !strings.Contains(string(doc), `"stream_id":"Sc1"`) || !strings.Contains(string(doc), `"node":"node-1"`) {
		t.Errorf("the heartbeat is %s", doc)
	}
}
