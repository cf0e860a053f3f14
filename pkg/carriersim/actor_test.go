package carriersim

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// desk records what a person does.
type desk struct{ did []string }

func (d *desk) press(digit string) { d.did = append(d.did, digit) }
func (d *desk) putDown()           { d.did = append(d.did, "down") }

func TestActs(t *testing.T) {
	word := slices.Repeat([]int16{7}, 250) // one frame of 160 and 90 samples more
	acts := []Act{
		Wait{For: 40 * time.Millisecond},
		Speak{PCM: word},
		WaitHeard{Sound: 40 * time.Millisecond, Quiet: 60 * time.Millisecond},
		Press{Digits: "1#"},
		Hangup{},
	}
	a, err := newActor(acts, 8000)
	if err != nil {
		t.Fatal(err)
	}
	on := &desk{}
	var said []int16
	frame := 0
	run := func(n int, sound bool) {
		for range n {
			pcm := make([]int16, 160)
			a.frame(pcm, sound, on)
			said = append(said, pcm...)
			frame++
		}
	}
	run(4, false)
	want := slices.Concat(make([]int16, 320), word, make([]int16, 70))
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	run(1, true)  // sound, but not enough
	run(9, false) // and it does not matter how long it is quiet then
	if len(on.did) != 0 {
		t.Fatalf("did %v too early", on.did)
	}
	run(1, true)
	run(2, false)
	run(1, true) // the other side goes on: quiet starts again
	run(2, false)
	if len(on.did) != 0 {
		t.Fatalf("did %v too early", on.did)
	}
	run(1, false)
	run(1, false)
	if diff := cmp.Diff([]string{"1"}, on.did); diff != "" {
		t.Errorf("after the quiet (-want +got):\n%s", diff)
	}
	run(10, false)
	if diff := cmp.Diff([]string{"1", "#"}, on.did); diff != "" {
		t.Errorf("second key 200 ms after the first (-want +got):\n%s", diff)
	}
	run(11, false)
	if diff := cmp.Diff([]string{"1", "#", "down"}, on.did); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
	run(5, true) // and nothing after the last act
}

func TestWaitHeardInterrupts(t *testing.T) {
	a, err := newActor([]Act{WaitHeard{Sound: 20 * time.Millisecond}, Hangup{}}, 8000)
	if err != nil {
		t.Fatal(err)
	}
	on := &desk{}
	for range 2 {
		a.frame(make([]int16, 160), true, on)
	}
	if diff := cmp.Diff([]string{"down"}, on.did); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSpeakAtAnotherRate(t *testing.T) {
	a, err := newActor([]Act{Speak{PCM: make([]int16, 1600), Rate: 16000}, Hangup{}}, 8000)
	if err != nil {
		t.Fatal(err)
	}
	on := &desk{}
	for range 5 { // 100 ms at either rate
		a.frame(make([]int16, 160), false, on)
	}
	if len(on.did) != 0 {
		t.Error("speech was shorter than recorded")
	}
	a.frame(make([]int16, 160), false, on)
	if len(on.did) != 1 {
		t.Error("speech was longer than recorded")
	}
}

func TestImpossibleActs(t *testing.T) {
	for _, act := range []Act{Press{Digits: "1x"}, Speak{PCM: make([]int16, 8), Rate: 1}} {
		if _, err := newActor([]Act{act}, 8000); err == nil {
			t.Errorf("%#v was accepted", act)
		}
	}
}

func TestOutcomeString(t *testing.T) {
	if Busy.String() != "busy" || Unreachable.String() != "unreachable" || Outcome(9).String() != "outcome 9" {
		t.Errorf("%v %v %v", Busy, Unreachable, Outcome(9))
	}
}
