package strict

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// The kinds of JSON values, as an error calls them.
const (
	object  = "an object"
	list    = "a list"
	text    = "a text"
	number  = "a number"
	boolean = "true or false"
)

var (
	readsText = reflect.TypeFor[encoding.TextUnmarshaler]()
	readsJSON = reflect.TypeFor[json.Unmarshaler]()
	bytesType = reflect.TypeFor[[]byte]()
)

// kindOfType is the kind of value that a type is written as, "" for a type
// that takes any or reads its JSON itself.
func kindOfType(t reflect.Type) string {
	switch p := reflect.PointerTo(t); {
	case p.Implements(readsText), t == bytesType:
		return text
	case p.Implements(readsJSON):
		return ""
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return object
	case reflect.Slice, reflect.Array:
		return list
	case reflect.String:
		return text
	case reflect.Bool:
		return boolean
	case reflect.Interface:
		return ""
	}
	return number
}

func kindOfToken(tok json.Token) string {
	switch tok := tok.(type) {
	case json.Delim:
		if tok == '{' {
			return object
		}
		return list
	case string:
		return text
	case json.Number:
		return number
	case bool:
		return boolean
	}
	return "null"
}

// fieldsOf maps the JSON names of a struct to the types of its fields.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name := nameOf(f); name != "" {
			fields[name] = f.Type
		}
	}
	return fields
}

// nameOf is the JSON name of a field, "" for one that JSON does not have.
func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case f.Anonymous, !f.IsExported(), name == "-":
		return ""
	case name == "":
		return f.Name
	}
	return name
}

// choice lists the names that a struct has, in its own order.
func choice(t reflect.Type) string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name := nameOf(f); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "there are none"
	}
	return "there are " + strings.Join(names, ", ")
}

func field(path string) string {
	if path == "" {
		return "the document"
	}
	return fmt.Sprintf("field %q", path)
}
