// Package mix lays one signal under another: an ambient loop under speech.
package mix

import "math"

// Gain is a factor in Q15 fixed point: 32768 times the amplitude ratio.
type Gain int32

const (
	// Unity is 0 dB: the signal as it is.
	Unity Gain = 1 << shift
	// MaxGain is just over 36 dB, beyond which nothing is left of a signal but
	// clipping.
	MaxGain Gain = 1 << 21

	shift = 15
	half  = 1 << (shift - 1)
)

// Decibels returns the gain of db decibels: Unity for 0, half of it for -6.02,
// 0 for negative infinity. What exceeds MaxGain becomes MaxGain, and what is not
// a number becomes 0.
func Decibels(db float64) Gain {
	ratio := math.Pow(10, db/20) * float64(Unity)
	if math.IsNaN(ratio) {
		return 0
	}
	return Gain(math.Round(min(ratio, float64(MaxGain))))
}

// Mix adds src, scaled by gain, to dst in place, and saturates. Where the
// lengths differ, the shorter one counts. It does not allocate.
func Mix(dst, src []int16, gain Gain) {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, s := range src {
		sum := int64(dst[i]) + (int64(s)*int64(gain)+half)>>shift
		dst[i] = int16(min(max(sum, math.MinInt16), math.MaxInt16))
	}
}
