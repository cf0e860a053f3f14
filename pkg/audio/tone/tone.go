// Package tone makes and recognises the signals of telephony: sines, silence and
// DTMF. Simulated callers press keys with it, and tests know what they hear.
package tone

import (
	"math"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
)

// Silence returns d of silence at a rate in hertz.
func Silence(rate int, d time.Duration) []int16 {
	return make([]int16, max(audio.Samples(d, rate), 0))
}

// Sine returns d of a sine at a rate, both frequencies in hertz. It starts at
// phase 0 and has a level in dBFS as audio.Level measures it, where -3.01 is the
// loudest that does not clip.
func Sine(hertz float64, rate int, d time.Duration, level float64) []int16 {
	pcm := Silence(rate, d)
	add(pcm, hertz, rate, amplitude(level))
	return pcm
}

// amplitude returns the peak of a sine whose level is in dBFS.
func amplitude(level float64) float64 {
	return audio.FullScale * math.Sqrt2 * math.Pow(10, level/20)
}

// add lays a sine over pcm and saturates.
func add(pcm []int16, hertz float64, rate int, amplitude float64) {
	step := 2 * math.Pi * hertz / float64(rate)
	for i, v := range pcm {
		sum := math.Round(float64(v) + amplitude*math.Sin(step*float64(i)))
		pcm[i] = int16(min(max(sum, math.MinInt16), math.MaxInt16))
	}
}
