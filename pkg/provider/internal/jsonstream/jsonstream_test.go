package jsonstream

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// messages are the forms in which carriers write.
var messages = map[string]struct {
	doc  string
	fast bool // read without encoding/json
	want Message
	err  error
}{
	"text numbers": {
		`{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"2","timestamp":"20","payload":"AAEC/w=="},"streamSid":"MZ1"}`,
		true, Message{"media", "inbound", 2, []byte{0, 1, 2, 255}}, nil},
	"whole numbers": {
		`{"sequenceNumber":2,"streamId":"5e5e","event":"media","media":{"track":"outbound","timestamp":"1772529328114","chunk":11,"payload":"AAEC"},"extra_headers":"{}"}`,
		true, Message{"media", "outbound", 11, []byte{0, 1, 2}}, nil},
	"payload alone": {
		"\n{ \"media\" : {\"payload\":\"\"} ,\t\"event\":\"media\" , \"a\":true,\"b\":null,\"c\":false}\r\n",
		true, Message{"media", "", 0, nil}, nil},
	"escaped": {
		`{"event":"media","media":{"payload":"AAEC\/w=="},"extra_headers":"{\"a\":1}"}`,
		false, Message{"media", "", 0, []byte{0, 1, 2, 255}}, nil},
	"other track": {
		`{"event":"media","media":{"track":"both","payload":"AAEC"}}`,
		false, Message{"media", "both", 0, []byte{0, 1, 2}}, nil},
	"nested": {
		`{"event":"media","more":{"a":[1]},"media":{"chunk":1.5,"payload":"AAEC"}}`,
		false, Message{"media", "", 0, []byte{0, 1, 2}}, nil},
	"other case": {
		`{"Event":"media","media":{"payload":"AAEC","PAYLOAD":"AAED"}}`,
		false, Message{"media", "", 0, []byte{0, 1, 3}}, nil},
	"twice": {
		`{"event":"media","event":"mark","media":{"payload":"AAEC"}}`,
		false, Message{Event: "mark"}, nil},
	"another event": {
		`{"event":"mark","media":5,"mark":{"name":"utt-1"}}`,
		false, Message{Event: "mark"}, nil},
	"no payload":      {`{"event":"media","media":{"track":"inbound"}}`, false, Message{Event: "media"}, ErrPayload},
	"no media":        {`{"event":"media"}`, false, Message{Event: "media"}, ErrPayload},
	"null media":      {`{"event":"media","media":null}`, false, Message{Event: "media"}, ErrPayload},
	"no base64":       {`{"event":"media","media":{"track":"inbound","payload":"A*=="}}`, false, Message{"media", "inbound", 0, nil}, ErrPayload},
	"number for text": {`{"event":"media","media":{"payload":12}}`, false, Message{Event: "media"}, ErrPayload},
	"no event":        {`{"media":{"payload":"AAEC"}}`, false, Message{}, ErrSyntax},
	"event no text":   {`{"event":1}`, false, Message{}, ErrSyntax},
	"cut":             {`{"event":"media","media":{"payload":"AAEC"}`, false, Message{}, ErrSyntax},
	"rest":            {`{"event":"media","media":{"payload":"AAEC"}}}`, false, Message{}, ErrSyntax},
	"leading zero":    {`{"event":"media","n":01,"media":{"payload":"AAEC"}}`, false, Message{}, ErrSyntax},
	"raw line break":  {"{\"event\":\"media\",\"media\":{\"payload\":\"AA\nEC\"}}", false, Message{}, ErrSyntax},
	"list":            {`[]`, false, Message{}, ErrSyntax},
	"null":            {`null`, false, Message{}, ErrSyntax},
	"nothing":         {``, false, Message{}, ErrSyntax},
}

func TestRead(t *testing.T) {
	for name, test := range messages {
		t.Run(name, func(t *testing.T) {
			var r Reader
			got, err := r.Read([]byte(test.doc))
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if err == nil {
				if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
			if got.Event != test.want.Event {
				t.Errorf("event %q, want %q", got.Event, test.want.Event)
			}
			if _, _, fast := scanMedia([]byte(test.doc)); fast != test.fast && test.err == nil {
				t.Errorf("scanned: %v, want %v", fast, test.fast)
			}
		})
	}
}

// FuzzRead holds that what is scanned by hand means what encoding/json reads.
func FuzzRead(f *testing.F) {
	for _, test := range messages {
		f.Add([]byte(test.doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if _, _, ok := scanMedia(doc); !ok {
			return
		}
		var quick, slow Reader
		got, gotErr := quick.Read(doc)
		want, wantErr := slow.readAny(doc)
		if !errors.Is(gotErr, wantErr) {
			t.Fatalf("%q: error %v, encoding/json %v", doc, gotErr, wantErr)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-encoding/json +scan):\n%s", doc, diff)
		}
	})
}

func TestWriter(t *testing.T) {
	w := Writer{Head: `{"event":"media","media":{"payload":"`, Tail: `"}}`}
	for _, audio := range [][]byte{{0, 1, 2, 255}, make([]byte, 160), {}} {
		var got struct {
			Media struct {
				Payload []byte `json:"payload"`
			} `json:"media"`
		}
		if err := json.Unmarshal(w.Audio(audio), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(audio, got.Media.Payload); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func frame() []byte {
	return []byte(`{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"2","timestamp":"20","payload":"` +
		base64.StdEncoding.EncodeToString(make([]byte, 160)) + `"},"streamSid":"MZ00000000000000000000000000000004"}`)
}

func TestFramesDoNotAllocate(t *testing.T) {
	var r Reader
	w := Writer{Head: `{"payload":"`, Tail: `"}`}
	doc, audio := frame(), make([]byte, 160)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := r.Read(doc); err != nil {
			t.Fatal(err)
		}
		w.Audio(audio)
	}); n != 0 {
		t.Errorf("%v allocations a frame, want none", n)
	}
}

func BenchmarkRead(b *testing.B) {
	doc := frame()
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		var r Reader
		for b.Loop() {
			if _, err := r.Read(doc); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		var r Reader
		for b.Loop() {
			if _, err := r.readAny(doc); err != nil {
				b.Fatal(err)
			}
		}
	})
}
