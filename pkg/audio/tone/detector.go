package tone

import (
	"math"

	"github.com/trunkline-io/trunkline/pkg/audio"
)

// The limits of detection. Block and count make a digit of 40 ms certain (the
// shortest that ITU-T Q.24 asks for) and one of 12 ms impossible.
const (
	blocksPerSecond = 8000.0 / 102 // 12.75 ms: rows of 73 Hz distance fall apart
	hitsToStart     = 2            // equal blocks in a row that make a digit
	missesToEnd     = 2            // other blocks in a row that end it

	quietest     = -45.0 // dBFS of both frequencies together
	twist        = 8.0   // dB that the column may be louder than the row
	reverseTwist = 6.0   // dB that the row may be louder than the column
	standOut     = 8.0   // dB between a frequency and the next best of its group
	purity       = 0.65  // of a block's energy that is in the two frequencies
)

// Detector finds the DTMF digits in a stream of samples. It is not safe for
// concurrent use.
type Detector struct {
	coefficients [8]float64 // of the Goertzel filters: rows, then columns
	block        int        // samples

	filters [8]goertzel
	energy  float64
	filled  int // samples of the current block

	candidate byte // digit of the last block, or 0
	run       int  // blocks in a row that had the candidate
	sounding  byte // digit reported and not yet ended, or 0
	found     []byte
}

// goertzel is the state of one resonator.
type goertzel struct{ last, beforeLast float64 }

// NewDetector returns a Detector for a rate in hertz. Below 4 kHz, where the
// frequencies of DTMF do not exist, it finds nothing.
func NewDetector(rate int) *Detector {
	d := &Detector{block: max(int(float64(rate)/blocksPerSecond), 1)}
	for i := range 4 {
		d.coefficients[i] = 2 * math.Cos(2*math.Pi*rows[i]/float64(rate))
		d.coefficients[4+i] = 2 * math.Cos(2*math.Pi*columns[i]/float64(rate))
	}
	return d
}

// Process listens to the next samples, any number of them, and returns the
// digits whose tone has been recognised in them: each once, some 26 ms after its
// beginning. It allocates only when it finds one.
func (d *Detector) Process(pcm []int16) string {
	d.found = d.found[:0]
	for len(pcm) > 0 {
		n := min(len(pcm), d.block-d.filled)
		d.listen(pcm[:n])
		pcm = pcm[n:]
		if d.filled == d.block {
			d.decide(d.digit())
			d.filters, d.energy, d.filled = [8]goertzel{}, 0, 0
		}
	}
	return string(d.found)
}

// listen runs the filters over samples of one block.
func (d *Detector) listen(pcm []int16) {
	for _, v := range pcm {
		d.energy += float64(v) * float64(v)
	}
	for i, c := range d.coefficients {
		f := d.filters[i]
		for _, v := range pcm {
			f.last, f.beforeLast = float64(v)+c*f.last-f.beforeLast, f.last
		}
		d.filters[i] = f
	}
	d.filled += len(pcm)
}

// decide follows the digits of the blocks, 0 being none.
func (d *Detector) decide(digit byte) {
	if digit == d.candidate {
		d.run++
	} else {
		d.candidate, d.run = digit, 1
	}
	switch {
	case digit != 0 && digit != d.sounding && d.run == hitsToStart:
		d.sounding = digit
		d.found = append(d.found, digit)
	case digit == 0 && d.run == missesToEnd:
		d.sounding = 0
	}
}

// digit judges a whole block.
func (d *Detector) digit() byte {
	n := float64(d.block)
	row, rowPower, rowNext := d.strongest(0)
	column, columnPower, columnNext := d.strongest(4)
	total := rowPower + columnPower // each the mean square of its sine
	switch {
	case total < audio.FullScale*audio.FullScale*power(quietest),
		columnPower > rowPower*power(twist),
		rowPower > columnPower*power(reverseTwist),
		rowPower < rowNext*power(standOut),
		columnPower < columnNext*power(standOut),
		total < purity*d.energy/n:
		return 0
	}
	return keys[4*row+column]
}

// strongest returns which of the four filters from first on rings most, the mean
// square of the sine it hears, and that of the next best.
func (d *Detector) strongest(first int) (index int, best, next float64) {
	n := float64(d.block)
	for i := range 4 {
		f, c := d.filters[first+i], d.coefficients[first+i]
		magnitude := f.last*f.last + f.beforeLast*f.beforeLast - c*f.last*f.beforeLast
		switch heard := 2 * magnitude / (n * n); {
		case heard > best:
			index, best, next = i, heard, best
		case heard > next:
			next = heard
		}
	}
	return index, best, next
}

// power converts decibels to a ratio of powers.
func power(db float64) float64 { return math.Pow(10, db/10) }

// Detect returns the digits in a whole recording.
func Detect(pcm []int16, rate int) string {
	return NewDetector(rate).Process(pcm)
}
