package twiml

import (
	"encoding/xml"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trunkline-io/trunkline/pkg/call"
)

func TestVerbs(t *testing.T) {
	for name, test := range map[string]struct {
		write func(*Writer)
		want  string
	}{
		"nothing":       {func(*Writer) {}, ``},
		"say":           {func(w *Writer) { w.Say(&call.Say{Text: "Hallo", Language: "de-DE", Voice: "alice"}) }, `<Say voice="alice" language="de-DE">Hallo</Say>`},
		"play":          {func(w *Writer) { w.Play(&call.Play{URL: "https://f.example/a.mp3"}) }, `<Play>https://f.example/a.mp3</Play>`},
		"play twice":    {func(w *Writer) { w.Play(&call.Play{URL: "https://f.example/a.mp3", Loop: 2}) }, `<Play loop="2">https://f.example/a.mp3</Play>`},
		"pause":         {func(w *Writer) { w.Pause(&call.Pause{Seconds: 2}) }, `<Pause length="2"/>`},
		"send digits":   {func(w *Writer) { w.SendDigits(&call.SendDigits{Digits: "ww12#"}) }, `<Play digits="ww12#"/>`},
		"redirect":      {func(w *Writer) { w.Redirect(&call.Redirect{URL: "https://h.example/n"}) }, `<Redirect method="POST">https://h.example/n</Redirect>`},
		"hang up":       {func(w *Writer) { w.Hangup() }, `<Hangup/>`},
		"stream":        {func(w *Writer) { w.Stream(&call.Stream{URL: "wss://m.example/t"}) }, `<Connect><Stream url="wss://m.example/t"></Stream></Connect>`},
		"left open":     {func(w *Writer) { w.Open("Dial"); w.Open("Conference") }, `<Dial><Conference></Conference></Dial>`},
		"false is said": {func(w *Writer) { w.Element("Conference", "", Bool("beep", false), Int("size", 0)) }, `<Conference beep="false"/>`},
		"stream with all": {func(w *Writer) {
			w.Stream(&call.Stream{
				URL: "wss://m.example/t", StreamID: "01J", StatusURL: "https://h.example/s?a=1&b=2",
				Params: map[string]string{"b": "", "a": `"1"`},
			})
		}, `<Connect><Stream url="wss://m.example/t" name="01J" statusCallback="https://h.example/s?a=1&amp;b=2" statusCallbackMethod="POST">` +
			`<Parameter name="a" value="&#34;1&#34;"/><Parameter name="b" value=""/></Stream></Connect>`},
	} {
		w := New()
		test.write(w)
		want := prolog + "<Response>" + test.want + "</Response>"
		if diff := cmp.Diff(want, string(w.Document())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTextsComeThrough(t *testing.T) {
	for text, want := range map[string]string{
		`Tom & "Jerry" <b>it's</b>`: `Tom & "Jerry" <b>it's</b>`,
		"two\nlines\tand a tab":     "two\nlines\tand a tab",
		"</Say><Hangup/>":           "</Say><Hangup/>",
		"]]>":                       "]]>",
		"für 5 € 👍":                 "für 5 € 👍",
		"a\x00b\x0bc\ufffe d\xff e": "a\ufffdb\ufffdc\ufffd d\ufffd e",
		`" onload="x`:               `" onload="x`,
	} {
		w := New()
		w.Element("Say", text, Attr("voice", text))
		var doc struct {
			Say struct {
				Voice string `xml:"voice,attr"`
				Text  string `xml:",chardata"`
			}
		}
		if err := xml.Unmarshal(w.Document(), &doc); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if doc.Say.Text != want || doc.Say.Voice != want {
			t.Errorf("%q came through as %q and, in an attribute, %q", text, doc.Say.Text, doc.Say.Voice)
		}
	}
}
