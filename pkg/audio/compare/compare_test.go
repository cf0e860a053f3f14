package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/mix"
	"github.com/trunkline-io/trunkline/pkg/audio/mp3"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
)

const rate = 16000

// caller returns the recorded speech at 16 kHz.
func caller(t testing.TB) []int16 {
	t.Helper()
	pcm, got, err := wav.Decode(strings.NewReader(speech.CallerWAV))
	if err != nil || got != rate {
		t.Fatalf("%d Hz, %v", got, err)
	}
	return pcm
}

// other returns another voice with another text, at 16 kHz.
func other(t testing.TB) []int16 {
	t.Helper()
	pcm, from, err := mp3.Decode(strings.NewReader(speech.GreetingMP3))
	if err != nil {
		t.Fatal(err)
	}
	return convert(t, pcm, from, rate)
}

func convert(t testing.TB, pcm []int16, in, out int) []int16 {
	t.Helper()
	pcm, err := resample.All(pcm, in, out)
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

func silence(d time.Duration) []int16 { return tone.Silence(rate, d) }

// delayed returns what is heard of said after d.
func delayed(said []int16, d time.Duration) []int16 {
	return slices.Concat(silence(d), said, silence(300*time.Millisecond))
}

// telephone returns pcm as a carrier passes it on: 8 kHz, mu-law.
func telephone(t testing.TB, pcm []int16) []int16 {
	t.Helper()
	narrowband := convert(t, pcm, rate, 8000)
	codes := make([]byte, len(narrowband))
	g711.EncodeULaw(codes, narrowband)
	g711.DecodeULaw(narrowband, codes)
	return convert(t, narrowband, 8000, rate)
}

func louder(pcm []int16, gain mix.Gain) []int16 {
	loud := make([]int16, len(pcm))
	mix.Mix(loud, pcm, gain)
	return loud
}

// lost silences count frames of 20 ms, every third from the middle of the first
// word on.
func lost(pcm []int16, count int) []int16 {
	pcm = slices.Clone(pcm)
	for i := range count {
		clear(pcm[(20+3*i)*320:][:320])
	}
	return pcm
}

func noise(n, amplitude int) []int16 {
	random := rand.New(rand.NewPCG(11, 12))
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(random.IntN(2*amplitude) - amplitude)
	}
	return pcm
}

func TestHeard(t *testing.T) {
	said := caller(t)
	noisy := delayed(said, 200*time.Millisecond)
	mix.Mix(noisy, noise(len(noisy), 500), mix.Unity) // -41 dBFS under -20
	loud := louder(slices.Concat(other(t), other(t), other(t)), mix.Decibels(6))
	for name, test := range map[string]struct {
		heard []int16
		delay time.Duration
		least float64
	}{
		"quiet after loud":     {slices.Concat(loud, louder(said, mix.Decibels(-30))), audio.Duration(len(loud), rate), 0.99},
		"a copy":               {said, 0, 0.999},
		"later":                {delayed(said, 137*time.Millisecond), 137 * time.Millisecond, 0.999},
		"much later":           {delayed(said, 20*time.Second), 20 * time.Second, 0.999},
		"by an odd sample":     {slices.Concat(make([]int16, 1601), said), 100*time.Millisecond + 63*time.Microsecond, 0.999},
		"quieter":              {delayed(louder(said, mix.Unity/10), 40*time.Millisecond), 40 * time.Millisecond, 0.99},
		"louder":               {delayed(louder(said, mix.Decibels(-3)), 0), 0, 0.999},
		"by telephone":         {delayed(telephone(t, said), 120*time.Millisecond), 120 * time.Millisecond, 0.98},
		"by telephone, twice":  {delayed(telephone(t, telephone(t, said)), 120*time.Millisecond), 120 * time.Millisecond, 0.97},
		"quietly by telephone": {delayed(telephone(t, louder(said, mix.Decibels(-20))), 0), 0, 0.95},
		"under noise":          {noisy, 200 * time.Millisecond, 0.9},
		"after other speech":   {slices.Concat(other(t), said), audio.Duration(len(other(t)), rate), 0.999},
		"heard from 50 ms on":  {said[800:], -50 * time.Millisecond, 0.999}, // that much silence leads
	} {
		t.Run(name, func(t *testing.T) {
			similarity, delay := Find(said, test.heard, rate)
			t.Logf("%.4f, %v", similarity, delay)
			if similarity < test.least || similarity > 1.000001 {
				t.Errorf("similarity %.4f, want %.3f to 1", similarity, test.least)
			}
			if diff := delay - test.delay; diff.Abs() > 63*time.Microsecond {
				t.Errorf("delay %v, want %v", delay, test.delay)
			}
		})
	}
}

func TestNotHeard(t *testing.T) {
	said := caller(t)
	backwards := slices.Clone(said)
	slices.Reverse(backwards)
	swapped := slices.Clone(said)
	wire := make([]byte, 2*len(said))
	audio.EncodeLE(wire, said)
	audio.SwapBytes(wire)
	audio.DecodeLE(swapped, wire)
	upsideDown := louder(said, -mix.Unity)
	for name, heard := range map[string][]int16{
		"other speech":    delayed(other(t), 100*time.Millisecond),
		"backwards":       delayed(backwards, 100*time.Millisecond),
		"noise":           noise(5*rate, 5000),
		"a tone":          tone.Sine(200, rate, 5*time.Second, -20),
		"silence":         silence(5 * time.Second),
		"nothing":         nil,
		"half as fast":    convert(t, said, 8000, rate),
		"twice as fast":   convert(t, said, rate, 8000),
		"bytes swapped":   swapped,
		"only the end":    said[len(said)*2/3:],
		"upside down":     upsideDown,
		"a hundred zeros": make([]int16, 100),
		"a click":         {30000},
	} {
		t.Run(name, func(t *testing.T) {
			similarity, delay := Find(said, heard, rate)
			t.Logf("%.4f, %v", similarity, delay)
			if similarity >= 0.5 || similarity < 0 || math.IsNaN(similarity) {
				t.Errorf("similarity %.4f, want less than 0.5", similarity)
			}
		})
	}
}

// TestEachLostFrameLowersIt: and by its share, as about four frames in five are
// active.
func TestEachLostFrameLowersIt(t *testing.T) {
	said := caller(t)
	before, _ := Find(said, telephone(t, said), rate)
	for _, count := range []int{1, 2, 5, 10, 20, 40} {
		after, _ := Find(said, telephone(t, lost(said, count)), rate)
		t.Logf("%d lost: %.4f", count, after)
		if after >= before-0.002 {
			t.Errorf("%d frames lost: %.4f, before %.4f", count, after, before)
		}
		before = after
	}
	half := slices.Clone(said)
	for at := 0; at+640 <= len(half); at += 640 {
		clear(half[at : at+320])
	}
	if similarity, _ := Find(said, half, rate); similarity > 0.55 {
		t.Errorf("every other frame lost: %.4f, want about 0.5", similarity)
	}
}

// TestDroppedSamples: what follows a gap that was closed is at another delay.
func TestDroppedSamples(t *testing.T) {
	said := caller(t)
	middle := len(said) / 2
	similarity, _ := Find(said, slices.Concat(said[:middle], said[middle+320:]), rate)
	t.Logf("%.4f", similarity)
	if similarity > 0.7 {
		t.Errorf("20 ms dropped in the middle: %.4f, want about a half", similarity)
	}
}

func TestOtherRates(t *testing.T) {
	said := caller(t)
	for _, other := range []int{8000, 24000, 44100, 48000} {
		pcm := convert(t, said, rate, other)
		heard := slices.Concat(tone.Silence(other, 60*time.Millisecond), pcm)
		similarity, delay := Find(pcm, heard, other)
		if similarity < 0.999 || (delay-60*time.Millisecond).Abs() > 25*time.Microsecond {
			t.Errorf("%d Hz: %.4f, %v", other, similarity, delay)
		}
	}
	for _, strange := range []int{-8000, 0, 1, 49, 4000, 7919, math.MaxInt32} {
		if similarity, delay := Find(said, said, strange); similarity != 0 || delay != 0 {
			t.Errorf("%d Hz: %.4f, %v", strange, similarity, delay)
		}
	}
}

func TestNothingSaid(t *testing.T) {
	for name, said := range map[string][]int16{"nothing": nil, "silence": silence(time.Second), "a whisper": noise(rate, 20)} {
		if similarity, delay := Find(said, caller(t), rate); similarity != 0 || delay != 0 {
			t.Errorf("%s: %.4f, %v", name, similarity, delay)
		}
	}
}

// TestCrossCorrelate holds the transform against the definition.
func TestCrossCorrelate(t *testing.T) {
	said, heard := noise(37, 1000), noise(101, 1000)[10:]
	cross := crossCorrelate(said, heard)
	for lag := 1 - len(said); lag < len(heard); lag++ {
		var want float64
		for i := range said {
			if j := i + lag; j >= 0 && j < len(heard) {
				want += float64(said[i]) * float64(heard[j])
			}
		}
		got := cross[(lag+len(cross))%len(cross)]
		if math.Abs(real(got)-want) > 1e-3 || math.Abs(imag(got)) > 1e-3 {
			t.Errorf("lag %d: %v, want %v", lag, got, want)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("a little of what was said"), []byte("and all that was heard"), 8000)
	f.Add(make([]byte, 1000), []byte{1}, 44100)
	f.Fuzz(func(t *testing.T, a, b []byte, rate int) {
		said, heard := make([]int16, len(a)/2), make([]int16, len(b)/2)
		audio.DecodeLE(said, a)
		audio.DecodeLE(heard, b)
		if similarity, _ := Find(said, heard, rate); !(similarity >= 0 && similarity <= 1.000001) {
			t.Errorf("similarity %v", similarity)
		}
	})
}

// BenchmarkFind compares half a minute at 16 kHz.
func BenchmarkFind(b *testing.B) {
	said := make([]int16, 0, 30*rate)
	for len(said)+5*rate <= cap(said) {
		said = append(said, caller(b)...)
	}
	heard := delayed(said, time.Second)
	b.ReportAllocs()
	for b.Loop() {
		Find(said, heard, rate)
	}
}
