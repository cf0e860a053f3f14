package resample

import "math"

// dotGo returns the inner product of a and b, of the same length, which is a
// multiple of lanes. Four sums keep the additions from waiting for each other.
func dotGo(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= lanes && len(b) >= lanes {
		x, y := (*[lanes]float32)(a), (*[lanes]float32)(b)
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		s0 += x[4] * y[4]
		s1 += x[5] * y[5]
		s2 += x[6] * y[6]
		s3 += x[7] * y[7]
		a, b = a[lanes:], b[lanes:]
	}
	return (s0 + s1) + (s2 + s3)
}

// round returns the sample nearest to v, halves away from zero, and saturates.
func round(v float32) int16 {
	// Half with the sign of v, without a branch on what speech makes a coin toss.
	const sign = 1 << 31
	v += math.Float32frombits(math.Float32bits(v)&sign | math.Float32bits(0.5))
	switch {
	case v >= math.MaxInt16:
		return math.MaxInt16
	case v <= math.MinInt16:
		return math.MinInt16
	}
	return int16(v)
}
