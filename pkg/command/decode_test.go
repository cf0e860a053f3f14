package command

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/internal/schematest"
)

func TestDecode(t *testing.T) {
	got, err := Decode("call.dial", []byte(`{"trunk":"main","to":"+14155550142","application":"reminder",
		"variables":{"customer":"4711"},"ring_seconds":25,"amd":"wait","expires_at":"2026-11-22T11:25:30+01:00"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := CallDial{Trunk: "main", To: "+14155550142", Application: "reminder", Variables: map[string]string{"customer": "4711"},
		RingSeconds: 25, AMD: AMDWait, ExpiresAt: time.Date(2026, 11, 22, 10, 25, 30, 0, time.UTC)}
	if diff := cmp.Diff(Command(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What an order must not be. The schema refuses it too, unless only Go can tell.
var refusals = []struct {
	name, typ, doc string
	code, message  string
	onlyGo         bool
}{
	{"unknown field", "call.dial", `{"trunk":"m","to":"+1","application":"a","caller":"x"}`, "invalid_command",
		`call.dial: unknown field "caller": there are trunk, to, from, application, variables, ring_seconds, limit_seconds, amd, send_digits, expires_at`, false},
	{"unknown field below", "call.redirect", `{"instruction":{"steps":[{"hangup":{}},{"say":{"text":"x","volume":3}}]}}`, "invalid_command",
		`call.redirect: unknown field "instruction.steps[1].say.volume": there are text, language, voice`, false},
	{"other letters", "call.dial", `{"trunk":"m","To":"+1","application":"a"}`, "invalid_command",
		`call.dial: unknown field "To": there are trunk, to, from, application, variables, ring_seconds, limit_seconds, amd, send_digits, expires_at`, false},
	{"field twice", "call.dial", `{"trunk":"m","to":"+1","application":"a","to":"+2"}`, "invalid_command",
		`call.dial: field "to" is given twice`, true},
	{"null", "call.dial", `{"trunk":"m","to":"+1","application":"a","from":null}`, "invalid_command",
		`call.dial: field "from" is null; leave it out instead`, false},
	{"number for text", "call.dial", `{"trunk":"m","to":14155550142,"application":"a"}`, "invalid_command",
		`call.dial: field "to" is a number, want a text`, false},
	{"text for number", "call.dial", `{"trunk":"m","to":"+1","application":"a","ring_seconds":"30"}`, "invalid_command",
		`call.dial: field "ring_seconds" is a text, want a number`, false},
	{"fraction", "call.dial", `{"trunk":"m","to":"+1","application":"a","ring_seconds":1.5}`, "invalid_command",
		`call.dial: field "ring_seconds" is 1.5, want a whole number that is not too large`, false},
	{"no time", "call.dial", `{"trunk":"m","to":"+1","application":"a","expires_at":"tomorrow"}`, "invalid_command",
		`call.dial: field "expires_at" is "tomorrow", want a time such as 2026-01-31T15:04:05Z`, false},
	{"number for time", "call.dial", `{"trunk":"m","to":"+1","application":"a","expires_at":1763806530}`, "invalid_command",
		`call.dial: field "expires_at" is a number, want a text`, false},
	{"list for object", "call.dial", `{"trunk":"m","to":"+1","application":"a","variables":["x"]}`, "invalid_command",
		`call.dial: field "variables" is a list, want an object`, false},
	{"number in variables", "call.dial", `{"trunk":"m","to":"+1","application":"a","variables":{"x":7}}`, "invalid_command",
		`call.dial: field "variables.x" is a number, want a text`, false},
	{"text for bool", "call.redirect", `{"instruction":{"steps":[{"reject":{"busy":"yes"}}]}}`, "invalid_command",
		`call.redirect: field "instruction.steps[0].reject.busy" is a text, want true or false`, false},
	{"no object", "call.hangup", `["x"]`, "invalid_command", `call.hangup: the document is a list, want an object`, false},
	{"null document", "call.hangup", `null`, "invalid_command", `call.hangup: the document is null; leave it out instead`, false},
	{"two documents", "call.hangup", `{} {}`, "invalid_command", `call.hangup: something follows the JSON document`, true},
	{"garbage after", "call.hangup", `{}x`, "invalid_command", `call.hangup: something follows the JSON document`, true},
	{"cut", "call.dial", `{"trunk":"m","to":"+1`, "invalid_command", `call.dial: the JSON document is cut short`, true},
	{"empty", "call.dial", ``, "invalid_command", `call.dial: the JSON document is cut short`, true},
	{"no JSON", "call.dial", `{"trunk":m}`, "invalid_command",
		`call.dial: not JSON at byte 10: invalid character 'm' looking for beginning of value`, true},

	{"no trunk", "call.dial", `{"to":"+1","application":"a"}`, "missing_trunk", "", false},
	{"dot in trunk", "call.dial", `{"trunk":"m.n","to":"+1","application":"a"}`, "invalid_trunk", "", false},
	{"no number", "call.dial", `{"trunk":"m","application":"a"}`, "invalid_number", "", false},
	{"no application", "call.dial", `{"trunk":"m","to":"+1"}`, "missing_application", "", false},
	{"wildcard application", "call.dial", `{"trunk":"m","to":"+1","application":">"}`, "invalid_application", "", false},
	{"negative ring", "call.dial", `{"trunk":"m","to":"+1","application":"a","ring_seconds":-1}`, "invalid_ring_seconds", "", false},
	{"long ring", "call.dial", `{"trunk":"m","to":"+1","application":"a","ring_seconds":601}`, "invalid_ring_seconds", "", false},
	{"negative limit", "call.dial", `{"trunk":"m","to":"+1","application":"a","limit_seconds":-1}`, "invalid_limit_seconds", "", false},
	{"long limit", "call.dial", `{"trunk":"m","to":"+1","application":"a","limit_seconds":14401}`, "invalid_limit_seconds", "", false},
	{"amd", "call.dial", `{"trunk":"m","to":"+1","application":"a","amd":"on"}`, "invalid_amd", "", false},
	{"digits", "call.dial", `{"trunk":"m","to":"+1","application":"a","send_digits":"1,2"}`, "invalid_digits", "", false},
	{"trunk alone", "call.hangup", `{"trunk":"m"}`, "invalid_leg", "", false},
	{"cause", "call.hangup", `{"cause":"boredom"}`, "invalid_cause", "", false},
	{"space in trunk", "call.hangup", `{"trunk":"m n","leg":"CA1"}`, "invalid_trunk", "", false},
	{"trunk is no id", "call.answer", `{"trunk":"m/n","leg":"CA1","instruction":{"steps":[{"hangup":{}}]}}`, "invalid_trunk", "", false},
	{"trunk of a stream is no id", "media.connect", `{"trunk":"-","leg":"1.2","stream_id":"s1","url":"ws://h/"}`, "invalid_trunk", "", false},
	{"stream is no id", "media.connect", `{"trunk":"m","leg":"1.2","stream_id":"s 1","url":"ws://h/"}`, "invalid_stream_id", "", false},
	{"leg alone", "call.hangup", `{"leg":"CA1"}`, "invalid_leg", "", false},
	{"no leg", "call.answer", `{"trunk":"m","instruction":{"steps":[{"hangup":{}}]}}`, "invalid_leg", "", false},
	{"no instruction", "call.answer", `{"trunk":"m","leg":"CA1"}`, "invalid_instruction", "", false},
	{"no keys", "dtmf.send", `{"digits":""}`, "invalid_digits", "", false},
	{"no steps", "call.redirect", `{"instruction":{"steps":[]}}`, "invalid_instruction", "", false},
	{"two verbs", "call.redirect", `{"instruction":{"steps":[{"say":{"text":"x"},"hangup":{}}]}}`, "invalid_instruction", "", false},
	{"no url", "media.connect", `{"trunk":"m","leg":"1.2","stream_id":"s1"}`, "invalid_stream", "", false},
}

func TestRefusals(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.typ, []byte(c.doc))
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("error %v, want an *Error", err)
			}
			if refused.Code != c.code {
				t.Errorf("code %q, want %q", refused.Code, c.code)
			}
			if c.message != "" && refused.Message != c.message {
				t.Errorf("message %q\n   want %q", refused.Message, c.message)
			}
			if err := schematest.Validate("command/"+c.typ, []byte(c.doc)); err == nil && !c.onlyGo {
				t.Error("the schema takes it")
			}
		})
	}
}

func TestUnknownOrder(t *testing.T) {
	_, err := Decode("call.sing", []byte(`{}`))
	want := `unknown_command: there is no command "call.sing"; there are call.answer, call.dial, call.hangup, call.redirect, dtmf.send, media.connect`
	if err == nil || err.Error() != want {
		t.Errorf("error %v\n want %s", err, want)
	}
	if Zero("call.sing") != nil {
		t.Error("Zero of an unknown order is not nil")
	}
}

func TestLenientWhereItMayBe(t *testing.T) {
	for doc, want := range map[string]CallHangup{
		`{}`:                                  {},
		" {\"cause\":\"no_agent\"}\n":         {Cause: call.CauseNoAgent},
		`{"trunk":"main","leg":"v3:4wQ0.m/"}`: {Trunk: "main", Leg: "v3:4wQ0.m/"},
	} {
		got, err := Decode("call.hangup", []byte(doc))
		if diff := cmp.Diff(Command(want), got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", doc, err, diff)
		}
	}
}
