package media

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/internal/schematest"
)

// contract lists what travels on the media plane, by the names of the schemas.
var contract = map[string]reflect.Type{
	"accept":         reflect.TypeFor[Accept](),
	"control":        reflect.TypeFor[Control](),
	"control.clear":  reflect.TypeFor[Clear](),
	"control.dtmf":   reflect.TypeFor[DTMFControl](),
	"control.mark":   reflect.TypeFor[MarkControl](),
	"control.play":   reflect.TypeFor[Play](),
	"format":         reflect.TypeFor[Format](),
	"offer":          reflect.TypeFor[Offer](),
	"signal":         reflect.TypeFor[Signal](),
	"signal.cleared": reflect.TypeFor[Cleared](),
	"signal.dtmf":    reflect.TypeFor[DTMF](),
	"signal.mark":    reflect.TypeFor[Mark](),
	"signal.started": reflect.TypeFor[Started](),
	"signal.stopped": reflect.TypeFor[Stopped](),
}

// strictly names those that a media node reads strictly.
var strictly = []string{"control", "control.clear", "control.dtmf", "control.mark", "control.play"}

func TestMediaEqualsItsSchemas(t *testing.T) {
	for _, name := range schematest.Names(t, "media") {
		schematest.Document(t, "media/"+name)
		if contract[name] == nil && name != "reason" {
			t.Errorf("media/%s has no Go type in this test", name)
		}
	}
	for name, typ := range contract {
		t.Run(name, func(t *testing.T) {
			schematest.Shape(t, schematest.Read(t, "media/"+name), typ, slices.Contains(strictly, name))
			schematest.RoundTrip(t, "media/"+name, func(doc []byte) (any, error) {
				v := reflect.New(typ)
				err := json.Unmarshal(doc, v.Interface())
				return v.Interface(), err
			})
		})
	}
}

// Each part of a signal and of a control has the schema named after it.
func TestEveryPartHasASchema(t *testing.T) {
	for name, typ := range map[string]reflect.Type{"signal": contract["signal"], "control": contract["control"]} {
		for i := range typ.NumField() {
			part := name + "." + jsonName(typ.Field(i))
			if got := contract[part]; got != typ.Field(i).Type.Elem() {
				t.Errorf("%s is a %v, and has the schema of a %v", part, typ.Field(i).Type.Elem(), got)
			}
		}
	}
}

func jsonName(f reflect.StructField) string {
	tag := f.Tag.Get("json")
	return tag[:len(tag)-len(",omitempty")]
}

func TestControlsRoundTripStrictly(t *testing.T) {
	schematest.RoundTrip(t, "media/control", func(doc []byte) (any, error) { return DecodeControl(doc) })
}

func TestFormatSchemaEqualsValid(t *testing.T) {
	for _, encoding := range []Encoding{ULaw, ALaw, L16, "opus", ""} {
		for _, rate := range []int{0, 8000, 11025, 16000, 24000, 44100, 48000} {
			f := Format{encoding, rate}
			doc, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			if valid := schematest.Validate("media/format", doc) == nil; valid != f.Valid() {
				t.Errorf("%s: valid by its schema: %t, by Valid: %t", f, valid, f.Valid())
			}
		}
	}
}

func TestSignalsMayGrow(t *testing.T) {
	const doc = `{"dtmf":{"digit":"5","duration_ms":160,"volume":3}}`
	if err := schematest.Validate("media/signal", []byte(doc)); err != nil {
		t.Error(err)
	}
	var s Signal
	if err := json.Unmarshal([]byte(doc), &s); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Signal{DTMF: &DTMF{Digit: "5", DurationMS: 160}}, s); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
