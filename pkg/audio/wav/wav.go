// Package wav reads and writes WAV files: linear 16-bit, and G.711 as it came
// over the line, so that a recording of a call needs no transcoding.
package wav

import "errors"

// Encoding is how a file keeps its samples: the format code of its "fmt " chunk.
type Encoding uint16

// The encodings that are read and written.
const (
	PCM16 Encoding = 1 // 16-bit linear, little-endian
	ALaw  Encoding = 6 // G.711, 8 bits
	ULaw  Encoding = 7 // G.711, 8 bits

	// extensible says that the encoding stands further behind, in the first two
	// bytes of a GUID.
	extensible Encoding = 0xFFFE
)

// Errors that Reader and Writer wrap.
var (
	ErrFormat   = errors.New("not a WAV file")
	ErrEncoding = errors.New("encoding is not PCM16, A-law or mu-law")
	ErrTooLarge = errors.New("too large")
)

// bytesPerSample returns the size of a sample, 0 where the encoding is unknown.
func (e Encoding) bytesPerSample() int {
	switch e {
	case PCM16:
		return 2
	case ALaw, ULaw:
		return 1
	}
	return 0
}
