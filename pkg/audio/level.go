package audio

import "math"

// FullScale is the magnitude that corresponds to 0 dBFS.
const FullScale = 32768

// Level returns the root mean square of pcm in dBFS, where a full-scale square
// wave is 0 dB and a full-scale sine is -3.01 dB (the measure of SoX and of RFC
// 6464's dBov). Silence and the empty slice give negative infinity.
func Level(pcm []int16) float64 {
	if len(pcm) == 0 {
		return math.Inf(-1)
	}
	var energy float64
	for _, s := range pcm {
		energy += float64(s) * float64(s)
	}
	return 10 * math.Log10(energy/float64(len(pcm))/(FullScale*FullScale))
}

// Peak returns the largest magnitude in pcm, from 0 to FullScale.
func Peak(pcm []int16) int {
	peak := 0
	for _, s := range pcm {
		peak = max(peak, int(s), -int(s))
	}
	return peak
}
