package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"golang.org/x/tools/txtar"
)

// A golden case is a txtar file of named sections. What a case expects is in
// its last sections; go test -providertest.update writes them anew.
//
//	webhook  request, given?, then notice or error
//	render   instruction, notice?, then response or error
//	rest     call, then request and response in turns, then result or error
//	stream   given?, script
//
// request and response are written as in HTTP: a first line (POST and a URL,
// or 200 and a content type), header lines, an empty line, a body. JSON is
// compared as a value, a form field by field. See the functions below for the
// JSON of given, call and script.

var update = flag.Bool("providertest.update", false, "write what golden cases expect anew")

// golden are the kinds of cases, by their folders.
var golden = map[string]func(*env, *archive) failures{
	"webhook": goldenWebhook,
	"render":  goldenRender,
	"rest":    goldenREST,
	"stream":  goldenStream,
}

// runGolden runs the golden cases below dir.
func runGolden(t *testing.T, e *env, dir string) {
	for _, kind := range sortedKeys(golden) {
		files, err := filepath.Glob(filepath.Join(dir, kind, "*.txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				doc, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				a := &archive{Archive: txtar.Parse(doc), write: *update}
				e.run(func(e *env) failures { return golden[kind](e, a) }).report(t)
				if *update && !t.Failed() {
					if err := os.WriteFile(file, txtar.Format(a.Archive), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// archive is a golden case.
type archive struct {
	*txtar.Archive
	write bool // replace what is expected instead of comparing with it
}

// section returns the text of a section without its last newline.
func (a *archive) section(name string) (string, bool) {
	for _, f := range a.Files {
		if f.Name == name {
			return strings.TrimSuffix(string(f.Data), "\n"), true
		}
	}
	return "", false
}

// decode reads a section of JSON strictly; a missing one changes nothing.
func (a *archive) decode(name string, into any) error {
	text, ok := a.section(name)
	if !ok {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// outcome compares what came of a case with its section of that name, or with
// its section error: kind, status and code, text.
func (a *archive) outcome(f *failures, name, got string, err error) {
	if err != nil {
		name, got = "error", errorText(err)
	}
	if a.write {
		a.set(name, got)
		return
	}
	want, ok := a.section(name)
	_, fails := a.section("error")
	switch {
	case !ok && got == "" && !fails: // nothing is expected of an order that gives nothing
	case !ok:
		f.addf("there is no section %s, and this came: %s", name, got)
	case !sameText(got, want):
		f.addf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

// errorText is an error without provider and operation, which a case tells by
// where it stands.
func errorText(err error) string {
	text := err.Error()
	var e *provider.Error
	if errors.As(err, &e) {
		text = strings.TrimPrefix(text, e.Provider+" "+e.Op+": ")
	}
	return text
}

// set replaces the expected sections by one.
func (a *archive) set(name, text string) {
	kept := a.Files[:0]
	for _, f := range a.Files {
		switch f.Name {
		case "error", "result", name:
		default:
			kept = append(kept, f)
		}
	}
	a.Files = append(kept, txtar.File{Name: name, Data: []byte(text + "\n")})
}

// sameText compares JSON by value and other texts by their characters.
func sameText(a, b string) bool {
	var x, y any
	if decodeJSON([]byte(a), &x) == nil && decodeJSON([]byte(b), &y) == nil {
		return reflect.DeepEqual(x, y)
	}
	return a == b
}

// given is what a case may say beyond its request.
type given struct {
	Config       map[string]any `json:"config"` // values in place of those of the suite
	Hook         provider.Hook  `json:"hook"`   // read from the path otherwise
	CallID       string         `json:"call_id"`
	PathVerified bool           `json:"path_verified"`
	Now          time.Time      `json:"now"`
	Known        *known         `json:"known"` // what the log knows of the call
	LegID        string         `json:"leg_id"`
	Want         string         `json:"want"` // media format, ulaw/8000
}

type known struct {
	Direction  call.Direction    `json:"direction"`
	AnsweredAt time.Time         `json:"answered_at"`
	Status     call.Status       `json:"status"`
	LegID      string            `json:"leg_id"`
	Ref        string            `json:"ref"`
	Variables  map[string]string `json:"variables"`
}

func (g given) history() provider.History {
	if g.Known == nil {
		return provider.History{}
	}
	return provider.History(*g.Known)
}

// with is the suite's account with the values of the case.
func (e *env) with(values map[string]any) provider.Config {
	c := e.Config
	c.Values = map[string]any{}
	for _, m := range []map[string]any{e.Config.Values, values} {
		for k, v := range m {
			c.Values[k] = v
		}
	}
	return c
}

// goldenWebhook parses a request. Who sent it is not asked: the vector files
// have signatures.
func goldenWebhook(e *env, a *archive) (f failures) {
	var g given
	if err := a.decode("given", &g); err != nil {
		f.addf("%v", err)
		return f
	}
	text, _ := a.section("request")
	first, header, body := readHTTP(text)
	method, url, _ := strings.Cut(first, " ")
	req := &provider.Request{Method: method, URL: url, Header: header, Body: []byte(body), PathVerified: g.PathVerified, Now: g.Now}
	req.Hook, req.CallID = HookOf(pathOf(url))
	if g.Hook != "" {
		req.Hook, req.CallID = g.Hook, g.CallID
	}
	driver, err := e.spec.Open(e.with(g.Config))
	if err != nil {
		f.addf("open: %v", err)
		return f
	}
	n, err := driver.(provider.WebhookReceiver).Parse(req, g.history)
	a.outcome(&f, "notice", nonZero(n), err)
	return f
}

// goldenRender renders an instruction as the answer to a notice.
func goldenRender(e *env, a *archive) (f failures) {
	var in call.Instruction
	n := provider.Notice{Kind: provider.InboundCall, Reply: true}
	if err := a.decode("instruction", &in); err != nil {
		f.addf("%v", err)
		return f
	}
	if err := a.decode("notice", &n); err != nil {
		f.addf("%v", err)
		return f
	}
	resp, err := e.account.Render(in, &n)
	a.outcome(&f, "response", fmt.Sprintf("%d %s\n\n%s", resp.Status, resp.ContentType, resp.Body), err)
	return f
}

// readHTTP splits a message as golden cases write it.
func readHTTP(text string) (first string, header provider.Header, body string) {
	head, body, _ := strings.Cut(text, "\n\n")
	first, lines, _ := strings.Cut(head, "\n")
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		header = append(header, provider.Field{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	}
	return first, header, body
}

// nonZero writes a struct as indented JSON, by its Go names and without its
// zero fields.
func nonZero(v any) string {
	fields := map[string]any{}
	for s, i := reflect.ValueOf(v), 0; i < s.NumField(); i++ {
		if !s.Field(i).IsZero() {
			fields[s.Type().Field(i).Name] = s.Field(i).Interface()
		}
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(fields); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(text.String(), "\n")
}
