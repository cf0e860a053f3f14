package resample

import (
	"fmt"
	"math"
	"math/cmplx"
	"testing"
)

// sine returns n samples of a sine of a frequency in hertz, starting at phase 0.
func sine(n int, hertz float64, rate int, amplitude float64) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hertz*float64(i)/float64(rate))))
	}
	return pcm
}

// fit finds the sine of a frequency that fits best, by least squares: its
// complex amplitude (real: cosine part, imaginary: sine part) and the power of
// what it leaves over.
func fit(pcm []int16, hertz float64, rate int) (amplitude complex128, rest float64) {
	var cc, cs, ss, xc, xs float64
	for i, v := range pcm {
		s, c := math.Sincos(2 * math.Pi * hertz * float64(i) / float64(rate))
		cc, cs, ss = cc+c*c, cs+c*s, ss+s*s
		xc, xs = xc+float64(v)*c, xs+float64(v)*s
	}
	det := cc*ss - cs*cs
	a, b := (xc*ss-xs*cs)/det, (xs*cc-xc*cs)/det
	for i, v := range pcm {
		s, c := math.Sincos(2 * math.Pi * hertz * float64(i) / float64(rate))
		d := float64(v) - a*c - b*s
		rest += d * d
	}
	return complex(a, b), rest / float64(len(pcm))
}

// power is the mean square.
func power(pcm []int16) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(pcm))
}

func decibels(ratio float64) float64 { return 10 * math.Log10(ratio) }

// settled converts half a second of a tone in frames of 20 ms and cuts off the
// beginning, in which the filter fills.
func settled(t *testing.T, in, out int, hertz, amplitude float64) []int16 {
	t.Helper()
	src := sine(in/2, hertz, in, amplitude)
	dst := inPieces(t, in, out, src, in/50)
	return dst[out/10:]
}

var pairs = [][2]int{
	{8000, 16000}, {16000, 8000}, {8000, 24000}, {24000, 8000}, {8000, 48000}, {48000, 8000},
	{16000, 24000}, {24000, 16000}, {16000, 48000}, {48000, 16000}, {24000, 48000}, {48000, 24000},
}

// loaded are the ratios that MP3 files bring.
var loaded = [][2]int{
	{44100, 8000}, {44100, 16000}, {44100, 24000}, {44100, 48000}, {22050, 8000}, {22050, 16000}, {22050, 24000},
	{11025, 8000}, {11025, 16000}, {11025, 24000}, {12000, 8000}, {12000, 16000}, {32000, 8000}, {32000, 24000},
}

func eachPair(t *testing.T, rates [][2]int, test func(t *testing.T, in, out int)) {
	t.Helper()
	for _, pair := range rates {
		t.Run(fmt.Sprintf("%dto%d", pair[0], pair[1]), func(t *testing.T) { test(t, pair[0], pair[1]) })
	}
}

// TestSignalToNoiseAndDistortion measures what a tone of 1 kHz brings along. For
// scale, 16 bits alone allow 96 dB.
func TestSignalToNoiseAndDistortion(t *testing.T) {
	measure := func(least float64) func(t *testing.T, in, out int) {
		return func(t *testing.T, in, out int) {
			tone, rest := fit(settled(t, in, out, 1000, 0.7*32767), 1000, out)
			sinad := decibels(cmplx.Abs(tone) * cmplx.Abs(tone) / 2 / rest)
			t.Logf("%.1f dB", sinad)
			if sinad < least {
				t.Errorf("SINAD %.1f dB, want %.0f", sinad, least)
			}
			if gain := 2 * decibels(cmplx.Abs(tone)/(0.7*32767)); math.Abs(gain) > 0.01 {
				t.Errorf("gain at 1 kHz is %.3f dB, want 0", gain)
			}
		}
	}
	eachKernel(t, func(t *testing.T) {
		eachPair(t, pairs, measure(90))
		eachPair(t, loaded, measure(87))
	})
}

// TestImagesAndAliases sends tones through the whole band. Below 0.425 of the
// lower rate a tone must come out alone; above 0.575 nothing may come out.
func TestImagesAndAliases(t *testing.T) {
	const amplitude, steps = 0.7 * 32767, 23
	eachPair(t, append(pairs, loaded...), func(t *testing.T, in, out int) {
		low, worst := float64(min(in, out)), math.Inf(-1)
		for i := range steps {
			hertz := 100 + (0.425*low-100)*float64(i)/(steps-1)
			tone, rest := fit(settled(t, in, out, hertz, amplitude), hertz, out)
			worst = max(worst, decibels(2*rest/(cmplx.Abs(tone)*cmplx.Abs(tone))))
		}
		for i := range steps {
			hertz := 0.575*low + (float64(in)/2-0.575*low)*float64(i)/steps
			if hertz <= 0.5*low || in < out {
				break
			}
			worst = max(worst, decibels(2*power(settled(t, in, out, hertz, amplitude))/(amplitude*amplitude)))
		}
		t.Logf("worst %.1f dB", worst)
		if worst > -80 {
			t.Errorf("worst image or alias %.1f dB, want -80", worst)
		}
	})
}

func TestTelephoneBandPassesWhole(t *testing.T) {
	for _, pair := range [][2]int{{8000, 16000}, {16000, 8000}, {24000, 8000}, {44100, 8000}} {
		for _, hertz := range []float64{300, 1000, 2000, 3000, 3400} {
			tone, _ := fit(settled(t, pair[0], pair[1], hertz, 10000), hertz, pair[1])
			if gain := 2 * decibels(cmplx.Abs(tone)/10000); math.Abs(gain) > 0.1 {
				t.Errorf("%d to %d at %.0f Hz: %.2f dB, want 0", pair[0], pair[1], hertz, gain)
			}
		}
	}
}

// TestDelay measures the delay by the phase of a tone, to a thousandth of an
// input sample, and holds it against Delay and the design.
func TestDelay(t *testing.T) {
	eachPair(t, append(pairs, loaded...), func(t *testing.T, in, out int) {
		r, err := New(in, out)
		if err != nil {
			t.Fatal(err)
		}
		const hertz = 300 // a period longer than any delay
		dst := r.Process(nil, sine(in, hertz, in, 20000))
		dst = dst[out/2:]
		start := float64(out/2) / float64(out) // of the fit, in seconds
		tone, _ := fit(dst, hertz, out)
		// The sine a*cos + b*sin = |t| sin(wt + p) with p = atan2(a, b).
		phase := math.Atan2(real(tone), imag(tone))
		got := start - phase/(2*math.Pi*hertz)
		got = math.Mod(got, 1.0/hertz)
		want := 16 / float64(min(in, out))
		if math.Abs(got-want)*float64(in) > 0.001 {
			t.Errorf("measured %.7f s, want 16 samples of the lower rate: %.7f s", got, want)
		}
		if math.Abs(r.Delay().Seconds()-want) > 1e-9 {
			t.Errorf("Delay is %v, want %.9f s", r.Delay(), want)
		}
	})
}

// TestImpulseIsSymmetric: a filter with a delay of exactly half its taps answers
// an impulse with its own mirror image.
func TestImpulseIsSymmetric(t *testing.T) {
	r, err := New(8000, 16000)
	if err != nil {
		t.Fatal(err)
	}
	src := make([]int16, 80)
	src[0] = 30000
	dst := r.Process(nil, src)
	const centre = 32 // of 64 taps at the output's rate
	for i := 1; i < centre; i++ {
		if dst[centre-i] != dst[centre+i] {
			t.Fatalf("%d before the centre %d, after it %d", i, dst[centre-i], dst[centre+i])
		}
	}
	if dst[centre] < 28000 {
		t.Errorf("centre %d, want the peak", dst[centre])
	}
}
