package session

import (
	"slices"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/media"
)

// linear decodes samples of an encoding into dst, which it grows as needed.
func linear(of media.Encoding, dst []int16, src []byte) []int16 {
	switch of {
	case media.ULaw:
		dst = sized(dst, len(src))
		g711.DecodeULaw(dst, src)
	case media.ALaw:
		dst = sized(dst, len(src))
		g711.DecodeALaw(dst, src)
	default:
		dst = sized(dst, len(src)/audio.BytesPerSample)
		audio.DecodeLE(dst, src)
	}
	return dst
}

// encoded encodes samples into dst, which it grows as needed.
func encoded(in media.Encoding, dst []byte, src []int16) []byte {
	switch in {
	case media.ULaw:
		dst = sized(dst, len(src))
		g711.EncodeULaw(dst, src)
	case media.ALaw:
		dst = sized(dst, len(src))
		g711.EncodeALaw(dst, src)
	default:
		dst = sized(dst, len(src)*audio.BytesPerSample)
		audio.EncodeLE(dst, src)
	}
	return dst
}

// fillSilence writes silence of an encoding.
func fillSilence(of media.Encoding, dst []byte) {
	var code byte
	switch of {
	case media.ULaw:
		code = g711.ULawSilence
	case media.ALaw:
		code = g711.ALawSilence
	}
	for i := range dst {
		dst[i] = code
	}
}

// sized returns a slice of n elements, the same where it has room.
func sized[E any](s []E, n int) []E { return slices.Grow(s[:0], n)[:n] }

// rateChanger converts between rates; nil where they are equal.
type rateChanger struct {
	*resample.Resampler
	out []int16
}

func newRateChanger(from, to int) (*rateChanger, error) {
	if from == to {
		return nil, nil
	}
	r, err := resample.New(from, to)
	if err != nil {
		return nil, err
	}
	return &rateChanger{Resampler: r}, nil
}

// convert returns src at the other rate, borrowed until the next call.
func (r *rateChanger) convert(src []int16) []int16 {
	if r == nil {
		return src
	}
	r.out = r.Process(r.out[:0], src)
	return r.out
}

// restart forgets what was before, after a gap.
func (r *rateChanger) restart() {
	if r != nil {
		r.Reset()
	}
}
