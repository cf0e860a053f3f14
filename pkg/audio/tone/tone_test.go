package tone_test

import (
	"math"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
)

func TestSine(t *testing.T) {
	for _, rate := range []int{8000, 16000, 24000} {
		pcm := tone.Sine(1000, rate, time.Second, -20)
		if len(pcm) != rate {
			t.Errorf("%d samples at %d Hz, want a second", len(pcm), rate)
		}
		if got := audio.Level(pcm); math.Abs(got+20) > 0.01 {
			t.Errorf("level %.2f dBFS, want -20", got)
		}
		crossings := 0
		for i := range pcm[1:] {
			if pcm[i] < 0 && pcm[i+1] >= 0 {
				crossings++
			}
		}
		if crossings < 999 || crossings > 1000 {
			t.Errorf("%d periods, want 1000", crossings)
		}
		if pcm[0] != 0 || pcm[1] <= 0 {
			t.Errorf("begins with %v, want phase 0", pcm[:2])
		}
	}
}

func TestSineSaturates(t *testing.T) {
	pcm := tone.Sine(100, 8000, 100*time.Millisecond, 10)
	if audio.Peak(pcm) != audio.FullScale || pcm[20] != math.MaxInt16 {
		t.Errorf("peak %d, top %d", audio.Peak(pcm), pcm[20])
	}
}

func TestSilence(t *testing.T) {
	if pcm := tone.Silence(8000, 20*time.Millisecond); len(pcm) != 160 || audio.Peak(pcm) != 0 {
		t.Errorf("%d samples, peak %d", len(pcm), audio.Peak(pcm))
	}
	if pcm := tone.Silence(8000, -time.Second); len(pcm) != 0 {
		t.Errorf("a negative time has %d samples", len(pcm))
	}
}
