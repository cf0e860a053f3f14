package providertest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/media"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// goldenStream plays a script on a media socket, one line after another:
//
//	carrier {"event":"start", ...}     the carrier says a text
//	carrier-binary AAEC                the carrier says bytes, in base64
//	event {"kind":"audio", ...}        what the codec makes of it, each event in its order
//	command {"type":"mark", ...}       what the media node asks, as in vector files
//	server {"event":"mark", ...}       what the codec writes, each message in its order
//	server-binary AAEC
//	error media before start           what the codec answers instead
//
// Every line that the codec causes is in the script, in its place.
func goldenStream(e *env, a *archive) (f failures) {
	var g given
	if err := a.decode("given", &g); err != nil {
		f.addf("%v", err)
		return f
	}
	c := provider.CodecConfig{Config: e.with(g.Config), LegID: g.LegID, Want: e.spec.Format}
	if g.Want != "" {
		var err error
		if c.Want, err = media.ParseFormat(g.Want); err != nil {
			f.addf("given: %v", err)
			return f
		}
	}
	text, _ := a.section("script")
	codec := e.spec.NewCodec(c)
	var got, want []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		caused, input, err := scriptLine(codec, line)
		if err != nil {
			f.addf("%s: %v", line, err)
			return f
		}
		if input {
			got, want = append(got, line), append(want, line)
			got = append(got, caused...)
		} else if line != "" {
			want = append(want, line)
		}
	}
	if a.write {
		a.set("script", strings.Join(got, "\n"))
		return f
	}
	compareLines(&f, got, want)
	return f
}

// scriptLine carries out a line that is input to the codec, and gives the
// lines that it causes.
func scriptLine(codec provider.Codec, line string) (caused []string, input bool, err error) {
	word, text, _ := strings.Cut(line, " ")
	switch word {
	case "carrier":
		return heardLines(codec, media.Message{Data: []byte(text)}), true, nil
	case "carrier-binary":
		data, err := base64.StdEncoding.DecodeString(text)
		return heardLines(codec, media.Message{Binary: true, Data: data}), true, err
	case "command":
		var o order
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			return nil, true, err
		}
		cmd, err := o.command()
		if err != nil {
			return nil, true, err
		}
		return saidLines(codec, cmd), true, nil
	case "event", "server", "server-binary", "error", "":
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("no such line is known")
}

func heardLines(codec provider.Codec, m media.Message) []string {
	events, err := codec.Decode(m, nil)
	var lines []string
	for _, e := range events {
		lines = append(lines, "event "+eventText(e))
	}
	return withError(lines, err)
}

func saidLines(codec provider.Codec, cmd media.Command) []string {
	messages, err := codec.Encode(cmd, nil)
	var lines []string
	for _, m := range messages {
		if m.Binary {
			lines = append(lines, "server-binary "+base64.StdEncoding.EncodeToString(m.Data))
		} else {
			lines = append(lines, "server "+string(m.Data))
		}
	}
	return withError(lines, err)
}

func withError(lines []string, err error) []string {
	if err != nil {
		lines = append(lines, "error "+err.Error())
	}
	return lines
}

var eventWords = map[media.EventKind]string{
	media.EventStarted: "started", media.EventAudio: "audio", media.EventDTMF: "dtmf", media.EventMark: "mark",
	media.EventCleared: "cleared", media.EventStopped: "stopped", media.EventWarning: "warning", media.EventFlow: "flow",
}

// eventText writes an event on one line.
func eventText(e media.Event) string {
	word := eventWords[e.Kind]
	e.Kind = 0
	var line bytes.Buffer
	if err := json.Compact(&line, []byte(nonZero(e))); err != nil {
		return err.Error()
	}
	rest := strings.TrimPrefix(line.String(), "{")
	if rest != "}" {
		rest = "," + rest
	}
	return `{"kind":"` + word + `"` + rest
}

// compareLines compares what happened with the script: texts that follow the
// word of a line as JSON where they are.
func compareLines(f *failures, got, want []string) {
	for i := range max(len(got), len(want)) {
		g, w := "the end", "the end"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		gotWord, gotText, _ := strings.Cut(g, " ")
		wantWord, wantText, _ := strings.Cut(w, " ")
		if gotWord != wantWord || !sameText(gotText, wantText) {
			f.addf("line %d is\n%s\nwant\n%s", i+1, g, w)
			return
		}
	}
}
