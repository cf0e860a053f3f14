package demo

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/mp3"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/audio/speech"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
	"github.com/trunkline-io/trunkline/pkg/media"
)

const (
	// soundFloor is the level in dBFS from which a frame counts as sound: above
	// the ambient prompt, below the end of a word.
	soundFloor = -45
	// silence in dBFS stands for no sound at all, which has no level.
	silence = -96
)

// clip is mono sound at a rate in hertz.
type clip struct {
	pcm  []int16
	rate int
}

// sounds are what is said in a call.
type sounds struct{ greeting, caller clip }

func loadSounds() (s sounds, err error) {
	if s.greeting.pcm, s.greeting.rate, err = mp3.Decode(strings.NewReader(speech.GreetingMP3)); err != nil {
		return s, fmt.Errorf("greeting: %w", err)
	}
	if s.caller.pcm, s.caller.rate, err = wav.Decode(strings.NewReader(speech.CallerWAV)); err != nil {
		return s, fmt.Errorf("caller's speech: %w", err)
	}
	return s, nil
}

// through returns sound at another rate as it is after a media path: limited to
// the path's band, and coded and decoded once.
func (c clip) through(path media.Format, rate int) (clip, error) {
	coded, err := resample.All(c.pcm, c.rate, path.Rate)
	if err != nil {
		return clip{}, err
	}
	codes := make([]byte, len(coded))
	switch path.Encoding {
	case media.ULaw:
		g711.EncodeULaw(codes, coded)
		g711.DecodeULaw(coded, codes)
	case media.ALaw:
		g711.EncodeALaw(codes, coded)
		g711.DecodeALaw(coded, codes)
	}
	pcm, err := resample.All(coded, path.Rate, rate)
	return clip{pcm, rate}, err
}

// Sound is what was heard of something that was said.
type Sound struct {
	// Similarity is the normalised cross-correlation of what was heard with what
	// was said, as its media path leaves it: 1 is the same, 0 something else. It
	// is the mean of all that has sound.
	Similarity float64 `json:"similarity"`
	// DelayMS is how much later it was heard than it was said; of the greeting,
	// how long after the audio was connected.
	DelayMS int64 `json:"delay_ms"`
	// Slips is how often that changed on the way: each time, a moment was lost
	// because something came too late. On a machine that keeps up there are none.
	Slips int `json:"slips"`
	// Seconds from the first sound that was heard to the last, pauses included.
	Seconds float64 `json:"heard_seconds"`
	// LevelDBFS is the mean level in between; -96 where there is no sound.
	LevelDBFS float64 `json:"level_dbfs"`
}

// unheard is no sound.
var unheard = Sound{LevelDBFS: silence}

// measure tells what of said was heard. Both have one rate and one beginning.
func measure(said, heard clip) Sound {
	pieces := align(said, heard)
	s := heard.extent()
	s.Similarity, s.DelayMS, s.Slips = rounded(total(pieces), 4), usual(pieces).Round(time.Millisecond).Milliseconds(), slips(pieces)
	return s
}

// extent measures length and level.
func (c clip) extent() Sound {
	from, to := c.span()
	return Sound{
		Seconds:   rounded(audio.Duration(to-from, c.rate).Seconds(), 2),
		LevelDBFS: rounded(max(audio.Level(c.pcm[from:to]), silence), 1),
	}
}

// part returns the samples from one index to another, as far as there are any.
func (c clip) part(from, to int) clip {
	to = min(to, len(c.pcm))
	return clip{c.pcm[min(from, to):to], c.rate}
}

// frames counts the frames of sound.
func (c clip) frames() (n int) {
	c.each(func(_, _ int) { n++ })
	return n
}

// span returns where the first frame of sound begins and the last one ends;
// both are the end of the clip where there is none.
func (c clip) span() (from, to int) {
	from, to = len(c.pcm), len(c.pcm)
	c.each(func(start, end int) { from, to = min(from, start), end })
	return from, to
}

// each calls f with the bounds of every frame of sound.
func (c clip) each(f func(start, end int)) {
	size := audio.SamplesPerFrame(c.rate)
	for at := 0; at < len(c.pcm); at += size {
		if end := min(at+size, len(c.pcm)); audio.Level(c.pcm[at:end]) >= soundFloor {
			f(at, end)
		}
	}
}

func rounded(v float64, digits int) float64 {
	shift := math.Pow10(digits)
	return math.Round(v*shift) / shift
}
