package ari

import (
	"github.com/trunkline-io/trunkline/pkg/audio"
	"github.com/trunkline-io/trunkline/pkg/audio/g711"
)

// format is how sound is written on a media socket.
type format struct {
	rate   int // hertz
	encode func(dst []byte, src []int16) int
	decode func(dst []int16, src []byte) int
	size   int // bytes per sample
}

// formats are those that are simulated, by Asterisk's names. Linear samples are
// in the order of a little-endian host.
var formats = map[string]format{
	"ulaw":   {8000, g711.EncodeULaw, g711.DecodeULaw, 1},
	"alaw":   {8000, g711.EncodeALaw, g711.DecodeALaw, 1},
	"slin":   {8000, audio.EncodeLE, audio.DecodeLE, audio.BytesPerSample},
	"slin16": {16000, audio.EncodeLE, audio.DecodeLE, audio.BytesPerSample},
	"slin24": {24000, audio.EncodeLE, audio.DecodeLE, audio.BytesPerSample},
	"slin48": {48000, audio.EncodeLE, audio.DecodeLE, audio.BytesPerSample},
}

// frame is the size of 20 ms, in bytes.
func (f format) frame() int { return audio.SamplesPerFrame(f.rate) * f.size }

// bytes writes sound.
func (f format) bytes(pcm []int16) []byte {
	b := make([]byte, len(pcm)*f.size)
	f.encode(b, pcm)
	return b
}

// samples reads a frame. One that is too short ends in silence.
func (f format) samples(b []byte) []int16 {
	pcm := make([]int16, audio.SamplesPerFrame(f.rate))
	f.decode(pcm, b)
	return pcm
}
