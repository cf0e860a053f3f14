package strict

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type name string

type base struct {
	ID string `json:"id"`
}

type document struct {
	base
	Name     name              `json:"name"`
	Count    int8              `json:"count,omitempty"`
	Size     uint16            `json:"size"`
	Ratio    float64           `json:"ratio"`
	On       *bool             `json:"on,omitempty"`
	At       time.Time         `json:"at,omitzero"`
	Addr     netip.Addr        `json:"addr"`
	Key      []byte            `json:"key"`
	Any      any               `json:"any"`
	Raw      json.RawMessage   `json:"raw"`
	Texts    map[string]string `json:"texts"`
	Parts    []*document       `json:"parts"`
	Untagged int
	Hidden   string `json:"-"`
	private  string
}

func TestDecode(t *testing.T) {
	on := true
	for doc, want := range map[string]document{
		`{}`: {},
		` {"id":"7","name":"x","count":-3,"size":65535,"ratio":2.5e1,"on":true,"at":"2026-01-02T03:04:05.5Z","addr":"::1"} `: {
			base: base{"7"}, Name: "x", Count: -3, Size: 65535, Ratio: 25, On: &on,
			At: time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC), Addr: netip.IPv6Loopback()},
		`{"key":"aGk=","any":[null,{"a":1,"a":2}],"raw":{"b":null},"texts":{"To":"a","to":"b"},"Untagged":4}`: {
			Key: []byte("hi"), Any: []any{nil, map[string]any{"a": 2.0}}, Raw: json.RawMessage(`{"b":null}`),
			Texts: map[string]string{"To": "a", "to": "b"}, Untagged: 4},
		`{"parts":[{"name":"a"},{"parts":[]}],"texts":{}}`: {
			Parts: []*document{{Name: "a"}, {Parts: []*document{}}}, Texts: map[string]string{}},
	} {
		var got document
		if err := Decode([]byte(doc), &got); err != nil {
			t.Errorf("%s: %v", doc, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(document{}, base{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
	}
}

func TestRefusals(t *testing.T) {
	for doc, want := range map[string]string{
		``:                          "the JSON document is cut short",
		`  `:                        "the JSON document is cut short",
		`{"name":"x"`:               "the JSON document is cut short",
		`{"name":`:                  "the JSON document is cut short",
		`{"name":"x"}}`:             "something follows the JSON document",
		`{"name":"x"}{}`:            "something follows the JSON document",
		`{"name":"x",}`:             "not JSON at byte 13: invalid character '}' looking for beginning of object key string",
		`{'name':1}`:                "not JSON at byte 2: invalid character '\\'' looking for beginning of object key string",
		`[]`:                        "the document is a list, want an object",
		`null`:                      "the document is null; leave it out instead",
		`7`:                         "the document is a number, want an object",
		`{"name":7}`:                `field "name" is a number, want a text`,
		`{"name":{"a":1}}`:          `field "name" is an object, want a text`,
		`{"count":"7"}`:             `field "count" is a text, want a number`,
		`{"count":128}`:             `field "count" is 128, want a whole number that is not too large`,
		`{"count":1.0}`:             `field "count" is 1.0, want a whole number that is not too large`,
		`{"size":-1}`:               `field "size" is -1, want a whole number that is not too large`,
		`{"on":1}`:                  `field "on" is a number, want true or false`,
		`{"on":null}`:               `field "on" is null; leave it out instead`,
		`{"at":"2026-01-02"}`:       `field "at" is "2026-01-02", want a time such as 2026-01-31T15:04:05Z`,
		`{"at":1}`:                  `field "at" is a number, want a text`,
		`{"addr":"1.2.3"}`:          `field "addr": ParseAddr("1.2.3"): IPv4 address too short`,
		`{"texts":{"a":1}}`:         `field "texts.a" is a number, want a text`,
		`{"texts":{"a":"","a":""}}`: `field "texts.a" is given twice`,
		`{"id":"1","id":"1"}`:       `field "id" is given twice`,
		`{"parts":{}}`:              `field "parts" is an object, want a list`,
		`{"parts":[{},{"on":{}}]}`:  `field "parts[1].on" is an object, want true or false`,
		`{"parts":[null]}`:          `field "parts[0]" is null; leave it out instead`,
	} {
		var got document
		if err := Decode([]byte(doc), &got); err == nil || err.Error() != want {
			t.Errorf("%s: error %v\n want %s", doc, err, want)
		}
	}
}

func TestUnknownFields(t *testing.T) {
	const there = "there are id, name, count, size, ratio, on, at, addr, key, any, raw, texts, parts, Untagged"
	for doc, want := range map[string]string{
		`{"colour":1}`:             `unknown field "colour": ` + there,
		`{"Name":"x"}`:             `unknown field "Name": ` + there,
		`{"Hidden":"x"}`:           `unknown field "Hidden": ` + there,
		`{"-":"x"}`:                `unknown field "-": ` + there,
		`{"private":"x"}`:          `unknown field "private": ` + there,
		`{"base":{}}`:              `unknown field "base": ` + there,
		`{"":1}`:                   `unknown field "": ` + there,
		`{"parts":[{"colour":1}]}`: `unknown field "parts[0].colour": ` + there,
	} {
		got := document{private: "kept"}
		if err := Decode([]byte(doc), &got); err == nil || err.Error() != want || got.private != "kept" {
			t.Errorf("%s: error %v\n want %s", doc, err, want)
		}
	}
	var empty struct{}
	if err := Decode([]byte(`{"a":1}`), &empty); err == nil || err.Error() != `unknown field "a": there are none` {
		t.Errorf("error %v", err)
	}
}

// Whatever the document, Decode does not panic, and speaks no Go.
func FuzzDecode(f *testing.F) {
	for _, doc := range []string{`{}`, `{"id":"7","name":"x","on":true,"parts":[{"count":1}]}`, `{"at":"2026-01-02T03:04:05Z"}`, `{"key":"aGk="}`, `[1,`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var got document
		if err := Decode(doc, &got); err != nil && strings.Contains(err.Error(), "strict.") {
			t.Errorf("%q: error %q names a Go type", doc, err)
		}
	})
}
