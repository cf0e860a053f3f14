package vonage

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// TestRenderChangesNoInstruction holds that what is added to a socket's
// headers is not added to the instruction, which others may hold too.
func TestRenderChangesNoInstruction(t *testing.T) {
	params := map[string]string{"call": "01JABC"}
	in := call.Instruction{Steps: []call.Step{{Stream: &call.Stream{URL: "wss://media.trunkline.example/x", Params: params}}}}
	if _, err := testDriver(t, nil).Render(in, &provider.Notice{Kind: provider.InboundCall, LegID: "u1", Reply: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"call": "01JABC"}, params); diff != "" {
		t.Errorf("params (-want +got):\n%s", diff)
	}
}
