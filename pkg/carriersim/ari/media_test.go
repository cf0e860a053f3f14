package ari

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/compare"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func TestSaidIsHeard(t *testing.T) {
	t.Parallel()
	for format, directions := range map[string][]bool{"slin16": {false, true}, "ulaw": {false, true}, "alaw": {false}, "slin": {true}} {
		for _, outbound := range directions { // is it outbound?
			t.Run(fmt.Sprint(format, outbound), func(t *testing.T) {
				t.Parallel()
				_, g := begin(t, Options{Format: format})
				l := g.listen("trunkline")
				rate := formats[format].rate
				var call *carriersim.Call
				if outbound {
					call = g.originate("tl-out", talker(rate), "")
				} else {
					call = g.RingUp(talker(rate))
				}
				s := g.answer(l, call, format)
				s.sound(formats[format].bytes(tone.Sine(800, rate, audio.FrameDuration, -12)))
				want := len(chirp(rate)) / audio.SamplesPerFrame(rate)
				for _, f := range s.heard(want) {
					s.sound(f)
				}
				g.Ended(call)
				if similarity, delay := compare.Find(chirp(rate), call.Heard(), rate); similarity < 0.95 {
					t.Errorf("heard %.2f of what was said, %v later\n%s", similarity, delay, call)
				}
				frames := s.heard(0)
				if len(frames) > want+2 {
					t.Errorf("%d frames of sound, want %d and no silence", len(frames), want)
				}
				for _, f := range frames {
					if len(f) != formats[format].frame() {
						t.Fatalf("frame of %d bytes", len(f))
					}
				}
				g.must(http.StatusOK, http.MethodGet, "channels/tm-"+call.ID(), "")
			})
		}
	}
}

// TestWideMediaForANarrowPhone has the PBX resample.
func TestWideMediaForANarrowPhone(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{Rate: 8000})
	l := g.listen("trunkline")
	call := g.RingUp(talker(8000))
	s := g.answer(l, call, "slin16")
	for _, f := range frames(tone.Sine(800, 16000, audio.FrameDuration, -12)) {
		s.sound(f)
	}
	for _, f := range s.heard(len(chirp(8000)) / audio.SamplesPerFrame(8000)) {
		s.sound(f)
	}
	g.Ended(call)
	if !hears(call.Heard(), chirp(8000), 8000) {
		t.Error("the caller did not hear themselves")
	}
	if !hears(s.pcm(formats["slin16"]), chirp(16000), 16000) {
		t.Error("the gateway did not hear the caller")
	}
}

func TestMarksAndFlush(t *testing.T) {
	t.Parallel()
	g, _, call, s := connected(t, Options{Format: "ulaw"}, "ulaw")
	s.sound(loud(1600))
	s.say(`{"command":"MARK_MEDIA","correlation_id":"one"}`)
	s.sound(loud(1600))
	s.mark("two")
	heard := call.Heard()
	if n := soundIn(heard); n != 3200 {
		t.Errorf("%d samples before the second mark", n)
	}
	first := slices.IndexFunc(heard, func(s int16) bool { return s < -20000 || s > 20000 })
	if n := soundIn(heard[max(first, 0):][:min(3200, len(heard)-max(first, 0))]); n != 3200 {
		t.Errorf("the mark made a gap: %d samples of sound in a row", n)
	}
	s.sound(loud(16000))
	s.say(`{"command":"MARK_MEDIA","correlation_id":"eaten"}`)
	s.say(`{"command":"FLUSH_MEDIA"}`)
	s.say(`{"command":"MARK_MEDIA","correlation_id":"after"}`)
	s.await(s.marked("after"), 1)
	texts := s.texts()
	var marks []string
	for _, text := range texts {
		if strings.Contains(text, "MARK") {
			marks = append(marks, text)
		}
	}
	if diff := cmp.Diff([]string{s.marked("one"), s.marked("two"), s.marked("after")}, marks); diff != "" {
		t.Error(diff)
	}
	g.Saw(call, "clear")
	g.Saw(call, "mark eaten cleared")
	if n := soundIn(call.Heard()); n > 3200+1600 {
		t.Errorf("%d samples were heard though they were flushed", n-3200)
	}
}

// TestUnalignedMessages has a fifth of each message fall away.
func TestUnalignedMessages(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{160: 4800, 480: 4800, 200: 3840, 100: 0} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			_, _, call, s := connected(t, Options{Format: "ulaw"}, "ulaw")
			for range 4800 / size {
				s.sound(loud(size))
			}
			s.mark("end")
			if n := soundIn(call.Heard()); n != want {
				t.Errorf("%d samples heard, want %d\n%s", n, want, call)
			}
			if warned := call.Saw("warning media: the message is no whole number of frames"); warned != (want < 4800) {
				t.Errorf("warned: %v", warned)
			}
		})
	}
}

func TestBufferingTakesAnySize(t *testing.T) {
	t.Parallel()
	_, _, call, s := connected(t, Options{Format: "ulaw"}, "ulaw")
	s.say(`{"command":"START_MEDIA_BUFFERING"}`)
	for range 24 {
		s.sound(loud(100))
	}
	s.say(`{"command":"STOP_MEDIA_BUFFERING","correlation_id":"u"}`)
	s.say(`{"command":"REPORT_QUEUE_DRAINED"}`)
	s.await(`{"event":"QUEUE_DRAINED"`, 1)
	if text := s.await(`{"event":"MEDIA_BUFFERING_COMPLETED"`, 1); !strings.Contains(text, `"correlation_id":"u"`) {
		t.Error(text)
	}
	if n := soundIn(call.Heard()); n != 2400 {
		t.Errorf("%d samples heard, want 2400", n)
	}
}

func TestQueueAboveItsLimits(t *testing.T) {
	t.Parallel()
	_, _, call, s := connected(t, Options{Format: "ulaw"}, "ulaw")
	s.say(`{"command":"PAUSE_MEDIA"}`)
	for range 5 { // the last finds the queue full
		s.sound(loud(40000))
	}
	s.say(`{"command":"GET_STATUS"}`)
	text := s.await(`{"event":"STATUS"`, 1)
	if !strings.Contains(text, `"queue_length":1000,"xon_level":800,"xoff_level":900,"queue_full":true,"bulk_media":false,"media_paused":true`) {
		t.Error(text)
	}
	if texts := s.texts(); len(texts) != 3 || !strings.HasPrefix(texts[1], `{"event":"MEDIA_XOFF"`) {
		t.Errorf("%q", texts)
	}
	if !call.Saw("warning media: the queue is full") {
		t.Errorf("%s", call)
	}
	s.say(`{"command":"CONTINUE_MEDIA"}`)
	s.await(`{"event":"MEDIA_XON"`, 1)
	s.say(`{"command":"GET_STATUS"}`)
	if text := s.await(`{"event":"STATUS"`, 2); !strings.Contains(text, `"queue_full":false`) {
		t.Error(text)
	}
}

func TestTextsThatAreDropped(t *testing.T) {
	t.Parallel()
	_, _, _, s := connected(t, Options{}, "slin16")
	s.say(`{"command":"MARK_MEDIA","correlation_id":"` + strings.Repeat("x", 90) + `"}`)
	s.say(`{"command":"NO_SUCH_COMMAND"}`)
	s.say(`{"command":"get_status"}`)
	s.mark("short")
	s.say("not json {")
	s.await(`{"event":"ERROR"`, 1)
	s.say(`{"command":"SET_MEDIA_DIRECTION","direction":"in"}`)
	s.say(`{"command":"MARK_MEDIA","correlation_id":"no"}`)
	if text := s.await(`{"event":"ERROR"`, 2); !strings.Contains(text, "MARK_MEDIA not supported while media direction is 'in'") {
		t.Error(text)
	}
	if texts := s.texts(); len(texts) != 4 {
		t.Errorf("%q", texts)
	}
}

func TestGreeting(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ version, options, want string }{
		"json":  {"22.10.1", "f(json)", `{"event":"MEDIA_START","connection_id":"ID","channel":"NAME","channel_id":"tm-1","format":"ulaw","optimal_frame_size":160,"ptime":20,"channel_variables":{"MEDIA_WEBSOCKET_CONNECTION_ID":"ID","MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE":"160"}}`},
		"plain": {"22.10.1", "", `MEDIA_START connection_id:ID channel:NAME channel_id:tm-1 format:ulaw optimal_frame_size:160 ptime:20`},
		"old":   {"22.7.0", "f(json)", `MEDIA_START connection_id:ID channel:NAME format:ulaw optimal_frame_size:160 ptime:20`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{Version: row.version})
			l := g.listen("trunkline")
			s := g.media("tm-1", "ulaw", row.options)
			start := l.await("StasisStart", "tm-1")
			text := s.await("", 1)
			text = strings.ReplaceAll(text, start["channel"].(map[string]any)["name"].(string), "NAME")
			text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(text, "ID")
			if diff := cmp.Diff(row.want, text); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]any{"media", "x"}, start["args"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHowAMediaChannelEnds(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		act         func(g *gateway, s *stream)
		cause, tech any
		code        int // with which the socket was closed
	}{
		"the gateway closes": {func(_ *gateway, s *stream) {
			s.write(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
		}, 16.0, 1001.0, websocket.CloseNormalClosure},
		"the gateway dies":     {func(_ *gateway, s *stream) { s.conn.NetConn().Close() }, 38.0, 1001.0, 0},
		"HANGUP":               {func(_ *gateway, s *stream) { s.say(`{"command":"HANGUP"}`) }, 16.0, 1000.0, websocket.CloseNormalClosure},
		"DELETE":               {func(g *gateway, _ *stream) { g.must(http.StatusNoContent, http.MethodDelete, "channels/tm-1", "") }, 16.0, nil, websocket.CloseNormalClosure},
		"a message too big":    {func(_ *gateway, s *stream) { s.sound(make([]byte, 65536)) }, 38.0, 1001.0, websocket.CloseMessageTooBig},
		"the largest that may": {func(_ *gateway, s *stream) { s.sound(make([]byte, 65520)); s.say(`{"command":"HANGUP"}`) }, 16.0, 1000.0, websocket.CloseNormalClosure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			l := g.listen("trunkline")
			s := g.media("tm-1", "ulaw", "f(json)")
			l.await("StasisStart", "tm-1")
			row.act(g, s)
			if code := s.closed(); code != row.code {
				t.Errorf("closed with %d", code)
			}
			end := l.await("ChannelDestroyed", "tm-1")
			if end["cause"] != row.cause || end["tech_cause"] != row.tech {
				t.Errorf("end %v", end)
			}
			story := []string{"Dial ", "ChannelStateChange", "Dial ANSWER", "StasisStart", "ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"}
			if diff := cmp.Diff(story, l.story("tm-1")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOneConnectionForOneID(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	g.listen("trunkline")
	doc := g.must(http.StatusOK, http.MethodPost, "channels/externalMedia", "app=trunkline&transport=websocket&encapsulation=none&connection_type=server&format=slin16")
	path := "/media/" + doc["channelvars"].(map[string]any)["MEDIA_WEBSOCKET_CONNECTION_ID"].(string)
	if size := doc["channelvars"].(map[string]any)["MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE"]; size != "640" {
		t.Errorf("frame of %v", size)
	}
	for i, want := range []int{http.StatusSwitchingProtocols, http.StatusConflict} {
		_, resp, err := websocket.DefaultDialer.Dial(g.socketURL(path), nil)
		if resp == nil || resp.StatusCode != want {
			t.Errorf("connection %d: %v %v", i+1, resp, err)
		}
	}
}

func TestNobodyConnects(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{MediaWait: 200 * time.Millisecond})
	l := g.listen("trunkline")
	g.must(http.StatusOK, http.MethodPost, "channels/externalMedia", "app=trunkline&transport=websocket&encapsulation=none&connection_type=server&format=slin16&channelId=tm-1")
	if end := l.await("ChannelDestroyed", "tm-1"); end["cause"] != 19.0 {
		t.Errorf("end %v", end)
	}
}

func TestMediaIsCut(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	l := g.listen("trunkline")
	struck := c.Faults().Media(carriersim.MediaFault{After: 100 * time.Millisecond, When: carriersim.When{Times: 1}})
	call := g.RingUp(carriersim.Person{})
	g.answer(l, call, "slin16")
	if end := l.await("ChannelDestroyed", "tm-"+call.ID()); end["cause"] != 38.0 || struck.Count() != 1 {
		t.Errorf("%v, struck %d", end, struck.Count())
	}
	g.Saw(call, "socket cut")
	g.must(http.StatusOK, http.MethodGet, "channels/"+call.ID(), "")
	again := g.media("tn-2", "slin16", "f(json)")
	l.await("StasisStart", "tn-2")
	g.must(http.StatusNoContent, http.MethodPost, "bridges/tb-"+call.ID()+"/addChannel", "channel=tn-2")
	again.sound(frames(chirp(16000))[0])
	again.mark("played")
}

// TestPhonesThatSendSilence is what most do.
func TestPhonesThatSendSilence(t *testing.T) {
	t.Parallel()
	_, _, _, s := connected(t, Options{Comfort: true}, "slin16")
	if f := s.heard(10); soundIn(formats["slin16"].samples(f[9])) != 0 {
		t.Error("there was sound")
	}
}

func TestClientMode(t *testing.T) {
	t.Parallel()
	opened := make(chan *http.Request, 4)
	sockets := make(chan *websocket.Conn, 4)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{Subprotocols: []string{"media"}}).Upgrade(w, r, nil)
		if err == nil {
			opened <- r
			sockets <- ws
		}
	}))
	defer server.Close()
	_, g := begin(t, Options{Clients: map[string]Client{
		"gw":   {URI: "ws" + strings.TrimPrefix(server.URL, "http") + "/media?pbx=7", Username: "pbx-7", Password: "secret"},
		"dead": {URI: "ws://127.0.0.1:1/"},
	}})
	l := g.listen("trunkline")
	const client = "app=trunkline&transport=websocket&encapsulation=none&format=slin16&external_host="
	for i, want := range []string{"/media?pbx=7&call=abc&token=1", "/media?pbx=7&call=abc&token=1"} {
		id, options := fmt.Sprintf("tm-%d", i), ""
		if i == 0 { // the other is given the same, as nobody would think
			options = "v(call=abc,token=1)f(json)"
		}
		doc := g.must(http.StatusOK, http.MethodPost, "channels/externalMedia", client+"gw&channelId="+id+"&transport_data="+url.QueryEscape(options))
		if name := doc["channelvars"].(map[string]any)["MEDIA_WEBSOCKET_CONNECTION_ID"]; name != "gw" {
			t.Errorf("connection %v", name)
		}
		r := <-opened
		s := newStream(t, <-sockets)
		user, password, _ := r.BasicAuth()
		if r.URL.String() != want || user != "pbx-7" || password != "secret" || r.Header.Get("Sec-WebSocket-Protocol") != "media" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		l.await("StasisStart", id)
		if text := s.await("", 1); !strings.Contains(text, id) || !strings.Contains(text, "MEDIA_START") {
			t.Error(text)
		}
	}
	g.must(http.StatusOK, http.MethodPost, "channels/externalMedia", client+"dead&channelId=tm-dead")
	if end := l.await("ChannelDestroyed", "tm-dead"); end["cause"] != 3.0 {
		t.Errorf("end %v", end)
	}
	if diff := cmp.Diff([]string{"ChannelDestroyed"}, l.story("tm-dead")); diff != "" {
		t.Error(diff)
	}
}
