//go:build amd64 && !purego

package resample

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestPassesEqualTheInnerProduct holds the assembly, whatever the pieces that
// the signal comes in, against plain Go, one output after the other. They add in
// another order, so a sample may differ by one.
func TestPassesEqualTheInnerProduct(t *testing.T) {
	if !useAVX2 {
		t.Log("this processor has no AVX2: plain Go is compared with itself")
	}
	avx2 := useAVX2
	t.Cleanup(func() { useAVX2 = avx2 })
	rates := []int{8000, 16000, 24000, 48000}
	loud := 0
	random := rand.New(rand.NewPCG(1, 2))
	for _, in := range rates {
		for _, out := range rates {
			t.Run(fmt.Sprintf("%dto%d", in, out), func(t *testing.T) {
				fast, plain := must(t, in, out), must(t, in, out)
				if fits := fast.filter.fir != nil; fits == (in == out) {
					t.Errorf("in passes: %t", fits)
				}
				for range 400 {
					piece := make([]int16, random.IntN(3*block))
					for i := range piece {
						piece[i] = int16(random.Uint32())
					}
					useAVX2 = avx2
					got := fast.Process(nil, piece)
					useAVX2 = false
					want := plain.Process(nil, piece)
					if len(got) != len(want) {
						t.Fatalf("a piece of %d gives %d samples, want %d", len(piece), len(got), len(want))
					}
					for i := range got {
						if d := int(got[i]) - int(want[i]); d < -1 || d > 1 {
							t.Fatalf("sample %d of a piece of %d is %d, want %d", i, len(piece), got[i], want[i])
						}
						if got[i] == 32767 {
							loud++
						}
					}
				}
			})
		}
	}
	if loud == 0 {
		t.Error("nothing was loud enough to saturate")
	}
}

func must(t *testing.T, in, out int) *Resampler {
	t.Helper()
	r, err := New(in, out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
