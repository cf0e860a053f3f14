// Package speech holds recordings for demonstrations and tests: a caller, a
// greeting and the noise of a quiet room. README.md tells how they were made.
//
// They are whole files, as strings so that nobody can change them; read them with
// the packages wav and mp3.
package speech

import _ "embed" // the recordings

// CallerWAV is a caller with a request, 4.6 s at -20 dBFS: 16 kHz mono PCM16.
//
//go:embed caller.wav
var CallerWAV string

// CallerText is what the caller says.
const CallerText = "Good evening. I would like to book a table for four people, tomorrow at eight."

// GreetingMP3 is a prompt, 2 s at -20 dBFS: 44.1 kHz mono, 64 kbit/s.
//
//go:embed greeting.mp3
var GreetingMP3 string

// GreetingText is what the prompt says.
const GreetingText = "Hello, you are connected."

// AmbientMP3 is soft pink noise, 3 s at -40 dBFS: 44.1 kHz mono, 64 kbit/s.
//
//go:embed ambient.mp3
var AmbientMP3 string
