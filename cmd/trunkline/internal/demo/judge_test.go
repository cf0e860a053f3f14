package demo

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/pkg/media"
)

const lineRate = 8000

var ulaw = media.Format{Encoding: media.ULaw, Rate: lineRate}

// TestJudge holds the verdict on a good call, and on one with each single
// thing that may go wrong.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name    string
		spoil   func(*evidence, *Call)
		problem string // "" for none
	}{
		{"good", func(*evidence, *Call) {}, ""},
		{"unanswered", func(_ *evidence, c *Call) { c.AnsweredMS = nil }, "it was never answered"},
		{"too long", func(ev *evidence, _ *Call) { ev.late = true }, "still going on after 20s"},
		{"fact missing", func(ev *evidence, _ *Call) { ev.drop("agent.bound") }, "agent.bound is not recorded"},
		{"end missing", func(ev *evidence, _ *Call) { ev.drop("call.ended") }, "call.ended is not recorded"},
		{"stop missing", func(ev *evidence, _ *Call) { ev.drop("stream.stopped") }, "stream.stopped is not recorded"},
		{"fact twice", func(ev *evidence, _ *Call) { ev.facts = append(ev.facts, ev.facts[0]) }, "is recorded twice"},
		{"order", func(ev *evidence, _ *Call) { slices.Reverse(ev.facts) }, "stream.stopped is recorded before stream.started"},
		{"ended failed", func(ev *evidence, _ *Call) {
			ev.drop("call.ended")
			ev.add(event.CallEnded{Status: call.Failed, Cause: call.CauseCarrier, Detail: "lost"})
		}, "it ended as failed, carrier, lost"},
		{"order failed", func(ev *evidence, _ *Call) { ev.add(event.CommandFailed{Code: "expired", Message: "too old"}) }, "the order failed: too old (expired)"},
		{"other format", func(ev *evidence, _ *Call) { ev.path = media.Format{Encoding: media.ALaw, Rate: lineRate} }, "the media stream is ulaw/8000 in"},
		{"no greeting", func(ev *evidence, _ *Call) { clear(ev.heard.pcm[:at(3000)]) }, "the greeting is not heard"},
		{"another greeting", func(ev *evidence, _ *Call) { slices.Reverse(ev.heard.pcm[at(300):at(2400)]) }, "the greeting is 0."},
		{"greeting cut short", func(ev *evidence, _ *Call) { clear(ev.heard.pcm[at(1000):at(3000)]) }, "the greeting is 0."},
		{"no speech", func(ev *evidence, _ *Call) { clear(ev.said.pcm) }, "the person never spoke"},
		{"no echo", func(ev *evidence, _ *Call) { clear(ev.heard.pcm[at(3000):]) }, "the echo is not heard"},
		{"echo of something else", func(ev *evidence, _ *Call) { slices.Reverse(ev.heard.pcm[at(3000):]) }, "the echo is 0."},
		{"echo with gaps", func(ev *evidence, _ *Call) {
			for ms := 3000; ms < 8000; ms += 200 {
				clear(ev.heard.pcm[at(ms):at(ms+40)])
			}
		}, "the echo is 0."},
		{"echo that loses a frame every 300 ms", func(ev *evidence, _ *Call) {
			for ms := 7000; ms > 3000; ms -= 300 {
				ev.heard.pcm = slices.Delete(ev.heard.pcm, at(ms), at(ms+20))
			}
		}, "the echo is 0."},
		{"echo too late", func(ev *evidence, _ *Call) {
			ev.heard.pcm = slices.Insert(ev.heard.pcm, at(2800), make([]int16, at(1500))...)
		}, "the echo is heard 1700 ms after it was said"},
		{"echo too soft", func(ev *evidence, _ *Call) { scale(ev.heard.pcm[at(3000):], 0.5) }, "the echo is heard at -2"},
		{"greeting too loud", func(ev *evidence, _ *Call) { scale(ev.heard.pcm[:at(3000)], 2) }, "the greeting is heard at -1"},
		{"complaint", func(ev *evidence, _ *Call) { ev.complaints = []string{"warning 31951"} }, "the carrier notes: warning 31951"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev, c := goodCall(t)
			tt.spoil(ev, c)
			ev.judge(c)
			if c.OK != (tt.problem == "") || tt.problem != "" && !slices.ContainsFunc(c.Problems, func(p string) bool { return strings.Contains(p, tt.problem) }) {
				t.Errorf("ok %t, problems %q, want %q", c.OK, c.Problems, tt.problem)
			}
		})
	}
}

// TestJudgeOutbound holds the facts of an outbound call, which has others.
func TestJudgeOutbound(t *testing.T) {
	ev, c := goodCall(t)
	ev.direction, ev.facts = call.Outbound, nil
	ev.add(event.CallRequested{}, event.CallDialing{Attempt: 1}, event.CallInitiated{}, event.CallRinging{}, event.AgentBound{}, event.CallAnswered{},
		started, event.CallEnded{Status: call.Completed}, event.StreamStopped{})
	if ev.judge(c); !c.OK {
		t.Errorf("problems %q, want none", c.Problems)
	}
	ev.drop("call.dialing")
	if ev.judge(c); c.OK {
		t.Error("a call that nobody dialled is ok")
	}
}

// TestJudgeMeasures holds what is measured of a good call.
func TestJudgeMeasures(t *testing.T) {
	ev, c := goodCall(t)
	ev.judge(c)
	if c.DelayMS != 200 || c.Greeting.DelayMS != 300 {
		t.Errorf("echo after %d ms, greeting after %d ms, want 200 and 300", c.DelayMS, c.Greeting.DelayMS)
	}
	if c.Similarity < 0.99 || c.Greeting.Similarity < 0.99 {
		t.Errorf("similarity %v of the echo, %v of the greeting, want 0.99 or more", c.Similarity, c.Greeting.Similarity)
	}
	if c.Seconds < 4 || c.Seconds > 4.6 || c.LevelDBFS < -21 || c.LevelDBFS > -18 {
		t.Errorf("%v s at %v dBFS, want about 4.2 s at -20 dBFS", c.Seconds, c.LevelDBFS)
	}
}

// TestJudgeSlip holds that a machine which stands still for a moment does not
// spoil all that is heard behind it, and that it is told.
func TestJudgeSlip(t *testing.T) {
	for ms := 3650; ms < 7000; ms += 350 {
		ev, c := goodCall(t)
		ev.heard.pcm = slices.Insert(ev.heard.pcm, at(ms), make([]int16, at(140))...)
		ev.heard.pcm = slices.Insert(ev.heard.pcm, at(1000), make([]int16, at(60))...)[:len(ev.heard.pcm)]
		if ev.judge(c); !c.OK || c.Greeting.Slips == 0 || c.Slips == 0 || c.DelayMS != 260 && c.DelayMS != 400 {
			t.Errorf("slip at %d ms: %d and %d slips, delay %d ms, problems %q", ms, c.Greeting.Slips, c.Slips, c.DelayMS, c.Problems)
		}
	}
	ev, c := goodCall(t)
	if ev.judge(c); c.Slips != 0 || c.Greeting.Slips != 0 {
		t.Errorf("a good call has %d and %d slips", c.Greeting.Slips, c.Slips)
	}
}

// TestComplaint holds which entries of a carrier's timeline are bad news.
func TestComplaint(t *testing.T) {
	for what, want := range map[string]bool{
		"webhook status completed -> 200": false, "webhook inbound ringing -> 204": false, "webhook status Dial -> sent": false,
		"webhook status completed -> 503": true, "webhook status completed -> no reply": true, "webhook status completed -> dropped": true,
		"warning 31951 unknown event": true, "stream failed media socket: handshake answered 403": true,
		"stream started ws://127.0.0.1/v1/media": false, "hung up by person": false,
	} {
		if complaint(what) != want {
			t.Errorf("complaint(%q) = %t", what, !want)
		}
	}
}

var started = event.StreamStarted{InFormat: "ulaw/8000", OutFormat: "ulaw/8000"}

// goodCall is an inbound call that did what it should: the greeting is heard
// after 300 ms, the person speaks at 3 s, and hears the echo 200 ms later.
func goodCall(t *testing.T) (*evidence, *Call) {
	t.Helper()
	s, err := loadSounds()
	if err != nil {
		t.Fatal(err)
	}
	greeting, err := s.greeting.through(ulaw, lineRate)
	if err != nil {
		t.Fatal(err)
	}
	speech, err := resample.All(s.caller.pcm, s.caller.rate, lineRate)
	if err != nil {
		t.Fatal(err)
	}
	echo, err := clip{speech, lineRate}.through(ulaw, lineRate)
	if err != nil {
		t.Fatal(err)
	}
	ev := &evidence{direction: call.Inbound, path: ulaw, greeting: s.greeting,
		said: clip{make([]int16, at(9000)), lineRate}, heard: clip{make([]int16, at(9000)), lineRate}}
	copy(ev.said.pcm[at(3000):], speech)
	copy(ev.heard.pcm[at(300):], greeting.pcm)
	copy(ev.heard.pcm[at(3200):], echo.pcm)
	ev.add(event.CallReceived{}, event.AgentBound{}, event.CallAnswered{}, started, event.StreamStopped{}, event.CallEnded{Status: call.Completed})
	answered := int64(30)
	return ev, &Call{AnsweredMS: &answered}
}

func (ev *evidence) add(facts ...event.Fact) {
	for _, f := range facts {
		ev.facts = append(ev.facts, Entry{Type: f.Type(), fact: f})
	}
}

func (ev *evidence) drop(typ string) {
	ev.facts = slices.DeleteFunc(ev.facts, func(e Entry) bool { return e.Type == typ })
}

// at is the sample at a number of milliseconds.
func at(ms int) int { return audio.Samples(time.Duration(ms)*time.Millisecond, lineRate) }

func scale(pcm []int16, by float64) {
	for i := range pcm {
		pcm[i] = int16(float64(pcm[i]) * by)
	}
}
