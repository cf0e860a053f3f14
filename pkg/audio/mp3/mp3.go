// Package mp3 decodes prompts and ambient loops to mono linear samples.
//
// The decoding is go-mp3's. This package reads the frames' headers first, so that
// what go-mp3 would decode wrongly, slowly or not at all is refused with a reason
// (see ErrUnsupported), and it removes the silence that encoders put around the
// sound, where the file says how much: a loop of a tagged file has no gap.
//
// The recommended prompt is 44.1 or 48 kHz at 64 kbit/s or more.
package mp3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	gomp3 "github.com/hajimehoshi/go-mp3"

	"github.com/trunkline-io/trunkline/pkg/audio"
)

// The limits of a file. Ten minutes at 48 kHz are 58 MB of samples and take some
// seconds to decode.
const (
	MaxBytes    = 16 << 20
	MaxDuration = 10 * time.Minute
)

// Errors that Decode wraps.
var (
	// ErrFormat is what is not an MP3 file, or a damaged one.
	ErrFormat = errors.New("not an MP3 file, or damaged")
	// ErrUnsupported is an MP3 file that another encoder setting would help:
	// MPEG-2.5 (12 kHz and below), layers 1 and 2, free bit rate, a sample rate
	// that changes, and 22.05 kHz at a bit rate that go-mp3 gets wrong (constant
	// 8, 16, 24, 32, 80, 96, 144 or 160 kbit/s).
	ErrUnsupported = errors.New("kind of MP3 is not supported")
	// ErrTooLarge is a file beyond MaxBytes or MaxDuration.
	ErrTooLarge = errors.New("MP3 is too large")
)

// Decode reads a whole file and returns its samples, mono (the average of both
// channels), and their rate in hertz. It accepts MPEG-1 and MPEG-2 layer III
// with ID3 and APE tags around it. It reads at most MaxBytes and never panics,
// whatever it is given.
func Decode(r io.Reader) (pcm []int16, rate int, err error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("mp3: read: %w", err)
	case len(data) > MaxBytes:
		return nil, 0, fmt.Errorf("mp3: more than %d bytes: %w", MaxBytes, ErrTooLarge)
	}
	s, err := scan(data)
	if err != nil {
		return nil, 0, fmt.Errorf("mp3: %w", err)
	}
	if s.duration() > MaxDuration {
		return nil, 0, fmt.Errorf("mp3: %v long: %w", s.duration().Round(time.Second), ErrTooLarge)
	}
	pcm, err = decodeFrames(s.frames, s.samples)
	if err != nil {
		return nil, 0, fmt.Errorf("mp3: %w", err)
	}
	return s.gap.trim(pcm), s.rate, nil
}

// stereoFrame is the size of one sample pair that go-mp3 gives, mono or not.
const stereoFrame = 2 * audio.BytesPerSample

// decodeFrames decodes bare frames, which contain the given number of samples. A
// panic of the decoder, which some damaged frames cause, becomes an error.
func decodeFrames(frames []byte, samples int) (pcm []int16, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			pcm, err = nil, fmt.Errorf("decoder gave up (%v): %w", cause, ErrFormat)
		}
	}()
	decoder, err := gomp3.NewDecoder(bytes.NewBuffer(frames))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	raw := make([]byte, samples*stereoFrame)
	if _, err := io.ReadFull(decoder, raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	pair := make([]int16, 2)
	pcm = make([]int16, samples)
	for i := range pcm {
		audio.DecodeLE(pair, raw[i*stereoFrame:])
		pcm[i] = int16((int(pair[0]) + int(pair[1])) / 2)
	}
	return pcm, nil
}
