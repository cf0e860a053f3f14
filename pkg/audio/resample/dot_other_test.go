//go:build !amd64 || purego

package resample

import "testing"

// eachKernel runs a test with plain Go, the only kernel of this build.
func eachKernel(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Run("go", test)
}
