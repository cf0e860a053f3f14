package wav

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
)

// bufferSize saves system calls: 4 s of mu-law.
const bufferSize = 64 << 10

// Writer writes a mono WAV file as a stream: the header first, with lengths that
// say "to the end", which Close corrects. A file that is never closed can still
// be read. It is not safe for concurrent use.
type Writer struct {
	sink     io.WriteSeeker
	buffer   *bufio.Writer
	encoding Encoding
	rate     int
	size     int64 // of the data, in bytes
	scratch  []byte
}

// NewWriter writes the header of a file at a rate in hertz to sink, from where it
// stands. Close does not close sink.
func NewWriter(sink io.WriteSeeker, rate int, encoding Encoding) (*Writer, error) {
	if encoding.bytesPerSample() == 0 {
		return nil, fmt.Errorf("wav: format %d: %w", encoding, ErrEncoding)
	}
	if rate < 1 || rate > maxRate {
		return nil, fmt.Errorf("wav: %d Hz: %w", rate, ErrFormat)
	}
	w := &Writer{sink: sink, buffer: bufio.NewWriterSize(sink, bufferSize), encoding: encoding, rate: rate}
	if _, err := w.buffer.Write(header(rate, encoding, unknownSize)); err != nil {
		return nil, fmt.Errorf("wav: header: %w", err)
	}
	return w, nil
}

// Write appends data that is already in the file's encoding. It implements
// io.Writer.
func (w *Writer) Write(data []byte) (int, error) {
	if w.size+int64(len(data)) > maxData {
		return 0, fmt.Errorf("wav: %w", ErrTooLarge)
	}
	n, err := w.buffer.Write(data)
	w.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("wav: data: %w", err)
	}
	return n, nil
}

// WriteSamples encodes linear samples and appends them.
func (w *Writer) WriteSamples(pcm []int16) error {
	w.scratch = grow(w.scratch, len(pcm)*w.encoding.bytesPerSample())
	encode(w.encoding, w.scratch, pcm)
	_, err := w.Write(w.scratch)
	return err
}

// Close writes what is buffered and corrects the header. The Writer must not be
// used afterwards.
func (w *Writer) Close() error {
	if w.size%2 == 1 { // chunks have even lengths, the pad is not counted
		if err := w.buffer.WriteByte(0); err != nil {
			return fmt.Errorf("wav: pad: %w", err)
		}
	}
	if err := w.buffer.Flush(); err != nil {
		return fmt.Errorf("wav: flush: %w", err)
	}
	head := header(w.rate, w.encoding, w.size)
	back := -(int64(len(head)) + w.size + w.size%2)
	if _, err := w.sink.Seek(back, io.SeekCurrent); err != nil {
		return fmt.Errorf("wav: back to the header: %w", err)
	}
	if _, err := w.sink.Write(head); err != nil {
		return fmt.Errorf("wav: header: %w", err)
	}
	if _, err := w.sink.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("wav: to the end: %w", err)
	}
	return nil
}

// Encode returns a whole file of 16-bit linear samples at a rate in hertz. What
// exceeds 4 GiB, the limit of the format, does not belong here.
func Encode(pcm []int16, rate int) []byte {
	size := len(pcm) * audio.BytesPerSample
	file := header(rate, PCM16, int64(size))
	start := len(file)
	file = append(file, make([]byte, size)...)
	audio.EncodeLE(file[start:], pcm)
	return file
}

func encode(encoding Encoding, dst []byte, src []int16) {
	switch encoding {
	case PCM16:
		audio.EncodeLE(dst, src)
	case ALaw:
		g711.EncodeALaw(dst, src)
	case ULaw:
		g711.EncodeULaw(dst, src)
	}
}

const (
	// unknownSize stands in the header of a stream that is still written.
	unknownSize = math.MaxUint32
	// maxData leaves room for the header in the 32 bits of the file's length.
	maxData = math.MaxUint32 - 128
)

// header returns everything in front of the samples. An encoding other than
// linear has a longer format and a "fact" chunk, which tells the number of
// samples.
func header(rate int, encoding Encoding, size int64) []byte {
	width := encoding.bytesPerSample()
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	var format []byte
	format = u16(format, uint16(encoding))
	format = u16(format, 1) // channel
	format = u32(format, uint32(rate))
	format = u32(format, uint32(rate*width))
	format = u16(format, uint16(width)) // bytes per frame
	format = u16(format, uint16(8*width))

	body := []byte("WAVE")
	if encoding == PCM16 {
		body = appendChunk(body, "fmt ", format)
	} else {
		body = appendChunk(body, "fmt ", u16(format, 0)) // no extension
		body = appendChunk(body, "fact", u32(nil, uint32(min(size, unknownSize)/int64(width))))
	}
	body = append(body, "data"...)
	body = u32(body, uint32(size))

	total := int64(unknownSize)
	if size != unknownSize {
		total = int64(len(body)) + size + size%2
	}
	head := u32([]byte("RIFF"), uint32(total))
	return append(head, body...)
}

func appendChunk(b []byte, id string, data []byte) []byte {
	b = append(b, id...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}
