package ari

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

func TestCallIsRefusedWhereNobodyListens(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	call := g.Ended(g.RingUp(carriersim.Person{}))
	if call.Answered() || call.Status() != "Circuit/channel congestion" || !call.Saw("refused 503") {
		t.Errorf("%s\n%s", call.Status(), call)
	}
	if left := c.Channels(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestInboundStory(t *testing.T) {
	t.Parallel()
	for _, subscribed := range []bool{false, true} {
		t.Run(fmt.Sprint(subscribed), func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			l := g.listen("trunkline")
			call := g.RingUp(carriersim.Person{Acts: []carriersim.Act{carriersim.WaitHeard{Sound: 100 * time.Millisecond}, carriersim.Hangup{}}})
			start := l.await("StasisStart", call.ID())
			if diff := cmp.Diff([]any{"inbound", ours}, start["args"]); diff != "" {
				t.Error(diff)
			}
			channel := start["channel"].(map[string]any)
			if channel["state"] != "Ring" || channel["caller"].(map[string]any)["number"] != caller {
				t.Errorf("channel %v", channel)
			}
			if _, err := time.Parse("2006-01-02T15:04:05.000-0700", start["timestamp"].(string)); err != nil {
				t.Error(err)
			}
			want := []string{"StasisStart", "ChannelStateChange", "ChannelEnteredBridge", "ChannelHangupRequest", "ChannelLeftBridge", "StasisEnd"}
			if subscribed {
				g.must(http.StatusOK, http.MethodPost, "applications/trunkline/subscription", "eventSource=channel:"+call.ID())
				want = append(want, "ChannelHangupRequest", "ChannelDestroyed")
			}
			s := g.answer(l, call, "slin16")
			s.sound(make([]byte, 640))
			for _, f := range frames(chirp(16000)) {
				s.sound(f)
			}
			g.Ended(call)
			// What comes to the same socket later shows that nothing else came before.
			g.must(http.StatusNoContent, http.MethodDelete, "channels/tm-"+call.ID(), "")
			l.await("ChannelDestroyed", "tm-"+call.ID())
			if diff := cmp.Diff(want, l.story(call.ID())); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"tb-" + call.ID()}, c.Bridges()); diff != "" {
				t.Error("bridges", diff)
			}
			if n := len(c.Channels()); n != 0 {
				t.Errorf("%d channels left", n)
			}
		})
	}
}

func TestMediaAndBridgeStayWhenTheCallerGoes(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	l := g.listen("trunkline")
	call := g.RingUp(carriersim.Person{Acts: []carriersim.Act{carriersim.Wait{For: time.Second}, carriersim.Hangup{}}})
	s := g.answer(l, call, "ulaw")
	g.Ended(call)
	s.say(`{"command":"GET_STATUS"}`)
	s.await(`{"event":"STATUS"`, 1)
	if diff := cmp.Diff([]string{"tm-" + call.ID()}, c.Channels()); diff != "" {
		t.Error(diff)
	}
	g.must(http.StatusNoContent, http.MethodDelete, "bridges/tb-"+call.ID(), "")
	l.await("BridgeDestroyed", "tb-"+call.ID())
	if n := len(c.Bridges()); n != 0 {
		t.Errorf("%d bridges left", n)
	}
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	_, g := begin(t, Options{})
	l := g.listen("trunkline")
	call := g.RingUp(carriersim.Person{Ring: time.Second})
	l.await("StasisStart", call.ID())
	g.must(http.StatusOK, http.MethodPost, "applications/trunkline/subscription", "eventSource=channel:"+call.ID())
	g.must(http.StatusNoContent, http.MethodPost, "channels/"+call.ID()+"/ring", "")
	end := l.await("ChannelDestroyed", call.ID())
	if end["cause"] != 16.0 || end["tech_cause"] != 487.0 || !call.Saw("ringing") {
		t.Errorf("%v\n%s", end, call)
	}
}

func TestRefusalsThatTheCallerSees(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]struct{ sip, cause int }{
		"": {603, 16}, "reason=busy": {486, 17}, "reason=congestion": {503, 34}, "reason=no_answer": {480, 19}, "reason=timeout": {408, 18},
		"reason=rejected": {403, 21}, "reason=unallocated": {404, 1}, "reason=failure": {500, 38}, "reason_code=27": {502, 27}, "reason_code=41": {603, 41},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			_, g := begin(t, Options{})
			l := g.listen("trunkline")
			call := g.RingUp(carriersim.Person{})
			l.await("StasisStart", call.ID())
			g.must(http.StatusOK, http.MethodPost, "applications/trunkline/subscription", "eventSource=channel:"+call.ID())
			g.must(http.StatusNoContent, http.MethodDelete, "channels/"+call.ID(), how)
			if request := l.await("ChannelHangupRequest", call.ID()); request["cause"] != 32.0 || request["soft"] != true {
				t.Errorf("request %v", request)
			}
			if end := l.await("ChannelDestroyed", call.ID()); end["cause"] != float64(want.cause) {
				t.Errorf("end %v", end)
			}
			g.Saw(call, fmt.Sprintf("refused %d", want.sip))
			g.must(http.StatusNotFound, http.MethodDelete, "channels/"+call.ID(), "")
		})
	}
}

// outbound is a call to a person, what is done to it, and what is told of it.
type outbound struct {
	person      carriersim.Person
	more        string
	act         func(g *gateway, l *listener)
	story       []string
	cause, tech any
}

// dialled is the story of a call that was dialled.
func dialled(words ...string) []string { return append([]string{"Dial "}, words...) }

const shortRing = 100 * time.Millisecond

var outbounds = map[string]outbound{
	"busy": {
		person: carriersim.Person{Outcome: carriersim.Busy, Ring: shortRing},
		story:  dialled("ChannelHangupRequest", "Dial BUSY", "ChannelDestroyed"), cause: 17.0, tech: 486.0,
	},
	"no answer": {
		person: carriersim.Person{Outcome: carriersim.NoAnswer}, more: "&timeout=1",
		story: dialled("ChannelStateChange", "Dial RINGING", "ChannelDestroyed"), cause: 19.0, tech: 480.0,
	},
	"declined": {
		person: carriersim.Person{Outcome: carriersim.Rejects},
		story:  dialled("ChannelHangupRequest", "Dial NOANSWER", "ChannelDestroyed"), cause: 21.0, tech: 603.0,
	},
	"unknown number": {
		person: carriersim.Person{Outcome: carriersim.Unreachable},
		story:  dialled("ChannelHangupRequest", "Dial NOANSWER", "ChannelDestroyed"), cause: 1.0, tech: 404.0,
	},
	"cancelled": {
		person: carriersim.Person{Ring: time.Hour}, more: "&timeout=-1",
		act: func(g *gateway, l *listener) {
			l.await("ChannelStateChange", "tl-1")
			g.must(http.StatusNoContent, http.MethodDelete, "channels/tl-1", "")
		},
		story: dialled("ChannelStateChange", "Dial RINGING", "ChannelHangupRequest", "Dial NOANSWER", "ChannelDestroyed"), cause: 16.0,
	},
	"we hang up": {
		act: func(g *gateway, l *listener) {
			if start := l.await("StasisStart", "tl-1"); !cmp.Equal(start["args"], []any{"outbound", "x"}) {
				g.T.Errorf("args %v", start["args"])
			}
			g.must(http.StatusNoContent, http.MethodDelete, "channels/tl-1", "reason=normal")
		},
		story: dialled("ChannelStateChange", "Dial ANSWER", "StasisStart", "ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"), cause: 16.0,
	},
	"they hang up": {
		person: carriersim.Person{Ring: shortRing, Acts: []carriersim.Act{carriersim.Hangup{}}},
		story: dialled("ChannelStateChange", "Dial RINGING", "ChannelStateChange", "Dial ANSWER", "StasisStart",
			"ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"), cause: 16.0,
	},
}

func TestOutboundStories(t *testing.T) {
	t.Parallel()
	for name, row := range outbounds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			l := g.listen("trunkline")
			call := g.originate("tl-1", row.person, row.more)
			if row.act != nil {
				row.act(g, l)
			}
			end := l.await("ChannelDestroyed", "tl-1")
			if end["cause"] != row.cause || end["tech_cause"] != row.tech {
				t.Errorf("end %v", end)
			}
			if diff := cmp.Diff(row.story, l.story("tl-1")); diff != "" {
				t.Error(diff)
			}
			g.Ended(call)
			if n := len(c.Channels()); n != 0 {
				t.Errorf("%d channels left", n)
			}
		})
	}
}

// TestCreateThenDial is the other way to call: the channel is there before.
func TestCreateThenDial(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		person carriersim.Person
		story  []string
		cause  any
	}{
		"answers": {carriersim.Person{Ring: 50 * time.Millisecond, Acts: []carriersim.Act{carriersim.Hangup{}}}, []string{"StasisStart", "Dial ", "ChannelStateChange", "Dial RINGING",
			"ChannelStateChange", "Dial ANSWER", "ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"}, 16.0},
		"busy": {carriersim.Person{Outcome: carriersim.Busy}, []string{"StasisStart", "Dial ", "StasisEnd", "ChannelDestroyed"}, 17.0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, g := begin(t, Options{})
			l := g.listen("trunkline")
			c.Expect("123", row.person)
			g.must(http.StatusOK, http.MethodPost, "channels/create", "endpoint=PJSIP/123@carrier&app=trunkline&channelId=tl-1")
			if start := l.await("StasisStart", "tl-1"); start["channel"].(map[string]any)["state"] != "Down" {
				t.Errorf("%v", start)
			}
			g.must(http.StatusPreconditionFailed, http.MethodPost, "channels/tl-1/answer", "")
			g.must(http.StatusNoContent, http.MethodPost, "channels/tl-1/dial", "timeout=5")
			if end := l.await("ChannelDestroyed", "tl-1"); end["cause"] != row.cause {
				t.Errorf("%v", end)
			}
			if diff := cmp.Diff(row.story, l.story("tl-1")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnsweredWhileNobodyListens(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	g.listen("trunkline")
	call := g.originate("tl-1", carriersim.Person{Ring: time.Second}, "")
	if !c.CutEvents("trunkline") {
		t.Error("there was no socket")
	}
	g.Ended(call)
	if !call.Answered() || !call.Saw("hung up by carrier") {
		t.Errorf("%s", call)
	}
}

// TestThreeInABridge has two phones and a media socket in one bridge, of which the
// socket leaves.
func TestThreeInABridge(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{Format: "slin16"})
	l := g.listen("trunkline")
	call := g.RingUp(carriersim.Person{})
	s := g.answer(l, call, "slin16")
	other := g.originate("tl-2", carriersim.Person{Acts: []carriersim.Act{carriersim.WaitHeard{Sound: 600 * time.Millisecond, Quiet: 100 * time.Millisecond}, carriersim.Speak{PCM: chirp(16000)}, carriersim.Press{Digits: "7"}}}, "")
	l.await("StasisStart", "tl-2")
	g.must(http.StatusNoContent, http.MethodPost, "bridges/tb-"+call.ID()+"/addChannel", "channel=tl-2")
	if b := g.must(http.StatusOK, http.MethodGet, "bridges/tb-"+call.ID(), ""); b["technology"] != "softmix" {
		t.Errorf("bridge %v", b)
	}
	for _, f := range frames(chirp(16000)) {
		s.sound(f)
	}
	if text := s.await(`{"event":"DTMF_END"`, 1); text != `{"event":"DTMF_END","channel_id":"tm-`+call.ID()+`","digit":"7"}` {
		t.Error(text)
	}
	for who, leg := range map[string]*carriersim.Call{"caller": call, "other": other} {
		if !hears(leg.Heard(), chirp(16000), 16000) {
			t.Errorf("the %s did not hear the gateway", who)
		}
	}
	if heard := s.pcm(formats["slin16"]); !hears(heard, chirp(16000), 16000) {
		t.Error("the gateway did not hear the other")
	}
	g.must(http.StatusNoContent, http.MethodPost, "bridges/tb-"+call.ID()+"/removeChannel", "channel=tm-"+call.ID())
	if b := g.must(http.StatusOK, http.MethodGet, "bridges/tb-"+call.ID(), ""); b["technology"] != "native_rtp" {
		t.Errorf("bridge %v", b)
	}
	g.must(http.StatusUnprocessableEntity, http.MethodPost, "bridges/tb-"+call.ID()+"/removeChannel", "channel=tm-"+call.ID())
	if diff := cmp.Diff([]string{call.ID(), "tl-2", "tm-" + call.ID()}, c.Channels()); diff != "" {
		t.Error(diff)
	}
}

func TestCrash(t *testing.T) {
	t.Parallel()
	c, g := begin(t, Options{})
	l := g.listen("trunkline")
	call := g.RingUp(carriersim.Person{})
	s := g.answer(l, call, "ulaw")
	before := g.must(http.StatusOK, http.MethodGet, "asterisk/info", "only=status")
	g.until(func() bool { return stamp(time.Now()) != before["status"].(map[string]any)["startup_time"] })
	c.Crash()
	g.Ended(call)
	l.await("closed", "")
	s.closed()
	after := g.must(http.StatusOK, http.MethodGet, "asterisk/info", "only=status")
	if cmp.Equal(before, after) || len(c.Channels())+len(c.Bridges()) > 0 {
		t.Errorf("before %v, after %v, channels %v, bridges %v", before, after, c.Channels(), c.Bridges())
	}
}
