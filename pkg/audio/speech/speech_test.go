package speech_test

import (
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/mp3"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
)

func TestRecordings(t *testing.T) {
	for name, test := range map[string]struct {
		file          string
		decode        func(io.Reader) ([]int16, int, error)
		rate          int
		level         float64
		atLeast, most time.Duration
	}{
		"caller":   {speech.CallerWAV, wav.Decode, 16000, -20, 4 * time.Second, 5 * time.Second},
		"greeting": {speech.GreetingMP3, mp3.Decode, 44100, -20, 1500 * time.Millisecond, 2500 * time.Millisecond},
		"ambient":  {speech.AmbientMP3, mp3.Decode, 44100, -40, 3 * time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			pcm, rate, err := test.decode(strings.NewReader(test.file))
			if err != nil || rate != test.rate {
				t.Fatalf("%d Hz, %v", rate, err)
			}
			if d := audio.Duration(len(pcm), rate); d < test.atLeast || d > test.most {
				t.Errorf("%v long, want %v to %v", d, test.atLeast, test.most)
			}
			if level := audio.Level(pcm); math.Abs(level-test.level) > 0.5 {
				t.Errorf("%.1f dBFS, want %.0f", level, test.level)
			}
			if audio.Peak(pcm) >= audio.FullScale-1 {
				t.Error("it clips")
			}
		})
	}
}

func TestRecordingsAreSmall(t *testing.T) {
	if n := len(speech.CallerWAV) + len(speech.GreetingMP3) + len(speech.AmbientMP3); n > 200_000 {
		t.Errorf("%d bytes in every binary that imports them, want 200,000", n)
	}
}

// TestSpeechIsNoDigit: voices hit both frequencies of a key now and then.
func TestSpeechIsNoDigit(t *testing.T) {
	for name, file := range map[string]func() ([]int16, int, error){
		"caller":   func() ([]int16, int, error) { return wav.Decode(strings.NewReader(speech.CallerWAV)) },
		"greeting": func() ([]int16, int, error) { return mp3.Decode(strings.NewReader(speech.GreetingMP3)) },
	} {
		pcm, rate, err := file()
		if err != nil {
			t.Fatal(err)
		}
		pcm, err = resample.All(pcm, rate, 8000)
		if err != nil {
			t.Fatal(err)
		}
		if digits := tone.Detect(pcm, 8000); digits != "" {
			t.Errorf("%s: heard %q", name, digits)
		}
	}
}
