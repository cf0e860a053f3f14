package schematest

import (
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/schemas"
)

// Node is one place in a schema.
type Node struct {
	name string         // of the schema it stands in
	root map[string]any // that schema
	keys map[string]any // the keywords at this place
}

// Read returns the root of a schema.
func Read(t *testing.T, name string) Node {
	t.Helper()
	doc, err := schemas.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(doc, &root); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return Node{name, root, root}
}

// Property goes to a property; it fails the test when there is none.
func (n Node) Property(t *testing.T, name string) Node {
	t.Helper()
	p, ok := n.properties()[name].(map[string]any)
	if !ok {
		t.Fatalf("%s: there is no property %s", n.name, name)
	}
	return Node{n.name, n.root, p}
}

// Number returns a keyword that is a number.
func (n Node) Number(keyword string) float64 {
	f, _ := n.keys[keyword].(float64)
	return f
}

// Texts returns a keyword that is a list of texts, such as enum or required.
func (n Node) Texts(keyword string) []string {
	var texts []string
	entries, _ := n.keys[keyword].([]any)
	for _, e := range entries {
		if s, ok := e.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// Shape compares an object with a struct: its properties with the JSON tags,
// required with the tags that have no omitempty or omitzero, and so on down.
// Where strict, no object may have more than its properties; else all may.
func Shape(t *testing.T, n Node, typ reflect.Type, strict bool) {
	t.Helper()
	n = n.resolve(t)
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if got, want := n.keys["type"], kind(typ); want != "" && got != want {
		t.Errorf("%s: type is %v, and %s is written as %s", n.name, got, typ, want)
		return
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		if n.keys["format"] != "date-time" {
			t.Errorf("%s: a time without format date-time", n.name)
		}
	case typ.Kind() == reflect.Slice && kind(typ) == "array":
		Shape(t, n.child("items"), typ.Elem(), strict)
	case typ.Kind() == reflect.Map:
		Shape(t, n.child("additionalProperties"), typ.Elem(), strict)
	case typ.Kind() == reflect.Struct:
		shapeOfStruct(t, n, typ, strict)
	}
}

func shapeOfStruct(t *testing.T, n Node, typ reflect.Type, strict bool) {
	t.Helper()
	var names, required []string
	for _, f := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			required = append(required, name)
		}
		if n.properties()[name] != nil {
			Shape(t, n.Property(t, name), f.Type, strict)
		}
	}
	if diff := cmp.Diff(sorted(names), sorted(keysOf(n.properties()))); diff != "" {
		t.Errorf("%s and %s (-tags +properties):\n%s", n.name, typ, diff)
	}
	if diff := cmp.Diff(sorted(required), sorted(n.Texts("required"))); diff != "" {
		t.Errorf("%s and %s (-tags without omitempty +required):\n%s", n.name, typ, diff)
	}
	if _, closed := n.keys["additionalProperties"]; closed != strict {
		t.Errorf("%s and %s: has additionalProperties: %t, want %t", n.name, typ, closed, strict)
	}
}

// kind is the JSON Schema type that a Go type is written as, "" for any.
func kind(typ reflect.Type) string {
	if typ == reflect.TypeFor[time.Time]() {
		return "string"
	}
	switch typ.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 { // json.RawMessage
			return ""
		}
		return "array"
	}
	return "unknown to schematest: " + typ.String()
}

func (n Node) properties() map[string]any {
	p, _ := n.keys["properties"].(map[string]any)
	return p
}

func (n Node) child(keyword string) Node {
	keys, _ := n.keys[keyword].(map[string]any)
	return Node{n.name, n.root, keys}
}

// described reports whether the place, or what it refers to within the same
// schema, has a description.
func (n Node) described() bool {
	d, _ := n.keys["description"].(string)
	if local, ok := n.local(); ok && d == "" {
		return local.described()
	}
	return d != "" || n.file() != ""
}

// local follows a reference within the schema.
func (n Node) local() (Node, bool) {
	ref, _ := n.keys["$ref"].(string)
	name, ok := strings.CutPrefix(ref, "#/$defs/")
	if !ok {
		return n, false
	}
	defs, _ := n.root["$defs"].(map[string]any)
	keys, _ := defs[name].(map[string]any)
	return Node{n.name, n.root, keys}, true
}

// file is the name of the other schema that the place refers to, "" for none.
func (n Node) file() string {
	ref, _ := n.keys["$ref"].(string)
	name, ok := strings.CutSuffix(ref, ".json")
	if !ok {
		return ""
	}
	return path.Join(path.Dir(n.name), name)
}

// resolve follows a reference, to wherever it leads.
func (n Node) resolve(t *testing.T) Node {
	t.Helper()
	if local, ok := n.local(); ok {
		return local
	}
	if name := n.file(); name != "" {
		return Read(t, name)
	}
	return n
}

// walk calls each for every property within the schema itself, with its path.
func (n Node) walk(t *testing.T, at string, each func(at string, n Node)) {
	t.Helper()
	n, _ = n.local()
	for name := range n.properties() {
		p := n.Property(t, name)
		each(join(at, name), p)
		p.walk(t, join(at, name), each)
	}
	if items := n.child("items"); items.keys != nil {
		items.walk(t, at, each)
	}
}

func keysOf(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// sorted also makes nothing of an empty list, so that the two compare equal.
func sorted(list []string) []string {
	list = slices.Sorted(slices.Values(list))
	if len(list) == 0 {
		return nil
	}
	return list
}
