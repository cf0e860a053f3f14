// Package media holds the words of the media plane: audio formats, the
// signals that media nodes send to agents, the controls that agents send back,
// and the events and commands that a carrier's media codec speaks.
package media

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Frame is the length of audio that is handled at once everywhere.
const Frame = 20 * time.Millisecond

// Encoding is how samples are written. All audio is mono.
type Encoding string

// The encodings. L16 is signed 16-bit little-endian; the codec of a carrier
// that sends big-endian swaps.
const (
	ULaw Encoding = "ulaw"
	ALaw Encoding = "alaw"
	L16  Encoding = "l16"
)

// Format is an encoding at a sample rate in Hz.
type Format struct {
	Encoding Encoding `json:"encoding"`
	Rate     int      `json:"rate"`
}

// String gives the form "ulaw/8000".
func (f Format) String() string { return string(f.Encoding) + "/" + strconv.Itoa(f.Rate) }

// SampleBytes is the size of one sample.
func (f Format) SampleBytes() int {
	if f.Encoding == L16 {
		return 2
	}
	return 1
}

// FrameBytes is the size of 20 ms of audio.
func (f Format) FrameBytes() int { return f.Rate / 50 * f.SampleBytes() }

// Duration is how long n bytes of audio play.
func (f Format) Duration(n int) time.Duration {
	if f.Rate == 0 {
		return 0
	}
	return time.Duration(n/f.SampleBytes()) * time.Second / time.Duration(f.Rate)
}

// ParseFormat reads the form "ulaw/8000".
func ParseFormat(s string) (Format, error) {
	enc, rate, _ := strings.Cut(s, "/")
	hz, err := strconv.Atoi(rate)
	f := Format{Encoding: Encoding(enc), Rate: hz}
	if err != nil || !f.Valid() || f.String() != s {
		return Format{}, fmt.Errorf("audio format %q: want ulaw/8000, alaw/8000, l16/8000, l16/16000, l16/24000 or l16/48000", s)
	}
	return f, nil
}

// Valid reports whether Trunkline can handle the format.
func (f Format) Valid() bool {
	switch f.Encoding {
	case ULaw, ALaw:
		return f.Rate == 8000
	case L16:
		return f.Rate == 8000 || f.Rate == 16000 || f.Rate == 24000 || f.Rate == 48000
	}
	return false
}
