//go:build !amd64 || purego

package resample

func (f *filter) split() []float32 { return nil }

func (r *Resampler) passes(dst []int16, _ int) ([]int16, bool) { return dst, false }

func widen(dst []float32, src []int16) {
	for i, s := range src {
		dst[i] = float32(s)
	}
}
