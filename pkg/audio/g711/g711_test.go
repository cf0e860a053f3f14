package g711_test

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/audio/g711"
)

// law is one of both laws, so that each test serves the two.
type law struct {
	name    string
	decode  func([]int16, []byte) int
	encode  func([]byte, []int16) int
	compand func(int) byte
	silence byte
}

var laws = []law{
	{"ulaw", g711.DecodeULaw, g711.EncodeULaw, referenceULaw, g711.ULawSilence},
	{"alaw", g711.DecodeALaw, g711.EncodeALaw, referenceALaw, g711.ALawSilence},
}

func eachLaw(t *testing.T, test func(t *testing.T, l law)) {
	t.Helper()
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) { test(t, l) })
	}
}

func (l law) expand(code byte) int {
	var sample [1]int16
	l.decode(sample[:], []byte{code})
	return int(sample[0])
}

func (l law) compress(sample int) byte {
	var code [1]byte
	l.encode(code[:], []int16{int16(sample)})
	return code[0]
}

// referenceULaw walks the segments upwards step by step, as the table of the
// standard is read, instead of counting bits. The bias makes the first segment
// begin at -4.
func referenceULaw(sample int) byte {
	code, magnitude := 0xFF, sample
	if sample < 0 {
		code, magnitude = 0x7F, -sample
	}
	magnitude = min(magnitude, 32635)
	first, step := -4, 8
	for magnitude >= first+16*step {
		first, step, code = first+16*step, 2*step, code-16
	}
	return byte(code - (magnitude-first)/step)
}

// referenceALaw does the same for A-law, whose first two segments have the same
// step and whose negative half mirrors about -1/2.
func referenceALaw(sample int) byte {
	code, magnitude := 0x80, sample
	if sample < 0 {
		code, magnitude = 0, -sample-1
	}
	first, step := 0, 16
	for magnitude >= first+16*step {
		first, code = first+16*step, code+16
		if first > 256 {
			step *= 2
		}
	}
	return byte(code+(magnitude-first)/step) ^ 0x55
}

func TestEncodeAgainstReference(t *testing.T) {
	eachLaw(t, func(t *testing.T, l law) {
		for sample := math.MinInt16; sample <= math.MaxInt16; sample++ {
			if got, want := l.compress(sample), l.compand(sample); got != want {
				t.Errorf("%d became %02X, want %02X", sample, got, want)
			}
		}
	})
}

// TestGolden reads, for every code, the sample it expands to and the interval of
// samples that become it.
func TestGolden(t *testing.T) {
	eachLaw(t, func(t *testing.T, l law) {
		file, err := os.Open("testdata/" + l.name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		codes, samples := 0, 0
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "#") {
				continue
			}
			var code byte
			var value, low, high int
			if _, err := fmt.Sscanf(lines.Text(), "%x %d %d %d", &code, &value, &low, &high); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			if got := l.expand(code); got != value {
				t.Errorf("%02X became %d, want %d", code, got, value)
			}
			for sample := low; sample <= high; sample++ {
				if got := l.compress(sample); got != code {
					t.Errorf("%d became %02X, want %02X", sample, got, code)
				}
				samples++
			}
			codes++
		}
		if codes != 1<<8 || samples != 1<<16 {
			t.Errorf("the file has %d codes and %d samples, want all", codes, samples)
		}
	})
}

// TestRoundTrip: a code that passes through linear audio stays itself, or a call
// that is bridged twice would decay. The two zeroes of mu-law are one sample.
func TestRoundTrip(t *testing.T) {
	eachLaw(t, func(t *testing.T, l law) {
		for code := range 1 << 8 {
			want := byte(code)
			if l.name == "ulaw" && want == 0x7F {
				want = 0xFF
			}
			if got := l.compress(l.expand(byte(code))); got != want {
				t.Errorf("%02X came back as %02X", code, got)
			}
		}
	})
}

func TestSilence(t *testing.T) {
	eachLaw(t, func(t *testing.T, l law) {
		if got := l.compress(0); got != l.silence {
			t.Errorf("silence is %02X, want %02X", got, l.silence)
		}
	})
}

func TestSineSignalToNoise(t *testing.T) {
	eachLaw(t, func(t *testing.T, l law) {
		var signal, noise float64
		for i := range 8000 {
			sample := int(math.Round(16000 * math.Sin(2*math.Pi*1004*float64(i)/8000)))
			diff := float64(l.expand(l.compress(sample)) - sample)
			signal, noise = signal+float64(sample*sample), noise+diff*diff
		}
		if snr := 10 * math.Log10(signal/noise); snr < 38 {
			t.Errorf("a sine comes back at %.1f dB, want 38", snr)
		}
	})
}

func TestShorterSideCounts(t *testing.T) {
	eachLaw(t, func(t *testing.T, l law) {
		pcm, codes := []int16{7, 7, 7}, []byte{7, 7, 7}
		if n := l.decode(pcm, []byte{l.silence}); n != 1 || pcm[1] != 7 {
			t.Errorf("decoded %d into %v", n, pcm)
		}
		if n := l.decode(pcm[:1], codes); n != 1 || pcm[1] != 7 {
			t.Errorf("decoded %d into %v", n, pcm)
		}
		if n := l.encode(codes, []int16{0}); n != 1 || codes[1] != 7 {
			t.Errorf("encoded %d into %v", n, codes)
		}
		if n := l.encode(codes[:1], pcm); n != 1 || codes[1] != 7 {
			t.Errorf("encoded %d into %v", n, codes)
		}
	})
}

func TestDoesNotAllocate(t *testing.T) {
	pcm, codes := make([]int16, 160), make([]byte, 160)
	eachLaw(t, func(t *testing.T, l law) {
		if n := testing.AllocsPerRun(100, func() { l.encode(codes, pcm); l.decode(pcm, codes) }); n != 0 {
			t.Errorf("%v allocations a frame", n)
		}
	})
}

// The benchmarks convert one frame of 20 ms.

func BenchmarkDecodeULaw(b *testing.B) { benchmarkDecode(b, g711.DecodeULaw) }
func BenchmarkDecodeALaw(b *testing.B) { benchmarkDecode(b, g711.DecodeALaw) }
func BenchmarkEncodeULaw(b *testing.B) { benchmarkEncode(b, g711.EncodeULaw) }
func BenchmarkEncodeALaw(b *testing.B) { benchmarkEncode(b, g711.EncodeALaw) }

func benchmarkDecode(b *testing.B, decode func([]int16, []byte) int) {
	pcm, codes := make([]int16, 160), make([]byte, 160)
	for i := range codes {
		codes[i] = byte(i * 37)
	}
	b.ReportAllocs()
	for b.Loop() {
		decode(pcm, codes)
	}
}

func benchmarkEncode(b *testing.B, encode func([]byte, []int16) int) {
	pcm, codes := make([]int16, 160), make([]byte, 160)
	for i := range pcm {
		pcm[i] = int16(i * i * 37)
	}
	b.ReportAllocs()
	for b.Loop() {
		encode(codes, pcm)
	}
}
