package carriersim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/trunkline-io/trunkline/pkg/audio/mp3"
	"github.com/trunkline-io/trunkline/pkg/audio/resample"
	"github.com/trunkline-io/trunkline/pkg/audio/tone"
	"github.com/trunkline-io/trunkline/pkg/audio/wav"
)

// What a carrier itself plays: frequencies in hertz and one level in dBFS.
const (
	speechPitch = 350 // Spoken
	musicPitch  = 620 // Music
	ringPitch   = 440 // Ringback
	toneLevel   = -18
)

// Spoken stands for a carrier's synthetic voice: a tone of 60 ms a character,
// so that two texts of different length can be told apart.
func Spoken(text string, rate int) []int16 {
	return tone.Sine(speechPitch, rate, time.Duration(utf8.RuneCountInString(text))*60*time.Millisecond, toneLevel)
}

// Music stands for a file that the carrier plays but cannot fetch: a second of
// another tone.
func Music(rate int) []int16 { return tone.Sine(musicPitch, rate, time.Second, toneLevel) }

// Ringback returns what a caller hears while another phone rings: one second of
// tone, two of silence, again and again.
func Ringback(rate int) Source {
	round := append(tone.Sine(ringPitch, rate, time.Second, toneLevel), tone.Silence(rate, 2*time.Second)...)
	return &loop{round: round}
}

// loop plays the same again and again.
type loop struct {
	round []int16
	at    int
}

func (l *loop) Next(frame []int16) {
	for len(frame) > 0 {
		n := copy(frame, l.round[l.at:])
		l.at = (l.at + n) % len(l.round)
		frame = frame[n:]
	}
}

// File returns the sound at a URL, at a rate in hertz. Only this machine is
// asked; what is elsewhere, or is neither a WAV nor an MP3 file, is Music, with
// the reason as an error.
func (x *Exchange) File(ctx context.Context, from string, rate int) ([]int16, error) {
	pcm, err := x.file(ctx, from, rate)
	if err != nil {
		return Music(rate), err
	}
	return pcm, nil
}

func (x *Exchange) file(ctx context.Context, from string, rate int) ([]int16, error) {
	target, _ := x.actual(from)
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	if !Loopback(u.Hostname()) {
		return nil, errors.New("file is not on this machine")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	resp, err := x.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, mp3.MaxBytes))
	if err != nil {
		return nil, err
	}
	decode := mp3.Decode
	if bytes.HasPrefix(data, []byte("RIFF")) {
		decode = wav.Decode
	}
	pcm, at, err := decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return resample.All(pcm, at, rate)
}

// Loopback reports whether a host is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
