package mix

import "math"

// Loop repeats a signal for as long as it is asked to. Each call of the media
// plane has its own Loop; the samples behind them are shared. A Loop is not safe
// for concurrent use.
type Loop struct {
	pcm []int16
	at  int
}

// NewLoop returns a Loop at the beginning of pcm, which it keeps and never
// writes to. A loop over no samples is silent.
func NewLoop(pcm []int16) *Loop {
	return &Loop{pcm: pcm}
}

// Mix adds the next len(dst) samples of the loop, scaled by gain, to dst.
func (l *Loop) Mix(dst []int16, gain Gain) {
	for len(dst) > 0 && len(l.pcm) > 0 {
		n := min(len(dst), len(l.pcm)-l.at)
		Mix(dst[:n], l.pcm[l.at:], gain)
		dst = dst[n:]
		l.at = (l.at + n) % len(l.pcm)
	}
}

// Seamless returns a copy of pcm that can be repeated without a click. The last
// fade samples fade out over the first ones fading in, so that the copy is
// shorter by fade, which is at most half of pcm. The fade has equal power, right
// for noise and babble; a steady tone would swell in it by up to 3 dB.
func Seamless(pcm []int16, fade int) []int16 {
	fade = min(max(fade, 0), len(pcm)/2)
	loop := make([]int16, len(pcm)-fade)
	copy(loop, pcm)
	tail := pcm[len(loop):]
	for i := range fade {
		in, out := math.Sincos(math.Pi / 2 * (float64(i) + 0.5) / float64(fade)) // the sine rises, the cosine falls
		sum := math.Round(in*float64(pcm[i]) + out*float64(tail[i]))
		loop[i] = int16(min(max(sum, math.MinInt16), math.MaxInt16))
	}
	return loop
}
