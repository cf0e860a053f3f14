// Package audio is the vocabulary of sound inside Trunkline: mono, 16-bit,
// linear samples ([]int16) at 8, 16, 24 or 48 kHz, cut into frames of 20 ms.
//
// The packages below it each do one thing to such samples: g711 compands,
// resample changes the rate, mix lays an ambient loop under speech, mp3 and wav
// read and write files, tone makes and recognises signals, compare tells how
// much of what was said was heard, speech holds recorded fixtures.
//
// The functions that run once per frame write into buffers of the caller and do
// not allocate.
package audio

import "time"

// FrameDuration is the length of one frame in every direction of a call.
const FrameDuration = 20 * time.Millisecond

// FramesPerSecond is the number of frames in a second of audio.
const FramesPerSecond = int(time.Second / FrameDuration)

// SamplesPerFrame returns how many samples one frame has at a rate in hertz:
// 160 at 8 kHz. The rate must be a multiple of FramesPerSecond, as all rates of
// telephony are.
func SamplesPerFrame(rate int) int {
	return rate / FramesPerSecond
}

// Samples returns the number of whole samples in d at a rate in hertz.
func Samples(d time.Duration, rate int) int {
	return int(int64(d) * int64(rate) / int64(time.Second))
}

// Duration returns how long n samples last at a rate in hertz. A rate of zero
// or below gives zero.
func Duration(n, rate int) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(int64(n) * int64(time.Second) / int64(rate))
}
