package compare

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// bestLag returns the index in heard, which may be negative, at which said fits
// best by its normalised cross-correlation.
func bestLag(said, heard []int16) int {
	cross := crossCorrelate(said, heard)
	energy := make([]float64, len(heard)+1) // of heard up to an index
	for i, v := range heard {
		energy[i+1] = energy[i] + float64(v)*float64(v)
	}
	best, highest := 0, math.Inf(-1)
	for lag := 1 - len(said); lag < len(heard); lag++ {
		part := energy[min(lag+len(said), len(heard))] - energy[max(lag, 0)]
		if part <= 0 {
			continue
		}
		sum := real(cross[(lag+len(cross))%len(cross)])
		if c := sum / math.Sqrt(part); c > highest { // the energy of said is the same for all
			best, highest = lag, c
		}
	}
	return best
}

// crossCorrelate returns, at index lag modulo its length, the sum over i of
// said[i] * heard[i+lag]. Both signals go through one transform, one as the real
// part and one as the imaginary, for theirs can be told apart by symmetry.
func crossCorrelate(said, heard []int16) []complex128 {
	n := 1 << bits.Len(uint(len(said)+len(heard)))
	both := make([]complex128, n)
	for i, v := range said {
		both[i] = complex(float64(v), 0)
	}
	for i, v := range heard {
		both[i] += complex(0, float64(v))
	}
	roots := unityRoots(n)
	transform(both, roots)
	product := make([]complex128, n)
	for k := range both {
		z, mirror := both[k], cmplx.Conj(both[(n-k)&(n-1)])
		s, h := (z+mirror)/2, (z-mirror)/2i
		// Conjugated, so that a forward transform serves as the inverse one; the
		// sums being real, the result need not be conjugated back.
		product[k] = s * cmplx.Conj(h) / complex(float64(n), 0)
	}
	transform(product, roots)
	return product
}

// unityRoots returns the first n/2 powers of exp(-2 pi i / n).
func unityRoots(n int) []complex128 {
	roots := make([]complex128, n/2)
	for k := range roots {
		sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
		roots[k] = complex(cos, sin)
	}
	return roots
}

// transform is the fast Fourier transform of Cooley and Tukey, in place, whose
// length is a power of two and twice that of roots.
func transform(x []complex128, roots []complex128) {
	n := len(x)
	shift := 64 - uint(bits.Len(uint(n-1)))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	for half := 1; half < n; half *= 2 {
		stride := n / (2 * half)
		for start := 0; start < n; start += 2 * half {
			low, high := x[start:start+half], x[start+half:start+2*half]
			for k := range low {
				t := high[k] * roots[k*stride]
				low[k], high[k] = low[k]+t, low[k]-t
			}
		}
	}
}
