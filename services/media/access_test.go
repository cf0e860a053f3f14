package media_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"github.com/trunkline-io/trunkline/pkg/audio/wav"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/trunk"
	service "github.com/trunkline-io/trunkline/services/media"
	"github.com/trunkline-io/trunkline/services/media/internal/socket"
)

const otherLeg = "CA00000000000000000000000000000002"

func TestRefusedUpgrades(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.ring("c1")
	s.ring("ended")
	s.record("ended", event.CallEnded{Status: call.Completed, Cause: call.CauseNormal})
	s.record("appless", event.CallReceived{To: "+14155550101", Application: "gone"})
	s.ring("taken")
	taken := event.New("/test", org, "taken", event.StreamStarted{StreamID: stream("taken"), Node: "node-2", InFormat: "ulaw/8000", OutFormat: "ulaw/8000"})
	taken.Leg = otherLeg
	if _, _, err := s.bus.Record(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	elsewhere := path("c1")
	elsewhere.Trunk = "nowhere"
	good := s.url("c1")
	for name, c := range map[string]struct {
		url    string
		header http.Header
		status int
		reason string
	}{
		"no token":            {url: "ws://" + s.addr + "/v1/media/default/main/c1/Sc1/", status: 404},
		"invented token":      {url: good[:len(good)-3] + "AAA", status: 403, reason: "token"},
		"token of a call":     {url: strings.ReplaceAll(good, "/c1/", "/c2/"), status: 403, reason: "token"},
		"token of a stream":   {url: strings.ReplaceAll(good, "/Sc1/", "/Sc2/"), status: 403, reason: "token"},
		"expired token":       {url: s.links.Stream(path("c1"), time.Now().Add(-2*time.Second)), status: 403, reason: "token"},
		"unknown trunk":       {url: s.links.Stream(elsewhere, time.Now().Add(time.Minute)), status: 404, reason: "no trunk"},
		"unsigned":            {url: good, header: http.Header{}, status: 403, reason: "no signature"},
		"signed for another":  {url: good, header: handshake(s.url("c2")), status: 403, reason: "signature does not match"},
		"unknown call":        {url: s.url("nobody"), status: 404, reason: "no such call"},
		"ended call":          {url: s.url("ended"), status: 410, reason: "has ended"},
		"no application":      {url: s.url("appless"), status: 404, reason: "application"},
		"another leg's":       {url: s.url("taken"), status: 409, reason: "another leg"},
		"another path at all": {url: "ws://" + s.addr + "/v2/media", status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			if c.header == nil {
				c.header = handshake(c.url)
			}
			conn, resp, err := websocket.DefaultDialer.Dial(c.url, c.header)
			if err == nil {
				_ = conn.Close()
				t.Fatal("a socket was opened")
			}
			if resp == nil || resp.StatusCode != c.status {
				t.Errorf("%v, response %+v; want status %d", err, resp, c.status)
			}
			if !strings.Contains(s.log.String(), c.reason) {
				t.Errorf("the log does not tell of %q", c.reason)
			}
		})
	}
	if strings.Contains(s.log.String(), good[strings.LastIndexByte(good, '/')+1:]) {
		t.Error("the log gives the token away")
	}
	req, err := http.NewRequest(http.MethodGet, "http"+strings.TrimPrefix(good, "ws"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = handshake(good)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("a plain request: status %d, want 426", resp.StatusCode)
	}
	c := s.answer("c1") // nothing of this used the token up
	c.stop()
	c.closed(socket.Normal)
}

func TestStartMustKeepToTheCall(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	for name, c := range map[string]struct {
		begin func(*carrier)
		code  int
	}{
		"leg":    {func(c *carrier) { c.start(otherLeg) }, socket.Policy},
		"silent": {func(*carrier) {}, socket.Policy},
		"early":  {func(c *carrier) { c.speak(make([]byte, 160)) }, socket.ProtocolError},
		"format": {func(c *carrier) {
			c.send(`{"event":"start","start":{"streamSid":"MZ1","mediaFormat":{"encoding":"audio/opus"}}}`)
		}, socket.ProtocolError},
		"stopped": {func(c *carrier) { c.stop() }, socket.Normal},
	} {
		t.Run(name, func(t *testing.T) {
			s.ring(name)
			s := s.with(t)
			a := s.agent(name)
			peer := s.open(name)
			c.begin(peer)
			peer.closed(c.code)
			s.noFact(name, event.StreamStarted{StreamID: stream(name)})
			s.noFact(name, event.StreamStopped{StreamID: stream(name)})
			if n := len(a.signals); n != 0 {
				t.Errorf("the agent got %d signals of a socket that was refused", n)
			}
		})
	}
}

func TestSilentSocketIsClosed(t *testing.T) {
	s := newSite(t, trunk.Application{}, func(c *service.Config) { c.StartLimit = 10 * time.Millisecond })
	s.ring("c1")
	s.open("c1").closed(socket.Policy)
	s.noFact("c1", event.StreamStarted{StreamID: stream("c1")})
}

func TestLegComesBackToItsStream(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "welcome.wav"), wav.Encode(make([]int16, 320), 16000), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, trunk.Application{Greeting: "welcome"}, func(c *service.Config) { c.Prompts = dir })
	s.ring("c1")
	a := s.agent("c1")
	first := s.answer("c1")
	a.started()
	first.hear(1) // the greeting
	second := s.answer("c1")
	if again := a.started(); again.StreamID != "Sc1" {
		t.Errorf("the agent is told of stream %s", again.StreamID)
	}
	first.closed(socket.Normal)
	s.noFact("c1", event.StreamStopped{StreamID: "Sc1"})
	second.speak(make([]byte, 160))
	a.say(a.hear(640))
	a.order(media.Control{Mark: &media.MarkControl{Name: "m"}})
	second.hear(1)
	if m := second.next(); m.Event != "mark" {
		t.Errorf("then came %s, want the mark, and no greeting again", m.Event)
	}
	second.returnMark("m")
	if sig := a.signal(); sig.Mark == nil {
		t.Errorf("the agent is told %+v, want the mark and no end of the first socket", sig)
	}

	intruder := s.open("c1")
	intruder.start(otherLeg)
	intruder.closed(socket.Policy)
	second.speak(make([]byte, 160))
	a.hear(640)
	second.stop()
	second.closed(socket.Normal)
	if sig := a.signal(); sig.Stopped == nil {
		t.Errorf("the agent is told %+v, want stopped", sig)
	}
}

// TestStreamOfAnotherLeg: a call whose leg the log does not know yet, and whose
// stream was used already.
func TestStreamOfAnotherLeg(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	for leg, fact := range map[string]event.Fact{
		"":       event.CallRequested{To: "+14155550177", Application: "app", RingSeconds: 30},
		otherLeg: event.StreamStarted{StreamID: stream("c1"), Node: "node-2", InFormat: "ulaw/8000", OutFormat: "ulaw/8000"},
	} {
		e := event.New("/test", org, "c1", fact)
		e.Trunk, e.Provider, e.Leg = "main", "twilio", leg
		if _, _, err := s.bus.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	s.answer("c1").closed(socket.Policy)
	a := s.agent("c1")
	c := s.open("c1")
	c.start(otherLeg)
	a.started()
	c.stop()
	c.closed(socket.Normal)
}

func TestNodeIsFull(t *testing.T) {
	s := newSite(t, trunk.Application{}, func(c *service.Config) { c.MaxCalls = 1 })
	s.ring("c1")
	s.ring("c2")
	a := s.agent("c1")
	c := s.answer("c1")
	a.started()
	refused := func() bool {
		url := s.url("c2")
		conn, resp, err := websocket.DefaultDialer.Dial(url, handshake(url))
		if err == nil {
			_ = conn.Close()
			return false
		}
		if resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("%v, response %+v; want status 503", err, resp)
		}
		return true
	}
	if !refused() {
		t.Error("a node that is full took a call more")
	}
	c.stop()
	c.closed(socket.Normal)
	for refused() && t.Context().Err() == nil { // until the node has noticed
	}
}

func TestDrainLetsCallsEnd(t *testing.T) {
	s := newSite(t, trunk.Application{}, nil)
	s.ring("c1")
	s.ring("c2")
	a := s.agent("c1")
	c := s.answer("c1")
	a.started()
	if status, _ := s.get("/readyz"); status != http.StatusOK {
		t.Errorf("ready: status %d", status)
	}
	s.drain()
	for status := 0; status != http.StatusServiceUnavailable; status, _ = s.get("/readyz") {
	}
	url := s.url("c2")
	if _, resp, err := websocket.DefaultDialer.Dial(url, handshake(url)); err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new socket while draining: %v, want status 503", err)
	}
	if status, _ := s.get("/healthz"); status != http.StatusOK {
		t.Errorf("health while draining: status %d", status)
	}
	c.speak(make([]byte, 160))
	a.say(a.hear(640))
	c.hear(1)
	select {
	case err := <-s.ended:
		t.Fatalf("the node ended with a call in progress: %v", err)
	default:
	}
	c.stop()
	c.closed(socket.Normal)
	if sig := a.signal(); sig.Stopped == nil || sig.Stopped.Reason != "stop" {
		t.Errorf("the agent is told %+v, want stopped for stop", sig)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
	s.ended <- nil
}

func TestDrainHasALimit(t *testing.T) {
	s := newSite(t, trunk.Application{}, func(c *service.Config) { c.DrainLimit = 10 * time.Millisecond })
	s.ring("c1")
	a := s.agent("c1")
	c := s.answer("c1")
	a.started()
	s.drain()
	c.closed(socket.GoingAway)
	if sig := a.signal(); sig.Stopped == nil || sig.Stopped.Reason != "drained" {
		t.Errorf("the agent is told %+v, want stopped for drained", sig)
	}
	if f := s.fact("c1", event.StreamStopped{}).Data.(event.StreamStopped); f.Reason != "drained" {
		t.Errorf("recorded %+v, want drained", f)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("the node ended with %v", err)
	}
	s.ended <- nil
}

func TestSettingsAreChecked(t *testing.T) {
	good := service.Config{Links: trunk.Links{Media: "wss://media.example.net"}, Lead: 120 * time.Millisecond, StartLimit: time.Second}
	for name, c := range map[string]struct {
		change func(*service.Config)
		want   string
	}{
		"no public URL":  {func(c *service.Config) { c.Links.Media = "" }, "TRUNKLINE_PUBLIC_MEDIA_URL"},
		"web URL":        {func(c *service.Config) { c.Links.Media = "https://media.example.net" }, "TRUNKLINE_PUBLIC_MEDIA_URL"},
		"lead too short": {func(c *service.Config) { c.Lead = time.Millisecond }, "TRUNKLINE_MEDIA_LEAD"},
		"lead too long":  {func(c *service.Config) { c.Lead = time.Minute }, "TRUNKLINE_MEDIA_LEAD"},
		"no start limit": {func(c *service.Config) { c.StartLimit = 0 }, "TRUNKLINE_MEDIA_START_LIMIT"},
		"no folder":      {func(c *service.Config) { c.Prompts = "/nowhere" }, "prompt folder"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			if err := service.Run(t.Context(), cfg, nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error about %s", err, c.want)
			}
		})
	}
}
