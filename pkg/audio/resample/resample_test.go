package resample

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// inPieces converts src in pieces of n samples.
func inPieces(t *testing.T, in, out int, src []int16, n int) []int16 {
	t.Helper()
	r, err := New(in, out)
	if err != nil {
		t.Fatal(err)
	}
	var dst []int16
	for len(src) > 0 {
		n := min(n, len(src))
		dst = r.Process(dst, src[:n])
		src = src[n:]
	}
	return dst
}

func noise(n int) []int16 {
	random := rand.New(rand.NewPCG(1, 2))
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(random.Uint32())
	}
	return pcm
}

func TestEveryFrameGivesOneFrame(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		eachPair(t, append(pairs, [2]int{8000, 8000}, [2]int{32000, 8000}), func(t *testing.T, in, out int) {
			r, err := New(in, out)
			if err != nil {
				t.Fatal(err)
			}
			frame := noise(in / 50)
			for i := range 20 {
				if got := len(r.Process(nil, frame)); got != out/50 {
					t.Fatalf("frame %d has %d samples, want %d", i, got, out/50)
				}
			}
		})
	})
}

func TestSplitMakesNoDifference(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	eachKernel(t, func(t *testing.T) {
		eachPair(t, append(pairs, loaded...), func(t *testing.T, in, out int) {
			src := noise(3*block + 17)
			whole := inPieces(t, in, out, src, len(src))
			if want := (len(src)*out + in - 1) / in; len(whole) != want {
				t.Fatalf("%d samples, want %d", len(whole), want)
			}
			for _, n := range []int{1, 7, in / 50, block, block + 1} {
				if diff := cmp.Diff(whole, inPieces(t, in, out, src, n)); diff != "" {
					t.Fatalf("in pieces of %d (-whole +pieces):\n%s", n, diff)
				}
			}
			r, err := New(in, out)
			if err != nil {
				t.Fatal(err)
			}
			var got []int16
			for rest := src; len(rest) > 0; {
				n := min(random.IntN(700), len(rest))
				got = r.Process(got, rest[:n])
				rest = rest[n:]
			}
			if diff := cmp.Diff(whole, got); diff != "" {
				t.Fatalf("in random pieces (-whole +pieces):\n%s", diff)
			}
		})
	})
}

func TestConstantPassesWithoutRipple(t *testing.T) {
	eachPair(t, append(pairs, loaded...), func(t *testing.T, in, out int) {
		src := make([]int16, in/10)
		for i := range src {
			src[i] = 12345
		}
		for i, v := range inPieces(t, in, out, src, len(src))[out/50:] {
			if v != 12345 {
				t.Fatalf("sample %d after settling is %d, want 12345", i, v)
			}
		}
	})
}

func TestSaturates(t *testing.T) {
	src := make([]int16, 160) // a square wave overshoots in any band-limited form
	for i := range src {
		src[i] = math.MaxInt16
		if i/20%2 == 1 {
			src[i] = math.MinInt16
		}
	}
	eachKernel(t, func(t *testing.T) {
		dst := inPieces(t, 8000, 16000, src, len(src))
		var high, low int
		for i := 33; i < len(dst); i++ {
			if dst[i] == math.MaxInt16 {
				high++
			}
			if dst[i] == math.MinInt16 {
				low++
			}
			if int(dst[i])*int(src[i/2-16]) < 0 && i%40 > 33 && i%40 < 38 {
				t.Errorf("sample %d wrapped around: %d", i, dst[i])
			}
		}
		if high == 0 || low == 0 {
			t.Errorf("%d samples at the upper limit, %d at the lower, want some of both", high, low)
		}
	})
}

func TestRound(t *testing.T) {
	for v, want := range map[float32]int16{
		0: 0, 0.49: 0, 0.5: 1, -0.49: 0, -0.5: -1, 1.5: 2, 2.5: 3, -2.5: -3,
		32766.4: 32766, 32766.5: 32767, 32767.5: 32767, 1e9: 32767,
		-32767.5: -32768, -32768.5: -32768, -1e9: -32768,
	} {
		if got := round(v); got != want {
			t.Errorf("round(%v) = %d, want %d", v, got, want)
		}
	}
}

func TestReset(t *testing.T) {
	r, err := New(24000, 16000)
	if err != nil {
		t.Fatal(err)
	}
	src := noise(481)
	first := r.Process(nil, src)
	r.Reset()
	if diff := cmp.Diff(first, r.Process(nil, src)); diff != "" {
		t.Errorf("after Reset (-new +reset):\n%s", diff)
	}
}

func TestEqualRatesCopy(t *testing.T) {
	r, err := New(16000, 16000)
	if err != nil {
		t.Fatal(err)
	}
	src := noise(2000)
	if diff := cmp.Diff(src, r.Process(nil, src)); diff != "" {
		t.Error(diff)
	}
	if r.Delay() != 0 {
		t.Errorf("delay %v, want none", r.Delay())
	}
}

func TestNewRefuses(t *testing.T) {
	for _, pair := range [][2]int{{0, 8000}, {8000, -1}, {7999, 8000}, {8000, 200000}, {44100, 8009}} {
		if _, err := New(pair[0], pair[1]); err == nil {
			t.Errorf("%v was accepted", pair)
		}
		if _, err := All(nil, pair[0], pair[1]); err == nil {
			t.Errorf("%v was accepted by All", pair)
		}
	}
}

func TestFiltersAreShared(t *testing.T) {
	a, errA := New(8000, 16000)
	b, errB := New(24000, 48000)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if a.filter != b.filter {
		t.Error("two streams of the same ratio have two tables")
	}
	if a.Delay() != 2*time.Millisecond {
		t.Errorf("delay %v, want 2ms", a.Delay())
	}
}

func TestProcessDoesNotAllocate(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		r, err := New(8000, 16000)
		if err != nil {
			t.Fatal(err)
		}
		src, dst := noise(160), make([]int16, 0, 320)
		if n := testing.AllocsPerRun(100, func() { dst = r.Process(dst[:0], src) }); n != 0 {
			t.Errorf("%v allocations a frame", n)
		}
	})
}

// TestAllRemovesTheDelay: each output sample lies on the sine that went in.
func TestAllRemovesTheDelay(t *testing.T) {
	eachPair(t, append(pairs, append(loaded, [2]int{8000, 8000})...), func(t *testing.T, in, out int) {
		src := sine(in/4, 700, in, 20000)
		got, err := All(src, in, out)
		if err != nil {
			t.Fatal(err)
		}
		if want := (len(src)*out + in - 1) / in; len(got) != want {
			t.Fatalf("%d samples, want %d", len(got), want)
		}
		want := sine(len(got), 700, out, 20000)
		for i := out / 50; i < len(got)-out/50; i++ { // the edges ring
			if diff := int(got[i]) - int(want[i]); diff < -3 || diff > 3 {
				t.Fatalf("sample %d is %d, want %d", i, got[i], want[i])
			}
		}
	})
	if got, err := All(nil, 8000, 16000); err != nil || len(got) != 0 {
		t.Errorf("nothing became %d samples, %v", len(got), err)
	}
}

// FuzzProcess cuts any signal anywhere.
func FuzzProcess(f *testing.F) {
	f.Add([]byte("some samples and a place to cut them"), uint16(5), uint8(0))
	f.Add(make([]byte, 4000), uint16(961), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16, which uint8) {
		rates := append(pairs, loaded...)
		pair := rates[int(which)%len(rates)]
		src := make([]int16, len(data)/2)
		for i := range src {
			src[i] = int16(data[2*i]) | int16(data[2*i+1])<<8
		}
		n := min(int(cut), len(src))
		r, err := New(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		got := r.Process(r.Process(nil, src[:n]), src[n:])
		r.Reset()
		if diff := cmp.Diff(r.Process(nil, src), got); diff != "" {
			t.Errorf("cut at %d (-whole +cut):\n%s", n, diff)
		}
	})
}
