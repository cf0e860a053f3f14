//go:build !race

package twilio

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// The race detector makes a sync.Pool forget, so nothing is counted under it.

func TestVerifyAllocates(t *testing.T) {
	d, req := testDriver(t, nil), signedForm("/v1/twilio/voice/inbound", provider.HookInbound, inboundForm)
	if n := testing.AllocsPerRun(100, func() {
		if err := d.Verify(req); err != nil {
			t.Fatal(err)
		}
	}); n > 3 {
		t.Errorf("Verify allocates %v times, want at most 3", n)
	}
}

func TestParseAllocates(t *testing.T) {
	d, req := testDriver(t, nil), signedForm("/v1/twilio/status/01JABC", provider.HookStatus, statusForm)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.Parse(req, nil); err != nil {
			t.Fatal(err)
		}
	}); n > 6 {
		t.Errorf("Parse allocates %v times for a status, want at most 6", n)
	}
}
