//go:build amd64 && !purego

package resample

import "golang.org/x/sys/cpu"

// useAVX2 chooses the assembly. It is a variable for the tests' sake, which run
// both ways.
var useAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA

func dot(a, b []float32) float32 {
	if useAVX2 {
		return dotAVX2(&a[0], &b[0], len(a))
	}
	return dotGo(a, b)
}

// dotAVX2 is dotGo over n elements, a multiple of lanes and not zero.
//
//go:noescape
func dotAVX2(a, b *float32, n int) float32
