package resample

import (
	"fmt"
	"math"
	"sync"
)

// What New accepts: rates in hertz, and how many phases their ratio may need
// (the output rate over the greatest common divisor of both, 640 from 11.025 to
// 48 kHz). The limits keep a made-up rate in a file's header from costing memory.
const (
	MinRate   = 8000
	MaxRate   = 192000
	MaxPhases = 1024
)

// The design. More taps sharpen the transition and lengthen the delay; beta
// trades the transition's width for rejection. The two were searched together
// for tones 0.075 of the lower rate off its Nyquist frequency: images and aliases
// at -81 dB and a pass band down by 0.07 dB.
const (
	tapsPerPhase = 32   // at the lower of both rates
	beta         = 8.2  // of the Kaiser window
	cutoff       = 0.98 // of the lower rate's Nyquist frequency, at -6 dB
	lanes        = 8    // taps are padded to a multiple of it for dot
)

// filter is the coefficient table of one ratio, up/down in lowest terms. It is
// immutable once made.
type filter struct {
	up, down    int
	whole, part int       // down/up as input samples and the rest in phases
	taps        int       // of each phase
	delay       int       // in samples of the prototype, whose rate is up times the input's
	rows        []float32 // taps coefficients for each phase, oldest sample first
	fir         []float32 // the same for passes; nil where there are none
}

// ratio is the key of a filter; its cut-off scales with the rates.
type ratio struct{ up, down int }

// filters holds a func() *filter for each ratio seen, so that calls in parallel
// design it once and share it.
var filters sync.Map

func filterFor(in, out int) (*filter, error) {
	if in < MinRate || in > MaxRate || out < MinRate || out > MaxRate {
		return nil, fmt.Errorf("resample: %d to %d Hz is outside %d to %d Hz", in, out, MinRate, MaxRate)
	}
	divisor := gcd(in, out)
	key := ratio{up: out / divisor, down: in / divisor}
	if key.up > MaxPhases {
		return nil, fmt.Errorf("resample: %d to %d Hz needs %d phases, more than %d", in, out, key.up, MaxPhases)
	}
	design, ok := filters.Load(key)
	if !ok {
		design, _ = filters.LoadOrStore(key, sync.OnceValue(key.design))
	}
	return design.(func() *filter)(), nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (r ratio) design() *filter {
	if r.up == r.down {
		return &filter{up: 1, down: 1, whole: 1, taps: 1}
	}
	prototype := lowPass(tapsPerPhase*max(r.up, r.down), cutoff/float64(max(r.up, r.down)))
	taps := (len(prototype) + r.up - 1) / r.up
	taps = (taps + lanes - 1) / lanes * lanes
	f := &filter{
		up: r.up, down: r.down,
		whole: r.down / r.up, part: r.down % r.up,
		taps:  taps,
		delay: len(prototype) / 2,
		rows:  make([]float32, r.up*taps),
	}
	for phase := range r.up {
		f.fill(phase, prototype)
	}
	f.fir = f.split()
	return f
}

// fill writes the coefficients of one phase: every up-th of the prototype, in
// the order of the samples they meet, and scaled so that a constant passes
// unchanged through each phase (else it would come out with a ripple).
func (f *filter) fill(phase int, prototype []float64) {
	var sum float64
	for i := phase; i < len(prototype); i += f.up {
		sum += prototype[i]
	}
	row := f.phase(phase)
	for k, i := 0, phase; i < len(prototype); k, i = k+1, i+f.up {
		row[f.taps-1-k] = float32(prototype[i] / sum)
	}
}

func (f *filter) phase(n int) []float32 {
	return f.rows[n*f.taps:][:f.taps:f.taps]
}

// copies tells that both rates are equal.
func (f *filter) copies() bool {
	return f.up == f.down
}

// lowPass returns a windowed sinc of even length n, symmetric about n/2, which
// makes its delay a whole number of samples. Its element 0 would have no mirror
// image and is zero. The cut-off is in units of the Nyquist frequency.
func lowPass(n int, cutoff float64) []float64 {
	h := make([]float64, n)
	half := n / 2
	for i := 1; i < n; i++ {
		t := float64(i - half)
		h[i] = sinc(cutoff*t) * kaiser(t/float64(half-1))
	}
	return h
}

// sinc is the impulse response of the ideal low-pass filter.
func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x, from -1 to 1, up to a constant factor.
func kaiser(x float64) float64 {
	return bessel(beta * math.Sqrt(1-x*x))
}

// bessel is the modified Bessel function of the first kind and order zero, by
// its power series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-16; k++ {
		term *= x * x / 4 / (k * k)
		sum += term
	}
	return sum
}
