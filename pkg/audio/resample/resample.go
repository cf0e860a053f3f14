// Package resample changes the sample rate of mono 16-bit audio, frame by frame
// or all at once.
//
// It is a polyphase FIR filter with a Kaiser window. The telephone band passes
// whole (-0.1 dB at 3.4 kHz between 8 and 16 kHz), images and aliases are at
// least 80 dB down, and the delay is 16 samples of the lower rate: 2 ms at 8 kHz.
// Between rates that are multiples of 8 kHz, each frame of 20 ms becomes exactly
// one frame, and where a signal is cut into frames makes no difference to it.
//
// On amd64 with AVX2 and FMA the filter is written in assembly, which the build
// tag purego leaves out. Both ways give the same samples, but for a few
// that fall between two values and may differ by one.
package resample

import "time"

// block is the number of input samples filtered at a time, which bounds the
// history: 20 ms at 24 kHz.
const block = 480

// atOnce is the number of outputs that assembly makes at a time. What is left
// over is made too, of whatever follows the input, and thrown away.
const atOnce = 32

// Resampler converts one stream from one rate to another. It is not safe for
// concurrent use; the coefficients behind it are shared by all streams of the
// same ratio.
type Resampler struct {
	filter  *filter
	in      int       // hertz
	history []float32 // taps-1 samples of the past, then room for a block and atOnce
	sorted  []float32 // room for a block and its past by rows, where assembly needs it
	skip    int       // input samples to pass over before the next output sample
	phase   int       // of the next output sample, in steps of 1/up input sample
}

// New returns a Resampler from one rate to another, in hertz. It accepts all
// pairs of the rates that telephony and MP3 use; see MinRate, MaxRate and
// MaxPhases for the limits. Equal rates copy.
func New(in, out int) (*Resampler, error) {
	f, err := filterFor(in, out)
	if err != nil {
		return nil, err
	}
	r := &Resampler{filter: f, in: in, history: make([]float32, f.taps-1+block+atOnce)}
	if f.fir != nil && f.down > 1 {
		r.sorted = make([]float32, block+f.taps+f.down*(atOnce+2))
	}
	return r, nil
}

// Process filters src and appends the result to dst, which it returns. After n
// samples in, in pieces of any size, exactly ceil(n*out/in) samples have come
// out. It does not allocate when dst has room. dst and src must not overlap.
func (r *Resampler) Process(dst, src []int16) []int16 {
	if r.filter.copies() {
		return append(dst, src...)
	}
	for len(src) > 0 {
		n := min(len(src), block)
		dst = r.filterBlock(dst, src[:n])
		src = src[n:]
	}
	return dst
}

// filterBlock appends to dst the output samples that end within src, which has
// at most block samples, and keeps the tail of src for the next.
func (r *Resampler) filterBlock(dst, src []int16) []int16 {
	f, past := r.filter, r.filter.taps-1
	widen(r.history[past:], src)
	defer func() { copy(r.history, r.history[len(src):len(src)+past]) }()
	if dst, done := r.passes(dst, len(src)); done {
		return dst
	}
	at, phase := r.skip, r.phase
	for at < len(src) {
		row := f.phase(phase)
		dst = append(dst, round(dot(row, r.history[at:at+len(row)])))
		at += f.whole
		if phase += f.part; phase >= f.up {
			phase -= f.up
			at++
		}
	}
	r.skip, r.phase = at-len(src), phase
	return dst
}

// Reset forgets the past, as if the Resampler were new.
func (r *Resampler) Reset() {
	clear(r.history)
	r.skip, r.phase = 0, 0
}

// Delay returns by how much the output lags behind the input: half the length
// of the filter, at any frequency.
func (r *Resampler) Delay() time.Duration {
	if r.filter.copies() {
		return 0
	}
	return time.Duration(int64(r.filter.delay) * int64(time.Second) / int64(r.in*r.filter.up))
}

// All converts a whole signal, such as a prompt, and removes the delay: the
// output begins and ends with the input and has ceil(len(src)*out/in) samples.
// The result never shares memory with src.
func All(src []int16, in, out int) ([]int16, error) {
	r, err := New(in, out)
	if err != nil {
		return nil, err
	}
	f := r.filter
	length := (len(src)*f.up + f.down - 1) / f.down
	dst := make([]int16, 0, length+f.taps*f.up/f.down+1)
	if !f.copies() {
		// The first output sample is centred on the first input sample.
		r.skip, r.phase = f.delay/f.up, f.delay%f.up
	}
	dst = r.Process(dst, src)
	for len(dst) < length {
		dst = r.Process(dst, make([]int16, f.taps))
	}
	return dst[:length], nil
}
