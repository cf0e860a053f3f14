//go:build amd64 && !purego

package resample

import "slices"

// Many outputs at a time. Of each up outputs in a row, the first, the second and
// so on meet the same coefficients every time, down input samples further. So
// the outputs are made in up passes, each a filter whose coefficients are the
// same for all its outputs, and the processor makes 32 of them at a time.
//
// Where down is more than one, the input of a pass is sorted into down rows,
// each of every down-th sample, and the coefficients likewise.

// maxSplit bounds up and down: beyond it, a pass has few outputs.
const maxSplit = 6

// split returns the coefficients in the order of fir, or nil where the filter
// is not fit for that.
func (f *filter) split() []float32 {
	if f.copies() || f.up > maxSplit || f.down > maxSplit || f.taps%(2*f.down) != 0 {
		return nil
	}
	all, per := make([]float32, 0, len(f.rows)), f.taps/f.down
	for phase := range f.up {
		coefficients := f.phase(phase)
		for row := range f.down {
			for k := range per {
				all = append(all, coefficients[k*f.down+row])
			}
		}
	}
	return all
}

// passes is filterBlock over the first n fresh samples of the history, where
// the processor and the filter are fit for it.
func (r *Resampler) passes(dst []int16, n int) ([]int16, bool) {
	f := r.filter
	if f.fir == nil || !useAVX2 {
		return dst, false
	}
	start := r.skip*f.up + r.phase // in steps of 1/up input sample
	outputs := max((n*f.up-start+f.down-1)/f.down, 0)
	dst = slices.Grow(dst, outputs)[:len(dst)+outputs]
	to := dst[len(dst)-outputs:]
	var made [2][block + atOnce]int16
	for pass := range min(f.up, outputs) {
		at := start + pass*f.down
		count := (outputs - pass + f.up - 1) / f.up
		x, stride := r.sort(at/f.up, count)
		own := made[pass%2][:]
		fir(own, x, f.fir[at%f.up*f.taps:][:f.taps], f.down, stride, (count+atOnce-1)/atOnce*atOnce)
		switch {
		case f.up == 1:
			copy(to, own[:count])
		case f.up == 2 && pass == 1:
			weave(to, made[0][:(outputs+1)/2], own[:count])
		case f.up > 2 || outputs == 1:
			for i, s := range own[:count] {
				to[pass+i*f.up] = s
			}
		}
	}
	end := start + outputs*f.down - n*f.up
	r.skip, r.phase = end/f.up, end%f.up
	return dst, true
}

// sort returns the input of count outputs, of which the first begins at a sample
// of the history, in rows of stride.
func (r *Resampler) sort(from, count int) (rows []float32, stride int) {
	down := r.filter.down
	if down == 1 {
		return r.history[from:], 0
	}
	stride = len(r.sorted) / down
	x, need := r.history[from:], count+r.filter.taps/down-1
	if down == 2 {
		part(r.sorted, r.sorted[stride:], x, need)
		return r.sorted, stride
	}
	for row := range down {
		to, at := r.sorted[row*stride:][:need], row
		for i := range to {
			to[i] = x[at]
			at += down
		}
	}
	return r.sorted, stride
}

// fir makes n outputs, a multiple of atOnce: each is the sum of c, which has a
// number of rows, times x, which has rows of stride, from the place of the
// output on.
func fir(dst []int16, x, c []float32, rows, stride, n int) {
	per := len(c) / rows
	_, _ = dst[n-1], x[(rows-1)*stride+n+per-2] // the last that are touched
	firAVX2(&dst[0], &x[0], &c[0], per, rows, stride, n)
}

// widen converts samples.
func widen(dst []float32, src []int16) {
	whole := 0
	if useAVX2 && len(src) >= 16 {
		whole = len(src) / 16 * 16
		_ = dst[whole-1]
		widenAVX2(&dst[0], &src[0], whole)
	}
	for i, s := range src[whole:] {
		dst[whole+i] = float32(s)
	}
}

// part sorts pairs of samples: n of each, and up to seven more of whatever
// follows.
func part(even, odd, src []float32, n int) {
	n = (n + 7) / 8 * 8
	_, _, _ = even[n-1], odd[n-1], src[2*n-1]
	partAVX2(&even[0], &odd[0], &src[0], n)
}

// weave is the reverse, of as many as there are in each.
func weave(dst, even, odd []int16) {
	whole := len(odd) / 16 * 16
	if whole > 0 {
		_, _ = dst[2*whole-1], even[whole-1]
		weaveAVX2(&dst[0], &even[0], &odd[0], whole)
	}
	for i, s := range even[whole:] {
		dst[2*(whole+i)] = s
	}
	for i, s := range odd[whole:] {
		dst[2*(whole+i)+1] = s
	}
}

// firAVX2 is fir; each row has per coefficients, an even number.
//
//go:noescape
func firAVX2(dst *int16, x, c *float32, per, rows, stride, n int)

// widenAVX2 is widen for n samples, a multiple of 16 and not zero.
//
//go:noescape
func widenAVX2(dst *float32, src *int16, n int)

// partAVX2 is part; n is a multiple of 8 and not zero.
//
//go:noescape
func partAVX2(even, odd, src *float32, n int)

// weaveAVX2 is weave for n pairs, a multiple of 16 and not zero.
//
//go:noescape
func weaveAVX2(dst, even, odd *int16, n int)
