package event

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	ce "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

// The official SDK is the judge of what a CloudEvent is.
func TestTheOfficialSDKReadsEvents(t *testing.T) {
	for _, f := range filled {
		t.Run(f.Type(), func(t *testing.T) {
			e := filledEvent(f)
			doc, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			var got ce.Event
			if err := got.UnmarshalJSON(doc); err != nil {
				t.Fatal(err)
			}
			if err := got.Validate(); err != nil {
				t.Fatal(err)
			}
			attributes := map[string]string{"id": got.ID(), "source": got.Source(), "type": got.Type(), "subject": got.Subject(),
				"time": got.Time().String(), "datacontenttype": got.DataContentType(), "specversion": got.SpecVersion()}
			want := map[string]string{"id": e.ID, "source": "/ingress", "type": f.Type(), "subject": e.Call,
				"time": e.Time.String(), "datacontenttype": "application/json", "specversion": "1.0"}
			if diff := cmp.Diff(want, attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			extensions := map[string]any{"org": e.Org, "trunk": e.Trunk, "provider": e.Provider, "legid": e.Leg, "raw": e.Raw}
			if f.Key() != "" {
				extensions["key"] = f.Key()
			}
			if diff := cmp.Diff(extensions, got.Extensions()); diff != "" {
				t.Errorf("extensions (-want +got):\n%s", diff)
			}
			data, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(data), string(got.Data())); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilledEventsSurvive(t *testing.T) {
	for _, f := range filled {
		e := filledEvent(f)
		doc, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var got Event
		if err := json.Unmarshal(doc, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, &got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.Type(), diff)
		}
	}
}

func TestUnknownTypesSurvive(t *testing.T) {
	for name, data := range map[string]string{
		"object": `,"data":{"mood":"blue","depth":[1,2.50,{"a":null}]}`,
		"number": `,"data":1e3`,
		"null":   `,"data":null`,
	} {
		t.Run(name, func(t *testing.T) {
			doc := `{"specversion":"1.0","id":"1","source":"/x","type":"call.sung","subject":"c1",` +
				`"time":"2030-01-01T00:00:00Z","datacontenttype":"application/json","org":"default","key":"k7"` + data + `}`
			var e Event
			if err := json.Unmarshal([]byte(doc), &e); err != nil {
				t.Fatal(err)
			}
			if e.Data.Type() != "call.sung" || e.Data.Key() != "k7" {
				t.Errorf("type %s, key %s", e.Data.Type(), e.Data.Key())
			}
			again, err := json.Marshal(&e)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(doc, string(again)); diff != "" {
				t.Errorf("-read +written:\n%s", diff)
			}
		})
	}
}

func TestAnUnknownTypeMayHaveNoData(t *testing.T) {
	var e Event
	if err := json.Unmarshal([]byte(`{"specversion":"1.0","id":"1","source":"/x","type":"call.sung"}`), &e); err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(&e); err != nil {
		t.Error(err)
	}
}

func TestKnownTypesMayGrow(t *testing.T) {
	doc := `{"specversion":"1.0","id":"1","source":"/x","type":"call.answered","subject":"c1","time":"2030-01-01T00:00:00Z",` +
		`"datacontenttype":"application/json","org":"default","colour":"blue","data":{"answered_by":"human","mood":"fine"}}`
	var e Event
	if err := json.Unmarshal([]byte(doc), &e); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Fact(CallAnswered{AnsweredBy: "human"}), e.Data); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEventsThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"other version": {`{"specversion":"0.3","type":"call.ringing","data":{}}`, `specversion "0.3"`},
		"no version":    {`{"type":"call.ringing","data":{}}`, `specversion ""`},
		"wrong data":    {`{"specversion":"1.0","type":"call.dialing","data":{"attempt":"one"}}`, "call.dialing: "},
		"not an object": {`[]`, "array"},
	} {
		t.Run(name, func(t *testing.T) {
			var e Event
			if err := json.Unmarshal([]byte(c.doc), &e); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %s", err, c.want)
			}
		})
	}
}

func TestAnEventWithoutDataIsNotWritten(t *testing.T) {
	if _, err := json.Marshal(&Event{ID: "1", Call: "c1"}); err == nil || !strings.Contains(err.Error(), "c1 has no data") {
		t.Errorf("error %v", err)
	}
}

func TestCutRaw(t *testing.T) {
	head := strings.Repeat("x", MaxRaw-1)
	for name, c := range map[string]struct{ raw, want string }{
		"empty":             {"", ""},
		"fits":              {head + "y", head + "y"},
		"one too many":      {head + "yz", head + "y"},
		"within é":          {head + "é", head},
		"within a 4-byte 😀": {head[:MaxRaw-3] + "😀!", head[:MaxRaw-3]},
		"no UTF-8 at all":   {strings.Repeat("\x80", MaxRaw+9), strings.Repeat("\x80", MaxRaw)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := CutRaw(c.raw); got != c.want {
				t.Errorf("%d bytes, want %d", len(got), len(c.want))
			}
		})
	}
	if !utf8.ValidString(CutRaw(strings.Repeat("é", MaxRaw))) {
		t.Error("a character is split")
	}
}

func TestZero(t *testing.T) {
	for _, name := range Types() {
		if f := Zero(name); f == nil || f.Type() != name {
			t.Errorf("Zero(%q) is %#v", name, f)
		}
	}
	if f := Zero("call.sung"); f != nil {
		t.Errorf("Zero of an unknown type is %#v", f)
	}
}
