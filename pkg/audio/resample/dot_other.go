//go:build !amd64 || purego

package resample

func dot(a, b []float32) float32 {
	return dotGo(a, b)
}
