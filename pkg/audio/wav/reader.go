package wav

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
)

// The limits of what is believed of a header.
const (
	maxRate     = 192000
	maxChannels = 8
	maxFormat   = 4096 // bytes of a "fmt " chunk; 40 are usual
)

// readSize is the number of bytes read at a time.
const readSize = 8192

// Reader reads the samples of a WAV file as a stream. It is not safe for
// concurrent use.
type Reader struct {
	source   io.Reader // the "data" chunk
	rate     int
	channels int
	encoding Encoding
	raw      []byte
	linear   []int16 // of all channels
}

// NewReader reads the header. The file may have any channels up to eight, which
// are averaged. The source need not seek.
func NewReader(source io.Reader) (*Reader, error) {
	buffered := bufio.NewReaderSize(source, readSize)
	var riff [12]byte
	if _, err := io.ReadFull(buffered, riff[:]); err != nil {
		return nil, fmt.Errorf("wav: header: %w", truncated(err))
	}
	if string(riff[:4]) != "RIFF" || string(riff[8:]) != "WAVE" {
		return nil, fmt.Errorf("wav: %w", ErrFormat)
	}
	r := &Reader{}
	for {
		id, size, err := chunk(buffered)
		if err != nil {
			return nil, err
		}
		switch {
		case id == "fmt ":
			err = r.format(buffered, size)
		case id == "data" && r.rate == 0:
			err = fmt.Errorf("wav: data before its format: %w", ErrFormat)
		case id == "data":
			r.source = io.LimitReader(buffered, size)
			return r, nil
		default:
			err = skip(buffered, size+size&1)
		}
		if err != nil {
			return nil, err
		}
	}
}

// chunk reads the head of a chunk. The data chunk of a stream that was never
// closed says 0xFFFFFFFF, which makes it go on to the end of the file.
func chunk(r io.Reader) (id string, size int64, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", 0, fmt.Errorf("wav: no data chunk: %w", truncated(err))
	}
	size = int64(binary.LittleEndian.Uint32(head[4:]))
	return string(head[:4]), size, nil
}

func skip(r io.Reader, n int64) error {
	if _, err := io.CopyN(io.Discard, r, n); err != nil {
		return fmt.Errorf("wav: chunk: %w", truncated(err))
	}
	return nil
}

// truncated gives the end of the input in the middle of a structure its name.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// format reads the "fmt " chunk.
func (r *Reader) format(source io.Reader, size int64) error {
	if size < 16 || size > maxFormat {
		return fmt.Errorf("wav: format of %d bytes: %w", size, ErrFormat)
	}
	body := make([]byte, size+size&1)
	if _, err := io.ReadFull(source, body); err != nil {
		return fmt.Errorf("wav: format: %w", truncated(err))
	}
	r.encoding = Encoding(binary.LittleEndian.Uint16(body))
	r.channels = int(binary.LittleEndian.Uint16(body[2:]))
	r.rate = int(binary.LittleEndian.Uint32(body[4:]))
	bits := int(binary.LittleEndian.Uint16(body[14:]))
	if r.encoding == extensible && size >= 26 {
		r.encoding = Encoding(binary.LittleEndian.Uint16(body[24:]))
	}
	switch {
	case r.encoding.bytesPerSample() == 0 || bits != 8*r.encoding.bytesPerSample():
		return fmt.Errorf("wav: format %d with %d bits: %w", r.encoding, bits, ErrEncoding)
	case r.rate < 1 || r.rate > maxRate || r.channels < 1 || r.channels > maxChannels:
		return fmt.Errorf("wav: %d channels at %d Hz: %w", r.channels, r.rate, ErrFormat)
	}
	return nil
}

// Rate returns the sample rate in hertz.
func (r *Reader) Rate() int { return r.rate }

// Read fills dst with mono samples and returns their number. It returns io.EOF
// together with no samples, at the end of the data or where the file breaks off.
func (r *Reader) Read(dst []int16) (int, error) {
	frame := r.channels * r.encoding.bytesPerSample()
	total := 0
	for total < len(dst) {
		want := min(len(dst)-total, readSize/frame)
		r.raw = grow(r.raw, want*frame)
		n, err := io.ReadFull(r.source, r.raw)
		n /= frame
		r.linear = grow(r.linear, n*r.channels)
		r.decode(r.linear, r.raw)
		downmix(dst[total:], r.linear, r.channels)
		total += n
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			if total == 0 {
				return 0, io.EOF
			}
			return total, nil
		case err != nil:
			return total, fmt.Errorf("wav: data: %w", err)
		}
	}
	return total, nil
}

func (r *Reader) decode(dst []int16, src []byte) {
	switch r.encoding {
	case PCM16:
		audio.DecodeLE(dst, src)
	case ALaw:
		g711.DecodeALaw(dst, src)
	case ULaw:
		g711.DecodeULaw(dst, src)
	}
}

// downmix averages interleaved channels into dst.
func downmix(dst, src []int16, channels int) {
	if channels == 1 {
		copy(dst, src)
		return
	}
	for i := range len(src) / channels {
		sum := 0
		for _, v := range src[i*channels:][:channels] {
			sum += int(v)
		}
		dst[i] = int16(sum / channels)
	}
}

// grow returns a slice of length n, the same if it has room.
func grow[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}

// maxSamples bounds what Decode returns: an hour at 8 kHz, 58 MB.
const maxSamples = 3600 * 8000

// Decode reads a whole file and returns its samples, mono, and their rate in
// hertz. A file longer than an hour at 8 kHz, or 20 minutes at 24, is ErrTooLarge.
func Decode(source io.Reader) (pcm []int16, rate int, err error) {
	r, err := NewReader(source)
	if err != nil {
		return nil, 0, err
	}
	block := make([]int16, readSize)
	for {
		n, err := r.Read(block)
		pcm = append(pcm, block[:n]...)
		switch {
		case errors.Is(err, io.EOF):
			return pcm, r.rate, nil
		case err != nil:
			return nil, 0, err
		case len(pcm) > maxSamples:
			return nil, 0, fmt.Errorf("wav: %w", ErrTooLarge)
		}
	}
}
