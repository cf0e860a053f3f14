// Package compare tells how much of what was said was heard, and how much later:
// it finds a known signal in a recording of the other end of a call.
package compare

import (
	"math"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
)

const (
	// narrow is the rate of the coarse search. Both signals are limited to its
	// band, which is all that a telephone carries.
	narrow = 8000

	// activeRange is how far below its loudest frame, in decibels, the said signal
	// still counts as active; what is below quietest dBFS never does.
	activeRange = 30
	quietest    = -60
)

// Find looks for said in heard, both at a rate in hertz from 8000 up, and returns
// how similar they are at the best alignment, and the delay: how much later the
// sound is in heard than in said, negative where heard begins in the middle of
// it. Silence around the sound does not matter, and neither does the gain.
//
// The similarity is the mean of the normalised cross-correlation over the frames
// of 20 ms in which said is active, all at the same delay: 1 for a copy, above
// 0.9 for one that has passed G.711, near 0 for another speaker, another text or
// the same backwards. Each active frame that is lost lowers it by its share, and
// so does everything behind a place where samples were dropped or repeated. With
// nothing active in said, and at a rate that cannot be converted, it is 0.
//
// The time is that of two Fourier transforms: 0.2 s for half a minute.
func Find(said, heard []int16, rate int) (similarity float64, delay time.Duration) {
	saidNarrow, saidBand := limit(said, rate)
	heardNarrow, heardBand := limit(heard, rate)
	frames := active(saidBand, rate)
	if len(frames) == 0 || len(heardNarrow) == 0 {
		return 0, 0
	}
	size := audio.SamplesPerFrame(rate)
	start, end := frames[0], min(frames[len(frames)-1]+size, len(saidBand))

	coarse := bestLag(saidNarrow[scale(start, rate, narrow):scale(end, rate, narrow)], heardNarrow)
	lag := refine(saidBand[start:end], heardBand, scale(coarse, narrow, rate), (rate+narrow-1)/narrow) - start

	var sum float64
	for _, at := range frames {
		frame := saidBand[at:min(at+size, len(saidBand))]
		sum += correlation(frame, heardBand, at+lag)
	}
	return max(sum/float64(len(frames)), 0), audio.Duration(lag, rate)
}

// limit returns pcm at the narrow rate, and in the band of that rate at its own.
// Both are empty where the rate cannot be converted.
func limit(pcm []int16, rate int) (low, band []int16) {
	if rate == narrow {
		return pcm, pcm
	}
	low, err := resample.All(pcm, rate, narrow)
	if err != nil {
		return nil, nil
	}
	band, err = resample.All(low, narrow, rate)
	if err != nil {
		return nil, nil
	}
	return low, band
}

// active returns where the active frames of pcm begin.
func active(pcm []int16, rate int) (starts []int) {
	size := audio.SamplesPerFrame(rate)
	if size == 0 {
		return nil
	}
	loudest := math.Inf(-1)
	for at := 0; at < len(pcm); at += size {
		loudest = max(loudest, audio.Level(pcm[at:min(at+size, len(pcm))]))
	}
	threshold := max(loudest-activeRange, quietest)
	for at := 0; at < len(pcm); at += size {
		if audio.Level(pcm[at:min(at+size, len(pcm))]) >= threshold {
			starts = append(starts, at)
		}
	}
	return starts
}

// refine returns the lag within reach of a first guess at which the correlation
// is highest.
func refine(said, heard []int16, guess, reach int) int {
	best, highest := guess, math.Inf(-1)
	for lag := guess - reach; lag <= guess+reach; lag++ {
		if c := correlation(said, heard, lag); c > highest {
			best, highest = lag, c
		}
	}
	return best
}

// correlation returns the normalised cross-correlation, from -1 to 1, of said
// with the part of heard that begins at lag. Beyond its ends, heard is silent,
// and silence correlates with nothing.
func correlation(said, heard []int16, lag int) float64 {
	from, to := max(0, -lag), min(len(said), len(heard)-lag)
	var cross, energySaid, energyHeard float64
	for _, v := range said {
		energySaid += float64(v) * float64(v)
	}
	for i := from; i < to; i++ {
		s, h := float64(said[i]), float64(heard[i+lag])
		cross += s * h
		energyHeard += h * h
	}
	if cross == 0 {
		return 0
	}
	return cross / math.Sqrt(energySaid*energyHeard)
}

// scale converts a number of samples from one rate to another.
func scale(n, from, to int) int {
	return int(math.Round(float64(n) * float64(to) / float64(from)))
}
