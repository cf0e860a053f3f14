package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// The sections of a vector file.
const (
	sectionSignatures = "signatures"
	sectionWebhooks   = "webhooks"
	sectionMedia      = "media"
)

// sections in the order in which they are run and counted.
var sections = []string{sectionSignatures, sectionWebhooks, sectionMedia}

// epoch is the time of cases that name none.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Case is one case of a vector file. Behind its own fields stand those that
// the file's meta data gives for all webhooks, such as the account's secrets;
// a signature case has only its own, as a missing secret is a case by itself.
type Case struct {
	Section string // signatures, webhooks, media
	Name    string // unique within the section
	fields  map[string]any
	shared  map[string]any
	headers provider.Header
}

// Value returns a field as encoding/json decodes it, numbers as json.Number;
// nil when there is none.
func (c Case) Value(key string) any {
	if v, ok := c.fields[key]; ok {
		return v
	}
	return c.shared[key]
}

// String returns a field as text, "" when there is none.
func (c Case) String(key string) string { return scalar(c.Value(key)) }

// Setting returns an entry of the case's own provider settings, which stand in
// its field config or in expect.config; nil when there is none.
func (c Case) Setting(key string) any {
	for _, in := range []any{c.fields["config"], c.expect()["config"]} {
		if m, ok := in.(map[string]any); ok && m[key] != nil {
			return m[key]
		}
	}
	return nil
}

// Strings returns a field that is a list of texts.
func (c Case) Strings(key string) []string { return scalars(c.Value(key)) }

func (c Case) flag(key string) bool { return c.Value(key) == true }

func (c Case) expect() map[string]any {
	m, _ := c.fields["expect"].(map[string]any)
	return m
}

// now is the time at which the case is checked.
func (c Case) now() time.Time {
	if n, ok := c.Value("now").(json.Number); ok {
		if sec, err := n.Int64(); err == nil {
			return time.Unix(sec, 0).UTC()
		}
	}
	return epoch
}

// url is the public URL of the request: a signature case has it whole.
func (c Case) url() string {
	if u := c.String("url"); u != "" {
		return u
	}
	return c.String("base_url") + c.String("path")
}

// request builds the request that the case describes.
func (c Case) request(a Adapter) *provider.Request {
	req := &provider.Request{
		Method: c.String("method"), URL: c.url(), Header: c.headers, Body: []byte(c.String("body")), Now: c.now(),
	}
	path := pathOf(req.URL)
	req.Hook, req.CallID = HookOf(path)
	if a.Hook != nil {
		req.Hook = a.Hook(path)
	}
	if a.PathVerified != nil {
		req.PathVerified = a.PathVerified(c, req)
	}
	if req.PathVerified && strings.HasSuffix(path, "/"+req.CallID) {
		req.CallID = "" // the last segment is the proof
	}
	return req
}

// pathOf cuts scheme, host, query and fragment from a URL.
func pathOf(url string) string {
	url, _, _ = strings.Cut(url, "#")
	url, _, _ = strings.Cut(url, "?")
	if _, rest, ok := strings.Cut(url, "://"); ok {
		_, url, _ = strings.Cut(rest, "/")
		return "/" + url
	}
	return url
}

// hookWords are the words in the paths of vector files that differ from the
// names of the hooks they stand for.
var hookWords = map[string]provider.Hook{
	"session": provider.HookStatus, "record": provider.HookRecording, "transfer": provider.HookAnswer,
}

// HookOf reads the hook from a path of a vector file, /v1/twilio/voice/status/01JABC,
// and the call id that may follow it. The hook is "" when no word fits.
func HookOf(path string) (hook provider.Hook, callID string) {
	words := strings.Split(strings.Trim(path, "/"), "/")
	for i, word := range words {
		hook, ok := hookWords[word]
		for _, h := range provider.Hooks() {
			if string(h) == word {
				hook, ok = h, true
			}
		}
		if ok {
			if i+1 < len(words) {
				callID = words[i+1]
			}
			return hook, callID
		}
	}
	return "", ""
}

// decodeJSON reads one JSON value, numbers as json.Number, and nothing after it.
func decodeJSON(doc []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// decodeHeader reads an object of header lines in the order of the file, which
// a map would lose.
func decodeHeader(doc []byte) (provider.Header, error) {
	if len(doc) == 0 || string(doc) == "null" {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("headers are no object")
	}
	var h provider.Header
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		for _, v := range scalars(value) {
			h = append(h, provider.Field{Name: fmt.Sprint(name), Value: v})
		}
	}
	return h, nil
}

// scalar is the text of a JSON value that is no list or object.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

// scalars are the texts of a list; a single value counts as one.
func scalars(v any) []string {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil
		}
		return []string{scalar(v)}
	}
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = scalar(e)
	}
	return texts
}
