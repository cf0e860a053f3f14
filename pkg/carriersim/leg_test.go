package carriersim

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/tone"
)

func TestCallerHearsWhatIsPlayed(t *testing.T) {
	x := newTestExchange(t)
	word, clip := tone.Sine(500, 8000, 110*time.Millisecond, -12), tone.Sine(700, 8000, 130*time.Millisecond, -12)
	l := newTestLeg(t, x, Person{Acts: []Act{Speak{PCM: word}}})
	if err := l.Play(t.Context(), clip); err != nil {
		t.Fatal(err)
	}
	if err := l.Play(t.Context(), clip); err != nil {
		t.Fatal(err)
	}
	finish(l)
	heard, said := l.Heard(), l.Said()
	if len(heard) != len(said) {
		t.Errorf("heard %d samples, said %d", len(heard), len(said))
	}
	if at := index(heard, clip); at < 0 || index(heard[at+len(clip):], clip) < 0 {
		t.Error("the clip was not heard twice")
	}
	if index(said, word) != 0 {
		t.Error("the person did not speak at the start of the media")
	}
}

func index(in, what []int16) int {
	for i := 0; i+len(what) <= len(in); i++ {
		if slices.Equal(in[i:i+len(what)], what) {
			return i
		}
	}
	return -1
}

func TestDisconnectOfAnOldConnection(t *testing.T) {
	x := newTestExchange(t)
	l := newTestLeg(t, x, Person{})
	old := l.Connect(&loop{round: []int16{1}})
	l.Connect(&loop{round: []int16{2}})
	old()
	l.line.mu.Lock()
	defer l.line.mu.Unlock()
	if l.line.source == nil {
		t.Error("the new connection is gone")
	}
}

func TestHangupIsOnce(t *testing.T) {
	x := newTestExchange(t)
	l := newTestLeg(t, x, Person{})
	if l.HungUpBy() != "" {
		t.Errorf("hung up by %q", l.HungUpBy())
	}
	if !l.Hangup("person") || l.Hangup("api") || l.HungUpBy() != "person" {
		t.Errorf("hung up by %q", l.HungUpBy())
	}
	if l.Answer(true) || l.Billed() {
		t.Error("answered after the end")
	}
	if err := l.Play(t.Context(), make([]int16, 1<<20)); err == nil {
		t.Error("played after the end")
	}
	l.End("first")
	l.End("second")
	l.Finish()
	l.Finish()
	<-l.Done()
	if l.Status() != "first" || l.EndedAt().IsZero() || l.Duration() != 0 {
		t.Errorf("status %s", l.Status())
	}
}

func TestRingPhone(t *testing.T) {
	for name, test := range map[string]struct {
		person Person
		limit  time.Duration
		want   Outcome
	}{
		"answers":     {Person{Ring: time.Millisecond}, time.Hour, Answers},
		"busy":        {Person{Outcome: Busy}, time.Hour, Busy},
		"rejects":     {Person{Outcome: Rejects}, time.Hour, Rejects},
		"too slow":    {Person{Ring: time.Hour}, time.Millisecond, NoAnswer},
		"never":       {Person{Outcome: NoAnswer}, time.Millisecond, NoAnswer},
		"unreachable": {newTestExchange(t).PersonAt("+9"), time.Hour, Unreachable},
	} {
		l := newTestLeg(t, newTestExchange(t), test.person)
		if got := l.RingPhone(t.Context(), test.limit); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
		finish(l)
	}
}

func TestPersonAt(t *testing.T) {
	x := newTestExchange(t)
	x.Expect("sip:desk@pbx.example", Person{Outcome: Busy})
	if p := x.PersonAt("sip:desk@pbx.example;transport=tls?X-Call=1"); p.Outcome != Busy {
		t.Errorf("%v", p.Outcome)
	}
}

func TestKeys(t *testing.T) {
	x := newTestExchange(t)
	l := newTestLeg(t, x, Person{Acts: []Act{Press{Digits: "12"}, Hangup{}}})
	keys := make(chan string, 2)
	l.OnKey(func(digit string) { keys <- digit })
	l.HearKeys("34")
	l.HearKeys("#")
	l.Start()
	if got := <-keys + <-keys; got != "12" {
		t.Errorf("pressed %q", got)
	}
	if err := l.Await(t.Context(), "hung up by person"); err != nil {
		t.Error(err)
	}
	if l.Digits() != "34#" || !l.Saw("pressed 2") {
		t.Errorf("digits %q:\n%s", l.Digits(), l)
	}
}

func TestAwait(t *testing.T) {
	x := newTestExchange(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := x.AwaitCall(ctx, func(*Call) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	found := make(chan *Call)
	go func() {
		c, err := x.AwaitCall(t.Context(), func(c *Call) bool { return c.ID() == "leg" })
		if err != nil {
			t.Error(err)
		}
		found <- c
	}()
	l := newTestLeg(t, x, Person{})
	if c := <-found; c != l.Call {
		t.Error("found another call")
	}
	if err := l.Await(ctx, "nothing like this"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]*Call{l.Call}, x.Calls(), cmp.Comparer(func(a, b *Call) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestKeepAudio(t *testing.T) {
	x := newTestExchange(t)
	x.SetKeepAudio(40 * time.Millisecond)
	l := newTestLeg(t, x, Person{})
	if err := l.Play(t.Context(), make([]int16, 1600)); err != nil {
		t.Fatal(err)
	}
	if len(l.Heard()) != 320 || len(l.Said()) != 320 {
		t.Errorf("kept %d and %d samples", len(l.Heard()), len(l.Said()))
	}
}

// TestCloseEndsEverything must return, and leave no line on the clock.
func TestCloseEndsEverything(t *testing.T) {
	x := NewExchange("test", nil)
	legs := make([]*Leg, 20)
	for i := range legs {
		legs[i] = newTestLeg(t, x, Person{})
		x.Go(func(context.Context) {
			legs[i].Play(context.Background(), make([]int16, 1<<22))
			finish(legs[i])
		})
	}
	for _, l := range legs {
		l.Start()
	}
	x.Close()
	for _, l := range legs {
		<-l.Done()
		if l.HungUpBy() != "carrier" {
			t.Errorf("hung up by %q", l.HungUpBy())
		}
	}
	if n := len(x.clock.now()); n != 0 {
		t.Errorf("%d lines are left", n)
	}
	x.Go(func(context.Context) { t.Error("ran after the end") })
	x.Close()
}
