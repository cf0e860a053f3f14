package mp3_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/trunkline-io/trunkline/pkg/audio/mp3"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".mp3"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// original returns the sound that testdata/make.sh has encoded.
func original(rate int, amplitude float64) []float64 {
	pcm := make([]float64, rate*2/5)
	for i := range pcm {
		at := 2 * math.Pi * float64(i) / float64(rate)
		pcm[i] = amplitude * (math.Sin(440*at) + math.Sin(1000*at)) / 2
	}
	return pcm
}

// signalToNoise compares decoded samples with the original in decibels, but for
// the edges, where every MP3 rings, and for a gain, as LAME lowers the level by
// 5%. It gives 0 for a gain outside 0.9 to 1.1.
func signalToNoise(got []int16, want []float64) float64 {
	var cross, signal, noise float64
	edge := len(want) / 10
	for i := edge; i < len(want)-edge; i++ {
		cross, signal = cross+float64(got[i])*want[i], signal+want[i]*want[i]
	}
	gain := cross / signal
	if gain < 0.9 || gain > 1.1 {
		return 0
	}
	for i := edge; i < len(want)-edge; i++ {
		diff := float64(got[i]) - gain*want[i]
		noise += diff * diff
	}
	return 10 * math.Log10(gain*gain*signal/noise)
}

const quarter = 32768 / 4

// TestDecode: the sound comes back whole, without gap, and in its place to the
// sample. A shift by one sample would leave 22 dB at 44.1 kHz.
func TestDecode(t *testing.T) {
	for name, test := range map[string]struct {
		rate      int
		amplitude float64
	}{
		"cbr-44100":      {44100, quarter},
		"vbr-44100":      {44100, quarter},
		"lavc-44100":     {44100, quarter},
		"id3-44100":      {44100, quarter},
		"checksum-44100": {44100, quarter},
		"stereo-48000":   {48000, quarter * 0.75}, // the right channel has half of the left
		"cbr-24000":      {24000, quarter},
		"cbr-22050-64":   {22050, quarter},
	} {
		t.Run(name, func(t *testing.T) {
			pcm, rate, err := mp3.Decode(bytes.NewReader(file(t, name)))
			if err != nil || rate != test.rate {
				t.Fatalf("%d Hz, %v", rate, err)
			}
			want := original(rate, test.amplitude)
			if len(pcm) != len(want) {
				t.Fatalf("%d samples, want %d", len(pcm), len(want))
			}
			snr := signalToNoise(pcm, want)
			t.Logf("%.1f dB", snr)
			if snr < 30 {
				t.Errorf("signal to noise is %.1f dB, want 30", snr)
			}
		})
	}
}

// TestDecodeUntagged: where the file does not tell the gap, it stays.
func TestDecodeUntagged(t *testing.T) {
	for name, rate := range map[string]int{"untagged-44100": 44100, "cbr-16000": 16000} {
		pcm, got, err := mp3.Decode(bytes.NewReader(file(t, name)))
		if err != nil || got != rate {
			t.Fatalf("%s: %d Hz, %v", name, got, err)
		}
		want := original(rate, quarter)
		const delay = 576 + 529 // LAME's and the decoder's
		if len(pcm)%576 != 0 || len(pcm) < len(want)+delay {
			t.Errorf("%s: %d samples, want all frames", name, len(pcm))
		}
		if snr := signalToNoise(pcm[delay:], want); snr < 30 {
			t.Errorf("%s: signal to noise is %.1f dB, want 30", name, snr)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := file(t, "cbr-44100")
	frame := good[208+209:] // behind the first two frames
	for name, test := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":                {nil, mp3.ErrFormat},
		"text":                   {[]byte("this is not audio"), mp3.ErrFormat},
		"a tag only":             {[]byte("ID3\x04\x00\x00\x00\x00\x00\x02ab"), mp3.ErrFormat},
		"a tag beyond the end":   {[]byte("ID3\x04\x00\x00\x7F\x7F\x7F\x7F"), mp3.ErrFormat},
		"facts without audio":    {good[:208], mp3.ErrFormat},
		"half a frame":           {frame[:100], mp3.ErrFormat},
		"garbage between frames": {bytes.Join([][]byte{good, []byte("garbage"), good}, nil), mp3.ErrFormat},
		"two rates":              {append(bytes.Clone(good), file(t, "stereo-48000")...), mp3.ErrUnsupported},
		"MPEG-2.5":               {file(t, "refused-mpeg25"), mp3.ErrUnsupported},
		"layer II":               {file(t, "refused-layer2"), mp3.ErrUnsupported},
		"free bit rate":          {file(t, "refused-free"), mp3.ErrUnsupported},
		"22.05 kHz, 32 kbit/s":   {file(t, "refused-22050-32"), mp3.ErrUnsupported},
		"22.05 kHz, 80 kbit/s":   {file(t, "refused-22050-80"), mp3.ErrUnsupported},
		"ten minutes and more":   {bytes.Repeat(file(t, "cbr-16000")[108:216], 20000), mp3.ErrTooLarge},
		"too many bytes":         {make([]byte, mp3.MaxBytes+1), mp3.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			pcm, rate, err := mp3.Decode(bytes.NewReader(test.data))
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if pcm != nil || rate != 0 {
				t.Errorf("%d samples at %d Hz together with an error", len(pcm), rate)
			}
		})
	}
}

func TestReadErrorIsPassedOn(t *testing.T) {
	broken := errors.New("disk on fire")
	source := io.MultiReader(bytes.NewReader(file(t, "cbr-44100")), iotest.ErrReader(broken))
	if _, _, err := mp3.Decode(source); !errors.Is(err, broken) {
		t.Errorf("got %v, want the source's error", err)
	}
}

func TestTagsBehindTheAudio(t *testing.T) {
	good := file(t, "cbr-44100")
	want, _, err := mp3.Decode(bytes.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	for name, tail := range map[string]string{
		"ID3v1": "TAG" + string(make([]byte, 125)), "APE": "APETAGEX........", "Lyrics3": "LYRICSBEGIN....", "zeroes": "\x00\x00\x00\x00\x00",
		"less than a header": "ab", "half a frame": string(good[208:300]),
	} {
		if got, _, err := mp3.Decode(bytes.NewReader(append(bytes.Clone(good), tail...))); err != nil || len(got) != len(want) {
			t.Errorf("%s: %d samples, want %d, %v", name, len(got), len(want), err)
		}
	}
}

// TestDecoderPanics changes the one byte that makes go-mp3 v0.3.4 index beyond a
// slice.
func TestDecoderPanics(t *testing.T) {
	data := file(t, "cbr-24000")
	data[579] = 0
	if _, _, err := mp3.Decode(bytes.NewReader(data)); !errors.Is(err, mp3.ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
}

// TestDamage flips bytes at random: decoded or refused, but no panic, and never
// more sound than there was.
func TestDamage(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	refused, good := 0, file(t, "cbr-44100")
	const tries = 200
	for range tries {
		data := bytes.Clone(good)
		for range 1 + random.IntN(20) {
			data[random.IntN(len(data))] = byte(random.Uint32())
		}
		pcm, _, err := mp3.Decode(bytes.NewReader(data))
		switch {
		case err == nil && len(pcm) > 20*1152:
			t.Errorf("%d samples from 17 frames", len(pcm))
		case err != nil && !errors.Is(err, mp3.ErrFormat) && !errors.Is(err, mp3.ErrUnsupported):
			t.Errorf("unexpected kind of error: %v", err)
		case err != nil:
			refused++
		}
	}
	if refused == 0 || refused == tries {
		t.Errorf("%d of %d damaged files refused, want some", refused, tries)
	}
}

func FuzzDecode(f *testing.F) {
	names, err := filepath.Glob("testdata/*.mp3")
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pcm, rate, err := mp3.Decode(bytes.NewReader(data))
		if err == nil && (rate < 16000 || rate > 48000) {
			t.Errorf("%d samples at %d Hz", len(pcm), rate)
		}
		if err != nil && !errors.Is(err, mp3.ErrFormat) && !errors.Is(err, mp3.ErrUnsupported) && !errors.Is(err, mp3.ErrTooLarge) {
			t.Errorf("unexpected kind of error: %v", err)
		}
	})
}

// BenchmarkDecode decodes 0.4 s of 44.1 kHz mono.
func BenchmarkDecode(b *testing.B) {
	data := file(b, "cbr-44100")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := mp3.Decode(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
