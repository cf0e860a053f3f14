package audio_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/audio"
)

func TestSamplesPerFrame(t *testing.T) {
	for rate, want := range map[int]int{8000: 160, 16000: 320, 24000: 480, 48000: 960} {
		if got := audio.SamplesPerFrame(rate); got != want {
			t.Errorf("%d Hz: %d samples, want %d", rate, got, want)
		}
		if got := audio.Samples(audio.FrameDuration, rate); got != want {
			t.Errorf("%d Hz: %d samples by duration, want %d", rate, got, want)
		}
		if got := audio.Duration(want, rate); got != audio.FrameDuration {
			t.Errorf("%d samples at %d Hz last %v", want, rate, got)
		}
	}
}

func TestDuration(t *testing.T) {
	if got := audio.Duration(3*44100*3600, 44100); got != 3*time.Hour {
		t.Errorf("three hours of samples last %v", got)
	}
	if got := audio.Samples(3*time.Hour, 48000); got != 3*3600*48000 {
		t.Errorf("three hours are %d samples", got)
	}
	if got := audio.Duration(160, 0); got != 0 {
		t.Errorf("without a rate: %v", got)
	}
}

func TestLittleEndian(t *testing.T) {
	pcm := []int16{0, 1, -1, 256, math.MaxInt16, math.MinInt16}
	wire := []byte{0, 0, 1, 0, 0xFF, 0xFF, 0, 1, 0xFF, 0x7F, 0, 0x80}
	got := make([]byte, len(wire))
	if n := audio.EncodeLE(got, pcm); n != len(wire) {
		t.Errorf("encoded %d bytes, want %d", n, len(wire))
	}
	if diff := cmp.Diff(wire, got); diff != "" {
		t.Error(diff)
	}
	back := make([]int16, len(pcm))
	if n := audio.DecodeLE(back, wire); n != len(pcm) {
		t.Errorf("decoded %d samples, want %d", n, len(pcm))
	}
	if diff := cmp.Diff(pcm, back); diff != "" {
		t.Error(diff)
	}
}

func TestShorterSideCounts(t *testing.T) {
	pcm := []int16{7, 7, 7}
	if n := audio.DecodeLE(pcm, []byte{1, 0, 9}); n != 1 || pcm[0] != 1 || pcm[1] != 7 {
		t.Errorf("an odd byte: %d samples, %v", n, pcm)
	}
	if n := audio.DecodeLE(pcm[:1], []byte{2, 0, 2, 0}); n != 1 || pcm[1] != 7 {
		t.Errorf("a short destination: %d samples, %v", n, pcm)
	}
	wire := []byte{9, 9, 9}
	if n := audio.EncodeLE(wire, pcm); n != 2 || wire[2] != 9 {
		t.Errorf("an odd destination: %d bytes, %v", n, wire)
	}
	if n := audio.EncodeLE(make([]byte, 8), pcm[:1]); n != 2 {
		t.Errorf("a short source: %d bytes", n)
	}
}

func TestSwapBytes(t *testing.T) {
	for wire, want := range map[string]string{"": "", "a": "a", "ab": "ba", "abcd": "badc", "abcde": "badce"} {
		got := []byte(wire)
		audio.SwapBytes(got)
		if string(got) != want {
			t.Errorf("%q became %q, want %q", wire, got, want)
		}
	}
}

func TestLevel(t *testing.T) {
	square, sine := make([]int16, 1000), make([]int16, 1000)
	for i := range square {
		square[i] = -32768
		sine[i] = int16(math.Round(32767 * math.Sin(2*math.Pi*float64(i)/50)))
	}
	for name, test := range map[string]struct {
		pcm  []int16
		want float64
	}{
		"square":  {square, 0},
		"sine":    {sine, -3.01},
		"silence": {make([]int16, 10), math.Inf(-1)},
		"nothing": {nil, math.Inf(-1)},
	} {
		if got := audio.Level(test.pcm); got != test.want && math.Abs(got-test.want) > 0.01 {
			t.Errorf("%s: %.3f dBFS, want %.2f", name, got, test.want)
		}
	}
}

func TestPeak(t *testing.T) {
	for want, pcm := range map[int][]int16{0: nil, 5: {1, -5, 4}, 6: {6, -5}, 32768: {math.MinInt16}} {
		if got := audio.Peak(pcm); got != want {
			t.Errorf("peak of %v is %d, want %d", pcm, got, want)
		}
	}
}

func TestConversionDoesNotAllocate(t *testing.T) {
	pcm, wire := make([]int16, 320), make([]byte, 640)
	if n := testing.AllocsPerRun(100, func() {
		audio.EncodeLE(wire, pcm)
		audio.SwapBytes(wire)
		audio.DecodeLE(pcm, wire)
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// The benchmarks convert one frame of 20 ms at 16 kHz.

func BenchmarkDecodeLE(b *testing.B) {
	pcm, wire := make([]int16, 320), make([]byte, 640)
	b.ReportAllocs()
	for b.Loop() {
		audio.DecodeLE(pcm, wire)
	}
}

func BenchmarkEncodeLE(b *testing.B) {
	pcm, wire := make([]int16, 320), make([]byte, 640)
	b.ReportAllocs()
	for b.Loop() {
		audio.EncodeLE(wire, pcm)
	}
}

func BenchmarkSwapBytes(b *testing.B) {
	wire := make([]byte, 640)
	b.ReportAllocs()
	for b.Loop() {
		audio.SwapBytes(wire)
	}
}
