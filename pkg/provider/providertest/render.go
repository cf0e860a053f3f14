package providertest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// The texts are such that markup which does not escape them breaks.
const (
	spokenText = `Tom & "Jerry" <b>it's</b> für 5 €`
	awkwardURL = "https://files.trunkline.example/a/b?x=1&y=%3C2"
	streamURL  = "wss://media.trunkline.example/v1/media/01JABC/tok-5f2c"
)

var spoken = call.Spoken(spokenText)

// steps has one step for every verb, and what must be found in its markup.
var steps = []struct {
	step call.Step
	has  []string
}{
	{call.Step{Say: &call.Say{Text: spokenText, Language: "de-DE"}}, []string{spokenText}},
	{call.Step{Play: &call.Play{URL: awkwardURL, Loop: 2}}, []string{awkwardURL}},
	{call.Step{Pause: &call.Pause{Seconds: 2}}, nil},
	{call.Step{SendDigits: &call.SendDigits{Digits: "12w34#"}}, nil},
	{call.Step{Stream: &call.Stream{URL: streamURL, StreamID: "01JABC", StatusURL: awkwardURL, Params: map[string]string{"call": "01JABC"}}}, []string{streamURL}},
	{call.Step{Dial: &call.Dial{Targets: []string{"+14155550177"}, CallerID: "+14155550101", RingSeconds: 20, ActionURL: awkwardURL}}, []string{"14155550177", "14155550101"}},
	{call.Step{Conference: &call.Conference{Name: "room-01JABC", StartOnEnter: true, EndOnExit: true}}, []string{"room-01JABC"}},
	{call.Step{Redirect: &call.Redirect{URL: awkwardURL}}, []string{awkwardURL}},
	{call.Step{Reject: &call.Reject{Busy: true}}, nil},
	{call.Step{Hangup: &call.Hangup{}}, nil},
}

// checkRender holds that every instruction has a rendering that says all of
// it, and that a notice can be acknowledged without one.
func checkRender(e *env) (f failures) {
	r := e.receiver()
	if r == nil {
		return nil
	}
	resp, err := r.Render(call.Instruction{}, &provider.Notice{Kind: provider.CallStatus, LegID: "leg-1", Status: call.Completed})
	if err != nil || resp.Status < 200 || resp.Status > 299 {
		f.addf("acknowledge: status %d, %v", resp.Status, err)
	}
	if e.spec.Has(provider.CanAnswer) { // instructions go over REST
		return f
	}
	notice := &provider.Notice{Kind: provider.InboundCall, LegID: "leg-1", Direction: call.Inbound, Status: call.Ringing, Reply: true}
	for _, s := range steps {
		in := call.Instruction{Steps: []call.Step{s.step}}
		resp, err := r.Render(in, notice)
		switch verb := s.step.Verb(); {
		case slices.Contains(e.Unrenderable, verb):
			if provider.KindOf(err) != provider.KindUnsupported {
				f.addf("%s cannot be rendered, says the suite: want kind unsupported, got %v", verb, err)
			}
		case err != nil:
			f.addf("%s: %v", verb, err)
		default:
			rendered(&f, verb, resp, s.has)
		}
	}
	return f
}

// rendered holds that a response is whole and has all texts in it.
func rendered(f *failures, verb string, resp provider.Response, has []string) {
	if resp.Status != 200 {
		f.addf("%s: status %d, want 200", verb, resp.Status)
	}
	if len(resp.Body) > 0 && resp.ContentType == "" {
		f.addf("%s: a body without a content type", verb)
	}
	found, err := contents(resp)
	if err != nil {
		f.addf("%s: %v: %s", verb, err, resp.Body)
		return
	}
	for _, text := range has {
		if !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, text) }) {
			f.addf("%s: nothing says %q: %s", verb, text, resp.Body)
		}
	}
}

// contents lists the texts of a document, as its reader sees them.
func contents(resp provider.Response) ([]string, error) {
	if strings.Contains(resp.ContentType, "json") {
		var doc any
		if err := json.Unmarshal(resp.Body, &doc); err != nil {
			return nil, err
		}
		return stringsIn(doc), nil
	}
	if !strings.Contains(resp.ContentType, "xml") {
		return []string{string(resp.Body)}, nil
	}
	var list []string
	for dec := xml.NewDecoder(bytes.NewReader(resp.Body)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.CharData:
			list = append(list, string(token))
		case xml.StartElement:
			for _, a := range token.Attr {
				list = append(list, a.Value)
			}
		}
	}
}

func stringsIn(doc any) []string {
	var list []string
	switch doc := doc.(type) {
	case string:
		list = append(list, doc)
	case []any:
		for _, e := range doc {
			list = append(list, stringsIn(e)...)
		}
	case map[string]any:
		for _, key := range sortedKeys(doc) {
			list = append(list, stringsIn(doc[key])...)
		}
	}
	return list
}
