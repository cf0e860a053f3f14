//go:build !race

package plivo

import (
	"testing"
)

// The race detector makes a sync.Pool forget, so nothing is counted under it.

func TestVerifyAllocates(t *testing.T) {
	d, req := testDriver(t, nil), signedForm(vectorToken)
	if n := testing.AllocsPerRun(100, func() {
		if err := d.Verify(req); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("Verify allocates %v times, want at most 2", n)
	}
}
