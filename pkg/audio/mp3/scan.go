package mp3

import (
	"bytes"
	"fmt"
	"time"

	"github.com/trunkline-io/trunkline/pkg/audio"
)

// stream is an MP3 file without its tags, of one sample rate.
type stream struct {
	frames  []byte // audio frames only, without gaps
	samples int    // in frames
	rate    int    // hertz
	gap     gap
}

func (s *stream) duration() time.Duration {
	return audio.Duration(s.samples, s.rate)
}

// scan finds the frames. A frame that breaks off at the end is left out; anything
// else that is neither frame nor tag is an error.
func scan(data []byte) (*stream, error) {
	data = skipID3(data)
	first, err := parseHeader(data)
	if err != nil {
		return nil, err
	}
	s := &stream{rate: first.rate}
	if size := first.size(); size <= len(data) {
		if gap, ok := parseInfo(first, data[:size]); ok {
			s.gap, data = gap, data[size:]
		}
	}
	rest := data
	for len(rest) >= headerSize && !isTag(rest) {
		h, err := parseHeader(rest)
		if err != nil {
			return nil, fmt.Errorf("byte %d of the audio: %w", len(data)-len(rest), err)
		}
		if err := s.admit(h); err != nil {
			return nil, err
		}
		if h.size() > len(rest) {
			break
		}
		s.samples += h.samples()
		rest = rest[h.size():]
	}
	if s.samples == 0 {
		return nil, fmt.Errorf("no audio: %w", ErrFormat)
	}
	s.frames = data[:len(data)-len(rest)]
	return s, nil
}

// admit says whether a frame can be decoded together with those before it.
func (s *stream) admit(h header) error {
	switch {
	case h.rate != s.rate:
		return fmt.Errorf("rate changes from %d to %d Hz: %w", s.rate, h.rate, ErrUnsupported)
	case h.misread():
		return fmt.Errorf("%d Hz at %d kbit/s, encode it at 44.1 kHz: %w", h.rate, h.bitRate/1000, ErrUnsupported)
	}
	return nil
}

// skipID3 removes the ID3v2 tags, of which there may be several, and the zeroes
// that some programs pad them with.
func skipID3(data []byte) []byte {
	const head = 10
	for len(data) >= head && string(data[:3]) == "ID3" {
		size := 0
		for _, b := range data[6:head] { // seven bits a byte
			size = size<<7 | int(b&0x7F)
		}
		data = data[min(head+size, len(data)):]
	}
	return bytes.TrimLeft(data, "\x00")
}

// isTag recognises what may follow the last frame: ID3v1, APE and Lyrics3 tags,
// an ID3v2 tag at the wrong end, and zeroes.
func isTag(data []byte) bool {
	for _, tag := range []string{"TAG", "APETAGEX", "LYRICSBEGIN", "ID3", "\x00\x00\x00\x00"} {
		if bytes.HasPrefix(data, []byte(tag)) {
			return true
		}
	}
	return false
}
