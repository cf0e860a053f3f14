package live

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
)

// TestIndexKeepsNoGhosts holds that what is told of a call long after its end
// does not make it a live one.
func TestIndexKeepsNoGhosts(t *testing.T) {
	x := NewIndex()
	add := func(id string, f event.Fact) {
		if err := x.Add(event.New("/test", "default", id, f)); err != nil {
			t.Fatal(err)
		}
	}
	const calls = keepEnded + 5
	for i := range calls {
		id := fmt.Sprintf("c%d", i)
		add(id, event.CallReceived{From: "+14155550177"})
		add(id, event.CallEnded{Status: call.Completed})
	}
	for i := range calls {
		add(fmt.Sprintf("c%d", i), event.CallPriced{})
	}
	if len(x.calls) != keepEnded {
		t.Errorf("the index holds %d calls, want %d", len(x.calls), keepEnded)
	}
	query, err := json.Marshal(Query{Org: "default"})
	if err != nil {
		t.Fatal(err)
	}
	if early, err := x.list(context.Background(), query); err == nil {
		t.Errorf("the index answers before it is whole: %v", early)
	}
	x.Whole()
	live, err := x.list(context.Background(), query)
	if err != nil || len(live.([]Call)) != 0 {
		t.Errorf("live calls: %v, %v; want none", live, err)
	}
}
