package event

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/internal/schematest"
)

var seconds = 74

// filled holds every fact with every field set.
var filled = []Fact{
	AgentBound{Application: "support-line", Agent: "bot-3", StreamID: "s1"},
	AMDDetected{ID: "amd1", AnsweredBy: call.Machine, Verdict: "machine_end_beep", DetectionMS: 3420},
	CallRequested{To: "+14155550142", From: "+14155550100", Application: "reminder",
		Variables: map[string]string{"customer": "4711"}, RingSeconds: 30, LimitSeconds: 900,
		ExpiresAt: time.Date(2026, 11, 22, 10, 25, 30, 0, time.UTC)},
	CallReceived{From: "+14155550142", To: "+14155550100", Anonymous: true, Application: "support-line",
		Variables: map[string]string{"x-account": "4711"}, CallerName: "E. Example",
		ForwardedFrom: "+14155550177", CarrierRef: "https://api-us-1.example.com"},
	CallDialing{Attempt: 2},
	CallInitiated{CarrierRef: "https://api-us-1.example.com"},
	CallRinging{},
	CallAnswered{AnsweredBy: call.Human, CarrierRef: "https://api-us-3.vonage.com"},
	CallEnded{Status: call.Completed, Cause: call.CauseNormal, Detail: "the callee hung up", CarrierCode: "16",
		SIPCode: 200, Seconds: &seconds},
	CallPriced{ID: "leg1", Cost: call.Cost{Amount: "0.0085", Currency: "USD"}},
	CarrierReported{ID: "da1", Kind: "dial_action", Status: "no-answer", Detail: map[string]string{"dial_call_sid": "CA0"}},
	CommandFailed{ID: "1042", Command: "call.dial", Code: "invalid_number", Message: "set to to a number"},
	DTMFReceived{ID: "s1-4", Digit: "#", DurationMS: 160},
	RecordingReported{ID: "rec1", Status: "completed", URL: "https://api.example.com/rec1", Seconds: 72},
	StreamStarted{StreamID: "s1", CarrierStreamID: "MZ1", Node: "media-2", InFormat: "ulaw/8000", OutFormat: "l16/16000"},
	StreamStopped{StreamID: "s1", Reason: "error", Detail: "not JSON", InMS: 73180, OutMS: 41000},
	StreamReported{ID: "mz1-error", Status: "error", Detail: "31920"},
}

func filledEvent(f Fact) *Event {
	e := New("/ingress", "default", "01KAP7B6Q2Y8V0J5T3N4M9W1XZ", f)
	e.Trunk, e.Provider, e.Leg = "main", "twilio", "CA7c1f0e8ab2d94f5e83c6a1d2b0e97f46"
	e.Raw = "CallStatus=ringing&From=%2B14155550142\r\n"
	return e
}

func TestEveryFactHasASchema(t *testing.T) {
	names := slices.DeleteFunc(schematest.Names(t, "event"), func(name string) bool { return name == "envelope" })
	if diff := cmp.Diff(Types(), names); diff != "" {
		t.Errorf("facts and schemas (-Go +schemas/event):\n%s", diff)
	}
	var listed []string
	for _, f := range filled {
		listed = append(listed, f.Type())
	}
	slices.Sort(listed)
	if diff := cmp.Diff(Types(), listed); diff != "" {
		t.Errorf("facts and the table of this test (-Go +filled):\n%s", diff)
	}
}

func TestEnvelopeEqualsItsSchema(t *testing.T) {
	schematest.Document(t, "event/envelope")
	schematest.Shape(t, schematest.Read(t, "event/envelope"), reflect.TypeFor[envelope](), false)
}

func TestFactsEqualTheirSchemas(t *testing.T) {
	for _, f := range filled {
		t.Run(f.Type(), func(t *testing.T) {
			name := "event/" + f.Type()
			schematest.Document(t, name)
			data := schematest.Read(t, name).Property(t, "data")
			schematest.Shape(t, data, reflect.TypeOf(f), false)
			schematest.RoundTrip(t, name, func(doc []byte) (any, error) {
				var e Event
				err := json.Unmarshal(doc, &e)
				return &e, err
			})
		})
	}
}

func TestFilledEventsAreValid(t *testing.T) {
	for _, f := range filled {
		t.Run(f.Type(), func(t *testing.T) {
			v := reflect.ValueOf(f)
			for i := range v.NumField() {
				if v.Field(i).IsZero() {
					t.Errorf("%s is not set in this test's table", v.Type().Field(i).Name)
				}
			}
			doc, err := json.Marshal(filledEvent(f))
			if err != nil {
				t.Fatal(err)
			}
			if err := schematest.Validate("event/"+f.Type(), doc); err != nil {
				t.Error(err)
			}
			if err := schematest.Validate("event/envelope", doc); err != nil {
				t.Error(err)
			}
			// A schema asks for a key exactly where the fact has one.
			keyed := slices.Contains(schematest.Read(t, "event/"+f.Type()).Texts("required"), "key")
			if keyed != (f.Key() != "") {
				t.Errorf("the key is %q, and required by the schema: %t", f.Key(), keyed)
			}
		})
	}
}

func TestSchemaRefusesAnotherType(t *testing.T) {
	doc, err := json.Marshal(filledEvent(CallRinging{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := schematest.Validate("event/call.answered", doc); err == nil {
		t.Error("the schema of call.answered takes a call.ringing")
	}
}
