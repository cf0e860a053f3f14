package mix_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio/mix"
)

func TestMix(t *testing.T) {
	for name, test := range map[string]struct {
		dst, src []int16
		gain     mix.Gain
		want     []int16
	}{
		"unity":            {[]int16{100, -100}, []int16{5, 7}, mix.Unity, []int16{105, -93}},
		"half":             {[]int16{100, 100}, []int16{50, -50}, mix.Unity / 2, []int16{125, 75}},
		"rounds":           {[]int16{0, 0}, []int16{3, 1}, mix.Unity / 4, []int16{1, 0}},
		"nothing":          {[]int16{100, -100}, []int16{9, 9}, 0, []int16{100, -100}},
		"saturates above":  {[]int16{32000}, []int16{1000}, mix.Unity, []int16{32767}},
		"saturates below":  {[]int16{-32000}, []int16{-1000}, mix.Unity, []int16{-32768}},
		"largest products": {[]int16{0, 0}, []int16{32767, -32768}, mix.MaxGain, []int16{32767, -32768}},
		"short source":     {[]int16{1, 2}, []int16{10}, mix.Unity, []int16{11, 2}},
		"short target":     {[]int16{1}, []int16{10, 20}, mix.Unity, []int16{11}},
	} {
		t.Run(name, func(t *testing.T) {
			mix.Mix(test.dst, test.src, test.gain)
			if diff := cmp.Diff(test.want, test.dst); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecibels(t *testing.T) {
	for db, want := range map[float64]mix.Gain{
		0: mix.Unity, -6.0206: mix.Unity / 2, -20: 3277, 6.0206: 2 * mix.Unity,
		-200: 0, 500: mix.MaxGain, math.Inf(-1): 0, math.Inf(1): mix.MaxGain,
	} {
		if got := mix.Decibels(db); got != want {
			t.Errorf("%v dB is %d, want %d", db, got, want)
		}
	}
	if got := mix.Decibels(math.NaN()); got != 0 {
		t.Errorf("no number is %d, want 0", got)
	}
}

func TestLoopRepeats(t *testing.T) {
	pcm := []int16{1, 2, 3}
	loop := mix.NewLoop(pcm)
	first, second := make([]int16, 4), make([]int16, 7)
	loop.Mix(first, mix.Unity)
	loop.Mix(second, mix.Unity)
	if diff := cmp.Diff([]int16{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2}, append(first, second...)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int16{1, 2, 3}, pcm); diff != "" {
		t.Errorf("the loop wrote to its source: %s", diff)
	}
}

func TestEmptyLoopIsSilent(t *testing.T) {
	frame := []int16{4, 5}
	mix.NewLoop(nil).Mix(frame, mix.Unity)
	if diff := cmp.Diff([]int16{4, 5}, frame); diff != "" {
		t.Error(diff)
	}
}

// TestSeamless joins a ramp, whose ends are far apart, and looks for a click.
func TestSeamless(t *testing.T) {
	pcm := make([]int16, 1000)
	for i := range pcm {
		pcm[i] = int16(10 * i)
	}
	loop := mix.Seamless(pcm, 200)
	if len(loop) != 800 {
		t.Fatalf("%d samples, want 800", len(loop))
	}
	if diff := cmp.Diff(pcm[200:800], loop[200:]); diff != "" {
		t.Errorf("behind the fade: %s", diff)
	}
	for i := range loop {
		next := loop[(i+1)%len(loop)]
		if step := math.Abs(float64(next) - float64(loop[i])); step > 100 {
			t.Errorf("a step of %.0f behind sample %d", step, i)
		}
	}
	if pcm[0] != 0 || pcm[999] != 9990 {
		t.Error("the source has changed")
	}
}

func TestSeamlessKeepsPowerOfNoise(t *testing.T) {
	pcm, state := make([]int16, 40000), uint32(1)
	for i := range pcm {
		state = state*1664525 + 1013904223
		pcm[i] = int16(state>>16) / 8
	}
	loop := mix.Seamless(pcm, 20000)
	power := func(pcm []int16) (sum float64) {
		for _, v := range pcm {
			sum += float64(v) * float64(v)
		}
		return sum / float64(len(pcm))
	}
	if ratio := power(loop[5000:15000]) / power(pcm); ratio < 0.9 || ratio > 1.1 {
		t.Errorf("the fade has %.2f times the power", ratio)
	}
}

func TestSeamlessEdges(t *testing.T) {
	for _, fade := range []int{-1, 0} {
		if diff := cmp.Diff([]int16{1, 2, 3}, mix.Seamless([]int16{1, 2, 3}, fade)); diff != "" {
			t.Errorf("fade %d: %s", fade, diff)
		}
	}
	if got := mix.Seamless([]int16{32767, 0, 32767, 0}, 100); len(got) != 2 || got[0] != 32767 {
		t.Errorf("a fade longer than the signal gave %v", got)
	}
	if got := mix.Seamless(nil, 5); len(got) != 0 {
		t.Errorf("nothing became %v", got)
	}
}

func TestLoopDoesNotAllocate(t *testing.T) {
	loop, frame := mix.NewLoop(make([]int16, 333)), make([]int16, 160)
	if n := testing.AllocsPerRun(100, func() { loop.Mix(frame, mix.Unity) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// BenchmarkLoop mixes one frame of 20 ms at 8 kHz.
func BenchmarkLoop(b *testing.B) {
	loop, frame := mix.NewLoop(make([]int16, 8000)), make([]int16, 160)
	gain := mix.Decibels(-12)
	b.ReportAllocs()
	for b.Loop() {
		loop.Mix(frame, gain)
	}
}
