package media

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/internal/schematest"
)

func TestDecodeControl(t *testing.T) {
	for doc, want := range map[string]Control{
		`{"clear":{}}`:                       {Clear: &Clear{}},
		`{"play":{"prompt":"one-moment"}}`:   {Play: &Play{Prompt: "one-moment"}},
		`{"mark":{"name":"Frage 2."}}`:       {Mark: &MarkControl{Name: "Frage 2."}},
		" {\"dtmf\":{\"digits\":\"1w#\"}}\n": {DTMF: &DTMFControl{Digits: "1w#"}},
	} {
		got, err := DecodeControl([]byte(doc))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", doc, err, diff)
		}
	}
}

func TestDecodeControlRefuses(t *testing.T) {
	for _, c := range []struct {
		doc, want string
		onlyGo    bool // the schema cannot tell
	}{
		{`{}`, "media control has 0 of play, clear, mark, dtmf; want exactly one", false},
		{`{"clear":{},"mark":{"name":"a"}}`, "media control has 2 of play, clear, mark, dtmf; want exactly one", false},
		{`{"flush":{}}`, `media control: unknown field "flush": there are play, clear, mark, dtmf`, false},
		{`{"Clear":{}}`, `media control: unknown field "Clear": there are play, clear, mark, dtmf`, false},
		{`{"clear":{"all":true}}`, `media control: unknown field "clear.all": there are none`, false},
		{`{"clear":null}`, `media control: field "clear" is null; leave it out instead`, false},
		{`{"mark":"a"}`, `media control: field "mark" is a text, want an object`, false},
		{`{"mark":{"name":7}}`, `media control: field "mark.name" is a number, want a text`, false},
		{`{"mark":{}}`, "media control: the mark's name is empty", false},
		{`{"play":{"prompt":"../secret"}}`, `media control: prompt "../secret": want 1 to 64 characters of 0-9 A-Z a-z _ -`, false},
		{`{"dtmf":{"digits":"1,2"}}`, `media control: digits "1,2": want 0-9 * # A-D w`, false},
		{`{"clear":{}} {"clear":{}}`, "media control: something follows the JSON document", true},
		{`{"clear":`, "media control: the JSON document is cut short", true},
		{``, "media control: the JSON document is cut short", true},
	} {
		if _, err := DecodeControl([]byte(c.doc)); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v\n want %s", c.doc, err, c.want)
		}
		if err := schematest.Validate("media/control", []byte(c.doc)); err == nil && !c.onlyGo {
			t.Errorf("%s: the schema takes it", c.doc)
		}
	}
}
