package tone_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/mix"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
)

const allKeys = "1234567890*#ABCD"

// pressed returns the sound of digits, or ends the test.
func pressed(t *testing.T, digits string, rate int, on, off time.Duration, level float64) []int16 {
	t.Helper()
	pcm, err := tone.DTMF(digits, rate, on, off, level)
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

func TestDTMFIsDetected(t *testing.T) {
	for name, test := range map[string]struct {
		rate    int
		on, off time.Duration
		level   float64
	}{
		"usual":             {8000, 100 * time.Millisecond, 100 * time.Millisecond, -10},
		"shortest":          {8000, 40 * time.Millisecond, 40 * time.Millisecond, -10},
		"loud":              {8000, 100 * time.Millisecond, 100 * time.Millisecond, -3},
		"quiet":             {8000, 100 * time.Millisecond, 100 * time.Millisecond, -40},
		"wide band":         {16000, 100 * time.Millisecond, 60 * time.Millisecond, -10},
		"wider band":        {24000, 60 * time.Millisecond, 60 * time.Millisecond, -20},
		"studio":            {48000, 60 * time.Millisecond, 60 * time.Millisecond, -20},
		"held for a second": {8000, time.Second, 100 * time.Millisecond, -10},
	} {
		t.Run(name, func(t *testing.T) {
			pcm := pressed(t, allKeys, test.rate, test.on, test.off, test.level)
			if got := tone.Detect(pcm, test.rate); got != allKeys {
				t.Errorf("heard %q, want %q", got, allKeys)
			}
		})
	}
}

// TestDTMFAtAnyOffset cuts the stream into frames and moves it against the
// detector's blocks.
func TestDTMFAtAnyOffset(t *testing.T) {
	pcm := pressed(t, allKeys, 8000, 45*time.Millisecond, 45*time.Millisecond, -12)
	for offset := range 102 {
		d := tone.NewDetector(8000)
		got := d.Process(make([]int16, offset))
		for rest := pcm; len(rest) > 0; {
			n := min(160, len(rest))
			got += d.Process(rest[:n])
			rest = rest[n:]
		}
		if got != allKeys {
			t.Errorf("%d samples later heard %q, want %q", offset, got, allKeys)
		}
	}
}

func TestDTMFSameDigitTwice(t *testing.T) {
	pcm := pressed(t, "5555", 8000, 50*time.Millisecond, 50*time.Millisecond, -10)
	if got := tone.Detect(pcm, 8000); got != "5555" {
		t.Errorf("heard %q, want %q", got, "5555")
	}
}

func TestDTMFThroughMuLawAndNoise(t *testing.T) {
	pcm := pressed(t, allKeys, 8000, 60*time.Millisecond, 60*time.Millisecond, -15)
	random := rand.New(rand.NewPCG(5, 6))
	noise := make([]int16, len(pcm))
	for i := range noise {
		noise[i] = int16(random.IntN(2000) - 1000) // -35 dBFS
	}
	mix.Mix(pcm, noise, mix.Unity)
	codes := make([]byte, len(pcm))
	g711.EncodeULaw(codes, pcm)
	g711.DecodeULaw(pcm, codes)
	if got := tone.Detect(pcm, 8000); got != allKeys {
		t.Errorf("heard %q, want %q", got, allKeys)
	}
}

func TestNothingToDetect(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	noise := make([]int16, 8000*30)
	for i := range noise {
		noise[i] = int16(random.IntN(20000) - 10000)
	}
	for name, pcm := range map[string][]int16{
		"silence":       tone.Silence(8000, time.Second),
		"noise":         noise,
		"one row":       tone.Sine(770, 8000, time.Second, -10),
		"one column":    tone.Sine(1336, 8000, time.Second, -10),
		"dial tone":     tone.Sine(425, 8000, time.Second, -10),
		"too short":     pressed(t, "5", 8000, 12*time.Millisecond, 50*time.Millisecond, -10),
		"too quiet":     pressed(t, "5", 8000, 100*time.Millisecond, 50*time.Millisecond, -60),
		"nothing at 0":  nil,
		"key with hum":  chord(-20, 770, 1336, -12, 300),
		"between tones": chord(-12, 733, 1272),
		"two rows":      chord(-15, 697, 770, 1336),
		"two columns":   chord(-15, 770, 1336, 1477),
		"loud column":   chord(-30, 770, -18, 1336),
		"loud row":      chord(-18, 770, -30, 1336),
	} {
		if got := tone.Detect(pcm, 8000); got != "" {
			t.Errorf("%s: heard %q", name, got)
		}
	}
}

// chord is 0.2 s of several frequencies together. A negative number is the level
// in dBFS of those behind it.
func chord(frequencies ...float64) []int16 {
	const length = 200 * time.Millisecond
	pcm, level := tone.Silence(8000, length), 0.0
	for _, f := range frequencies {
		if f < 0 {
			level = f
			continue
		}
		mix.Mix(pcm, tone.Sine(f, 8000, length, level), mix.Unity)
	}
	return pcm
}

func TestDTMFRefuses(t *testing.T) {
	for _, digits := range []string{"12x", "1 2", "é"} {
		if _, err := tone.DTMF(digits, 8000, time.Second, 0, -10); err == nil {
			t.Errorf("%q was accepted", digits)
		}
	}
}

func TestDTMFLengthAndLevel(t *testing.T) {
	pcm := pressed(t, "a1", 8000, 100*time.Millisecond, 50*time.Millisecond, -20)
	if len(pcm) != 2*1200 {
		t.Errorf("%d samples, want 2400", len(pcm))
	}
	// Two sines of -20 dB each make -17.
	if got := audio.Level(pcm[:800]); got < -17.1 || got > -16.9 {
		t.Errorf("level %.2f dBFS, want -17", got)
	}
	if audio.Peak(pcm[800:1200]) != 0 {
		t.Error("the pause is not silent")
	}
}

func TestStrangeRates(t *testing.T) {
	for _, rate := range []int{-1, 0, 1, 1000} {
		if got := tone.Detect(make([]int16, 1000), rate); got != "" {
			t.Errorf("heard %q at %d Hz", got, rate)
		}
	}
}

// BenchmarkDetector listens to one frame of 20 ms at 8 kHz.
func BenchmarkDetector(b *testing.B) {
	d, frame := tone.NewDetector(8000), tone.Sine(1000, 8000, audio.FrameDuration, -20)
	b.ReportAllocs()
	for b.Loop() {
		d.Process(frame)
	}
}
