//go:build amd64 && !purego

package resample

import (
	"encoding/binary"
	"math"
	"testing"

	"golang.org/x/sys/cpu"
)

// eachKernel runs a test with the assembly and with plain Go.
func eachKernel(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Cleanup(func() { useAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA })
	if useAVX2 {
		t.Run("avx2", test)
	}
	useAVX2 = false
	t.Run("go", test)
}

// FuzzDot holds the assembly against plain Go. They add in another order, so the
// bound is that of n roundings of float32 on the sum of magnitudes.
func FuzzDot(f *testing.F) {
	if !useAVX2 {
		f.Log("this processor has no AVX2: plain Go is compared with itself")
	}
	for _, n := range []int{1, 7, 31, 32, 33, 64, 1000} {
		seed := make([]byte, 4*lanes*n)
		for i := range seed {
			seed[i] = byte(i * i >> 3)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := len(data) / 4 / lanes * lanes
		if n == 0 {
			return
		}
		a, b := make([]float32, n), make([]float32, n)
		var magnitude float64
		for i := range n {
			a[i] = float32(int16(binary.LittleEndian.Uint16(data[4*i:])))
			b[i] = float32(int16(binary.LittleEndian.Uint16(data[4*i+2:]))) / 32768
			magnitude += math.Abs(float64(a[i]) * float64(b[i]))
		}
		got, want := dot(a, b), dotGo(a, b)
		if diff := math.Abs(float64(got) - float64(want)); diff > magnitude*float64(n)*0x1p-24 {
			t.Errorf("%d elements: assembly %v, Go %v", n, got, want)
		}
	})
}
