package mp3

import (
	"encoding/binary"
	"fmt"
)

// headerSize is the size of a frame's header in bytes.
const headerSize = 4

// header is what the first four bytes of a frame say (ISO/IEC 11172-3, 2.4.1.3,
// and 13818-3 for the half sample rates of MPEG-2).
type header struct {
	mpeg2    bool
	rate     int // hertz
	bitRate  int // bit/s
	padded   bool
	channels int
}

// The tables of layer III, for MPEG-1 and MPEG-2.
var (
	bitRates = [2][15]int{
		{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	}
	rates = [2][3]int{{44100, 48000, 32000}, {22050, 24000, 16000}}
)

// parseHeader reads the header at the start of data. It tells what is no header
// (ErrFormat) from a kind of audio that cannot be decoded (ErrUnsupported).
func parseHeader(data []byte) (header, error) {
	if len(data) < headerSize {
		return header{}, fmt.Errorf("file ends in a header: %w", ErrFormat)
	}
	word := binary.BigEndian.Uint32(data)
	var (
		version  = word >> 19 & 3 // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
		layer    = word >> 17 & 3 // 1: layer III
		bitRate  = word >> 12 & 15
		rate     = word >> 10 & 3
		emphasis = word & 3
	)
	switch {
	case word>>21 != 0x7FF, version == 1, layer == 0, bitRate == 15, rate == 3, emphasis == 2:
		return header{}, fmt.Errorf("%08X is no frame header: %w", word, ErrFormat)
	case layer != 1:
		return header{}, fmt.Errorf("layer %d: %w", 4-layer, ErrUnsupported)
	case version == 0:
		return header{}, fmt.Errorf("MPEG-2.5, of 12 kHz or less: %w", ErrUnsupported)
	case bitRate == 0:
		return header{}, fmt.Errorf("free bit rate: %w", ErrUnsupported)
	}
	table := 3 - version
	h := header{
		mpeg2:    table == 1,
		rate:     rates[table][rate],
		bitRate:  bitRates[table][bitRate] * 1000,
		padded:   word>>9&1 == 1,
		channels: 2,
	}
	if word>>6&3 == 3 {
		h.channels = 1
	}
	return h, nil
}

// samples returns the number of samples in the frame.
func (h header) samples() int {
	if h.mpeg2 {
		return 576
	}
	return 1152
}

// size returns the number of bytes in the frame, with its header.
func (h header) size() int {
	size := h.samples() / 8 * h.bitRate / h.rate
	if h.padded {
		size++
	}
	return size
}

// misread tells that go-mp3 takes the frame for one byte shorter and loses its
// place in the bit stream, which it does not notice: it halves the size of MPEG-2
// frames after adding the padding.
func (h header) misread() bool {
	return h.mpeg2 && h.padded && 2*h.samples()/8*h.bitRate/h.rate%2 == 0
}

// infoAt returns where in a frame the encoder puts facts in place of audio: behind
// the header and the side information, whether or not there is a checksum between
// the two.
func (h header) infoAt() int {
	switch {
	case h.mpeg2 && h.channels == 1:
		return headerSize + 9
	case h.mpeg2 || h.channels == 1:
		return headerSize + 17
	}
	return headerSize + 32
}
