package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/mix"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/media"
)

var (
	ulaw8 = media.Format{Encoding: media.ULaw, Rate: 8000}
	l16k8 = media.Format{Encoding: media.L16, Rate: 8000}
	l16   = media.Format{Encoding: media.L16, Rate: 16000}
)

const lead = 120 * time.Millisecond

// carrier is what a pump sends to, and the time.
type carrier struct {
	t    *testing.T
	pump *agentPump
	now  time.Time
	deaf bool // has neither marks nor clears nor keys

	audio   []byte
	did     []string // audio as a run of frames, other commands by name
	signals []media.Signal
	keys    []string // to be pressed elsewhere
}

func newCarrier(t *testing.T, from, to media.Format) *carrier {
	t.Helper()
	p, err := newAgentPump(from, to, lead)
	if err != nil {
		t.Fatal(err)
	}
	c := &carrier{t: t, pump: p, now: time.Unix(1000, 0)}
	p.send, p.signal = c.send, func(s media.Signal) { c.signals = append(c.signals, s) }
	p.keys = func(digits string) { c.keys = append(c.keys, digits) }
	return c
}

func (c *carrier) send(cmd media.Command) (int, error) {
	switch cmd.Kind {
	case media.CommandAudio:
		if len(cmd.Audio) != c.pump.to.FrameBytes() {
			c.t.Errorf("a frame has %d bytes, want %d", len(cmd.Audio), c.pump.to.FrameBytes())
		}
		c.audio = append(c.audio, cmd.Audio...)
		c.did = append(c.did, "audio")
		return 1, nil
	case media.CommandMark:
		c.did = append(c.did, "mark "+cmd.Name)
	case media.CommandClear:
		c.did = append(c.did, "clear")
	case media.CommandDTMF:
		c.did = append(c.did, "keys "+cmd.Digits)
	}
	if c.deaf {
		return 0, nil
	}
	return 1, nil
}

// pass lets time go by, with a step every 20 ms.
func (c *carrier) pass(d time.Duration) {
	c.t.Helper()
	for end := c.now.Add(d); c.now.Before(end); {
		c.now = c.now.Add(min(media.Frame, end.Sub(c.now)))
		c.step()
	}
}

func (c *carrier) step() {
	c.t.Helper()
	if err := c.pump.step(c.now); err != nil {
		c.t.Fatal(err)
	}
	if ahead := c.pump.playout.Lead(c.now); ahead > lead {
		c.t.Fatalf("the carrier is %s ahead, want %s at most", ahead, lead)
	}
}

func (c *carrier) frames() int { return len(c.audio) / c.pump.to.FrameBytes() }

func (c *carrier) say(d time.Duration) {
	c.t.Helper()
	if !c.pump.queue.say(c.now, pattern(int(d/time.Millisecond)*c.pump.from.FrameBytes()/20)) {
		c.t.Fatal("speech does not fit")
	}
}

// pattern is n bytes of which no stretch is like another.
func pattern(n int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestSpeechOfAnySizeBecomesFrames(t *testing.T) {
	for _, format := range []media.Format{ulaw8, l16k8} {
		c := newCarrier(t, format, format)
		want := pattern(format.FrameBytes()*100 - 2*format.SampleBytes())
		random := rand.New(rand.NewPCG(5, 6))
		for rest := want; len(rest) > 0; {
			n := min(1+random.IntN(5*format.FrameBytes()/2), len(rest))
			c.pump.queue.say(c.now, rest[:n])
			rest = rest[n:]
			c.step()
			c.pass(format.Duration(n))
		}
		c.pass(ms(200))
		want = append(want, make([]byte, 2*format.SampleBytes())...)
		fillSilence(format.Encoding, want[len(want)-2*format.SampleBytes():])
		if !bytes.Equal(c.audio, want) {
			t.Errorf("%s: %d bytes went out, want the %d said and silence after them", format, len(c.audio), len(want))
		}
	}
}

func TestLeadIsBounded(t *testing.T) {
	c := newCarrier(t, l16, ulaw8)
	c.say(10 * time.Second)
	c.step()
	if n := c.frames(); n != 6 {
		t.Errorf("%d frames at once, want the 6 of 120 ms", n)
	}
	c.pass(time.Second)
	if n := c.frames(); n != 56 {
		t.Errorf("%d frames after a second, want 6 and 50", n)
	}
	c.now = c.now.Add(time.Second) // the writer was held up
	c.step()
	if n := c.frames(); n != 62 {
		t.Errorf("%d frames after a hold-up, want 6 more and no burst", n)
	}
	c.pass(20 * time.Second)
	if n := c.frames(); n != 500 {
		t.Errorf("%d frames in all, want the 500 of 10 s", n)
	}
	if c.pump.busy.Load() {
		t.Error("a pump with nothing to do wants to be woken")
	}
}

func TestSpeechInRealTimeIsNotHeldUp(t *testing.T) {
	c := newCarrier(t, l16, ulaw8)
	for i := range 50 {
		c.say(media.Frame)
		c.step()
		if n := c.frames(); n != i+1 {
			t.Fatalf("after piece %d %d frames are out, want each at once", i+1, n)
		}
		c.now = c.now.Add(media.Frame)
	}
}

func TestRestWaitsForMoreSpeech(t *testing.T) {
	c := newCarrier(t, ulaw8, ulaw8)
	c.say(ms(130)) // six frames and a half
	c.step()
	c.pass(ms(60))
	if n := c.frames(); n != 6 {
		t.Fatalf("%d frames while the carrier still plays, want the rest held back", n)
	}
	c.say(ms(10)) // the other half comes in time
	c.step()
	if n := c.frames(); n != 7 {
		t.Fatalf("%d frames, want the rest to go with what completes it", n)
	}
	c.say(ms(5))
	c.pass(ms(200))
	if n := c.frames(); n != 8 {
		t.Fatalf("%d frames, want the last rest filled up with silence", n)
	}
	last := c.audio[7*160:]
	if !bytes.Equal(last[40:], bytes.Repeat([]byte{g711.ULawSilence}, 120)) {
		t.Error("the rest is not filled up with silence")
	}
	if c.pump.playout.Lead(c.now) > 0 || c.pump.busy.Load() {
		t.Error("want all of it to have been played")
	}
}

func TestMarksKeepTheirPlace(t *testing.T) {
	c := newCarrier(t, l16, ulaw8)
	c.pump.queue.mark("first")
	c.say(ms(30)) // a frame and a half: the mark does not let it wait
	c.pump.queue.mark("second")
	c.pump.queue.mark("third")
	c.say(ms(20))
	c.pump.queue.play(make([]int16, 320+1))
	c.pump.queue.mark("fourth")
	c.pass(time.Second)
	want := []string{"mark first", "audio", "audio", "mark second", "mark third", "audio", "audio", "audio", "mark fourth"}
	if diff := cmp.Diff(want, c.did); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestClearTellsTheTruth(t *testing.T) {
	for _, after := range []int{0, 10, 45, 120, 1230, 2900, 3000, 4000} {
		t.Run(fmt.Sprintf("after %d ms", after), func(t *testing.T) {
			c := newCarrier(t, l16, ulaw8)
			c.say(ms(1500))
			c.pump.queue.mark("middle")
			c.pump.queue.play(make([]int16, 16000/2)) // half a second that is not the agent's speech
			c.say(ms(1000))
			c.pump.queue.mark("end")
			c.step()
			c.pass(ms(after))
			c.pump.queue.clear()
			c.say(ms(500)) // said after the clear
			c.step()
			heard := min(after, 1500) + min(max(after-2000, 0), 1000)
			var got []media.Cleared
			for _, s := range c.signals {
				if s.Cleared != nil {
					got = append(got, *s.Cleared)
				}
			}
			want := []media.Cleared{{HeardMS: int64(heard), DroppedMS: int64(2500 - heard)}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			i := slices.Index(c.did, "clear")
			if i < 0 || len(c.did)-i-1 != 6 {
				t.Errorf("after the clear the carrier was sent %v, want the six new frames at once", c.did[i+1:])
			}
			c.pass(time.Second)
			c.pump.queue.clear()
			c.step()
			last := c.signals[len(c.signals)-1].Cleared
			if diff := cmp.Diff(&media.Cleared{HeardMS: int64(heard + 500)}, last); diff != "" {
				t.Errorf("a second clear, of nothing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMarksDroppedByAClearComeBack(t *testing.T) {
	c := newCarrier(t, ulaw8, ulaw8)
	c.pump.queue.mark("sent") // the carrier's to return
	c.say(ms(300))
	c.pump.queue.mark("queued")
	c.pump.queue.mark("queued too")
	c.step()
	c.pump.queue.clear()
	c.pump.queue.clear()
	c.step()
	want := []media.Signal{
		{Mark: &media.Mark{Name: "queued", Cleared: true}},
		{Mark: &media.Mark{Name: "queued too", Cleared: true}},
		{Cleared: &media.Cleared{DroppedMS: 300}},
		{Cleared: &media.Cleared{}},
	}
	if diff := cmp.Diff(want, c.signals); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCarrierWithoutMarksAndClears(t *testing.T) {
	c := newCarrier(t, ulaw8, ulaw8)
	c.deaf = true
	c.say(ms(100))
	c.pump.queue.mark("heard")
	c.step()
	c.pass(ms(80))
	if len(c.signals) != 0 {
		t.Fatalf("signals %v before the speech was played", c.signals)
	}
	c.pass(ms(20))
	if diff := cmp.Diff([]media.Signal{{Mark: &media.Mark{Name: "heard"}}}, c.signals); diff != "" {
		t.Fatalf("when it was played (-want +got):\n%s", diff)
	}

	c.signals = nil
	c.say(ms(60))
	c.pump.queue.mark("will be heard")
	c.say(ms(340))
	c.pump.queue.mark("will not")
	c.step()
	c.pass(ms(20))
	c.pump.queue.clear()
	c.step()
	c.pass(ms(40))
	// 140 ms are out when the clear comes, and will be played.
	want := []media.Signal{
		{Mark: &media.Mark{Name: "will not", Cleared: true}},
		{Cleared: &media.Cleared{HeardMS: 120, DroppedMS: 400 - 140}},
		{Mark: &media.Mark{Name: "will be heard"}},
	}
	if diff := cmp.Diff(want, c.signals); diff != "" {
		t.Errorf("after a clear (-want +got):\n%s", diff)
	}
	c.pump.queue.press("12#")
	c.step()
	if diff := cmp.Diff([]string{"12#"}, c.keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestGapLeavesNothingBehind(t *testing.T) {
	for name, gap := range map[string]func(*carrier){
		"silence": func(c *carrier) { c.pass(time.Second) },
		"clear":   func(c *carrier) { c.pump.queue.clear() },
	} {
		c := newCarrier(t, l16, ulaw8)
		loud := make([]byte, 2*l16.FrameBytes())
		audio.EncodeLE(loud, tone.Sine(3000, 16000, 2*media.Frame, -3.1))
		c.pump.queue.say(c.now, loud)
		c.step()
		gap(c)
		c.audio = nil
		c.pump.queue.say(c.now, make([]byte, l16.FrameBytes()))
		c.step()
		if !bytes.Equal(c.audio, bytes.Repeat([]byte{g711.ULawSilence}, 160)) {
			t.Errorf("after %s the carrier hears the end of what was before it", name)
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	c := newCarrier(t, l16, ulaw8)
	c.say(maxQueued)
	if c.pump.queue.say(c.now, make([]byte, 2)) {
		t.Error("a queue that is full took more")
	}
	c.step() // 120 ms go out
	if !c.pump.queue.say(c.now, make([]byte, 3840)) || c.pump.queue.say(c.now, make([]byte, 2)) {
		t.Error("want room for what went out, and no more")
	}
	for i := 1; i < maxItems; i++ {
		if !c.pump.queue.mark("m") {
			t.Fatalf("mark %d was refused", i)
		}
	}
	if c.pump.queue.mark("m") || c.pump.queue.play(make([]int16, 1)) {
		t.Error("a queue with too many items took one more")
	}
	for range maxOrders {
		if !c.pump.queue.clear() || !c.pump.queue.press("1") {
			t.Fatal("an order was refused")
		}
	}
	if c.pump.queue.clear() || c.pump.queue.press("1") {
		t.Error("more orders than can wait were taken")
	}
}

func TestAmbientIsHeardAllTheTime(t *testing.T) {
	c := newCarrier(t, l16, l16)
	noise := tone.Sine(300, 16000, time.Second, -20)
	c.pump.ambient, c.pump.gain = mix.NewLoop(noise), mix.Unity/2
	c.step()
	c.pass(ms(500))
	if ahead := c.pump.playout.Lead(c.now); ahead > dryLead {
		t.Errorf("the carrier is %s ahead of ambient alone, want %s at most", ahead, dryLead)
	}
	if n := c.frames(); n != 27 {
		t.Errorf("%d frames in half a second, want 25 and two ahead", n)
	}
	c.pump.queue.say(c.now, make([]byte, l16.FrameBytes()*5/2))
	c.pass(ms(480))
	pcm := make([]int16, len(c.audio)/2)
	audio.DecodeLE(pcm, c.audio)
	want := make([]int16, len(pcm))
	mix.NewLoop(noise).Mix(want, mix.Unity/2)
	if diff := cmp.Diff(want, pcm); diff != "" {
		t.Errorf("the loop is interrupted (-want +got):\n%.300s", diff)
	}
	if heard := c.pump.playout.Heard(c.now); heard != ms(50) {
		t.Errorf("%s of speech was heard, want 50ms: ambient does not count", heard)
	}
}

func TestPausedCarrierIsSentNothing(t *testing.T) {
	c := newCarrier(t, l16, ulaw8)
	c.say(time.Second)
	c.pump.paused.Store(true)
	c.step()
	c.pass(ms(500))
	if n := c.frames(); n != 0 {
		t.Errorf("%d frames to a carrier that asked to hold back", n)
	}
	c.pump.paused.Store(false)
	c.step()
	if n := c.frames(); n != 6 {
		t.Errorf("%d frames when it goes on, want 6", n)
	}
}

func TestPromptIsHeard(t *testing.T) {
	c := newCarrier(t, l16, ulaw8)
	c.pump.queue.play(tone.Sine(1000, 16000, time.Second, -10))
	c.pass(2 * time.Second)
	pcm := make([]int16, len(c.audio))
	g711.DecodeULaw(pcm, c.audio)
	if n := c.frames(); n != 50 {
		t.Errorf("%d frames of a second's prompt, want 50", n)
	}
	if level := audio.Level(pcm); level < -10.2 || level > -9.8 {
		t.Errorf("the prompt is heard at %.1f dBFS, want -10", level)
	}
	if heard := c.pump.playout.Heard(c.now); heard != 0 {
		t.Errorf("%s count as the agent's speech, want nothing", heard)
	}
}

// TestNothingIsLostOrDoubled plays at random, and balances the account.
func TestNothingIsLostOrDoubled(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 7))
		c := newCarrier(t, l16k8, l16k8)
		var said, dropped time.Duration
		marks := map[string]int{}
		for i := range 100 {
			switch random.IntN(6) {
			case 0, 1, 2:
				n := 16 * (1 + random.IntN(200)) // whole milliseconds
				if c.pump.queue.say(c.now, make([]byte, n)) {
					said += l16k8.Duration(n)
				}
			case 3:
				name := fmt.Sprint(i)
				c.pump.queue.mark(name)
				marks[name]++
			case 4:
				c.pump.queue.clear()
			}
			c.pass(ms(random.IntN(100)))
		}
		c.pass(time.Minute)
		for _, s := range c.signals {
			if s.Cleared != nil {
				dropped += ms(int(s.Cleared.DroppedMS))
			}
			if s.Mark != nil {
				marks[s.Mark.Name]--
			}
		}
		for _, did := range c.did {
			if name, ok := strings.CutPrefix(did, "mark "); ok {
				marks[name]--
			}
		}
		if heard := c.pump.playout.Heard(c.now); heard+dropped != said {
			t.Errorf("seed %d: %s heard and %s dropped of %s said", seed, heard, dropped, said)
		}
		for name, n := range marks {
			if n != 0 {
				t.Errorf("seed %d: mark %s is off by %d", seed, name, n)
			}
		}
	}
}
