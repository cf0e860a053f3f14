// Package schematest holds the schemas of the contract and its Go types
// against each other, in the tests of the packages that have such types.
package schematest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/trunkline-io/trunkline/schemas"
)

// Names lists the schemas of a folder, such as "event", by their base names.
func Names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := fs.ReadDir(schemas.FS, folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

var compiled = struct {
	sync.Mutex
	byName map[string]*jsonschema.Schema
}{byName: map[string]*jsonschema.Schema{}}

// Validate returns an error when doc does not fit the schema of a name, such
// as "event/call.answered". Formats are checked too.
func Validate(name string, doc []byte) error {
	schema, err := compile(name)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return schema.Validate(v)
}

func compile(name string) (*jsonschema.Schema, error) {
	compiled.Lock()
	defer compiled.Unlock()
	if schema := compiled.byName[name]; schema != nil {
		return schema, nil
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(embedded{})
	c.AssertFormat()
	schema, err := c.Compile(schemas.Base + name + ".json")
	if err != nil {
		return nil, err
	}
	compiled.byName[name] = schema
	return schema, nil
}

// embedded loads schemas from the module instead of from where they are published.
type embedded struct{}

func (embedded) Load(url string) (any, error) {
	name, ok := strings.CutPrefix(url, schemas.Base)
	if !ok {
		return nil, fmt.Errorf("%s is not below %s", url, schemas.Base)
	}
	doc, err := schemas.FS.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(doc))
}

// Document checks what every schema has: its dialect, address, title and
// description, a description of each property, and examples that are valid and
// show each property at least once.
func Document(t *testing.T, name string) {
	t.Helper()
	root := Read(t, name)
	want := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$id":     schemas.Base + name + ".json",
		"title":   path.Base(name),
	}
	for key, value := range want {
		if diff := cmp.Diff(value, root.keys[key]); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", name, key, diff)
		}
	}
	if !root.described() {
		t.Errorf("%s has no description", name)
	}
	shown := map[string]bool{}
	examples := Examples(t, name)
	for i, doc := range examples {
		if err := Validate(name, doc); err != nil {
			t.Errorf("%s: example %d: %v", name, i, err)
		}
		note(shown, "", value(t, doc))
	}
	if len(examples) == 0 {
		t.Errorf("%s has no examples", name)
	}
	root.walk(t, "", func(at string, n Node) {
		if !n.described() {
			t.Errorf("%s: %s has no description", name, at)
		}
		if !shown[at] {
			t.Errorf("%s: no example shows %s", name, at)
		}
	})
}

// Examples returns the examples of a schema, as they are written there.
func Examples(t *testing.T, name string) []json.RawMessage {
	t.Helper()
	doc, err := schemas.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	var s struct{ Examples []json.RawMessage }
	if err := json.Unmarshal(doc, &s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s.Examples
}

// RoundTrip decodes each example of a schema, encodes it again, and compares
// the two as JSON values.
func RoundTrip(t *testing.T, name string, decode func([]byte) (any, error)) {
	t.Helper()
	for i, doc := range Examples(t, name) {
		v, err := decode(doc)
		if err != nil {
			t.Errorf("%s: example %d: %v", name, i, err)
			continue
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: example %d: %v", name, i, err)
			continue
		}
		if diff := cmp.Diff(value(t, doc), value(t, again)); diff != "" {
			t.Errorf("%s: example %d (-written +decoded and encoded):\n%s", name, i, diff)
		}
	}
}

func value(t *testing.T, doc []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// note enters the path of each field in v into shown.
func note(shown map[string]bool, at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			to := join(at, name)
			shown[to] = true
			note(shown, to, field)
		}
	case []any:
		for _, e := range v {
			note(shown, at, e)
		}
	}
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}
