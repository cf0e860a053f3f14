package command

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/internal/schematest"
)

func TestEveryOrderHasASchema(t *testing.T) {
	if diff := cmp.Diff(Types(), schematest.Names(t, "command")); diff != "" {
		t.Errorf("orders and schemas (-Go +schemas/command):\n%s", diff)
	}
}

func TestOrdersEqualTheirSchemas(t *testing.T) {
	for _, typ := range Types() {
		t.Run(typ, func(t *testing.T) {
			name := "command/" + typ
			schematest.Document(t, name)
			schematest.Shape(t, schematest.Read(t, name), reflect.TypeOf(Zero(typ)), true)
			schematest.RoundTrip(t, name, func(doc []byte) (any, error) { return Decode(typ, doc) })
		})
	}
}

func TestLimitsEqualTheSchema(t *testing.T) {
	dial := schematest.Read(t, "command/call.dial")
	ring, limit := dial.Property(t, "ring_seconds"), dial.Property(t, "limit_seconds")
	got := []float64{ring.Number("default"), ring.Number("maximum"), limit.Number("maximum")}
	if diff := cmp.Diff([]float64{DefaultRingSeconds, MaxRingSeconds, MaxLimitSeconds}, got); diff != "" {
		t.Errorf("-Go +schema:\n%s", diff)
	}
	if diff := cmp.Diff([]string{AMDOff, AMDDetect, AMDWait}, dial.Property(t, "amd").Texts("enum")); diff != "" {
		t.Errorf("amd (-Go +schema):\n%s", diff)
	}
}
