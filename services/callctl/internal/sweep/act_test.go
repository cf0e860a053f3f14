package sweep

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trunkline-io/trunkline/pkg/bus/bustest"
	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/event"
	"github.com/trunkline-io/trunkline/services/callctl/internal/ledger"
	"github.com/trunkline-io/trunkline/services/callctl/internal/toy"
)

// TestNoEndWithoutTheNewestWord: what a node has read of the log may be old.
func TestNoEndWithoutTheNewestWord(t *testing.T) {
	r := toy.New(t)
	w := &Sweeper{Ledger: &ledger.Ledger{Bus: r.Bus, Log: bustest.Log(t), Metrics: ledger.NewMetrics(prometheus.NewRegistry())}}
	uncertain := event.CallEnded{Status: call.Uncertain, Cause: call.CauseUncertain}
	r.Record("c1", "", event.CallRequested{To: toy.Callee})
	r.Record("c1", "", event.CallDialing{Attempt: 1})
	old, err := w.Read(r.Context(), toy.Org, "c1")
	r.Must(err)
	r.Record("c1", "L1", event.CallInitiated{})
	r.Must(w.end(r.Context(), old, uncertain))
	if toy.Has[event.CallEnded](r, "c1") {
		t.Error("a call that the carrier has was ended as uncertain")
	}
	now, err := w.Read(r.Context(), toy.Org, "c1")
	r.Must(err)
	r.Must(w.end(r.Context(), now, uncertain))
	if _, e := toy.Await[event.CallEnded](r, "c1"); e.Leg != "L1" {
		t.Errorf("the end names leg %q, want L1", e.Leg)
	}
}
