// Package strict reads JSON documents that others write for Trunkline: orders,
// controls, configuration. It guesses nothing. A name that does not exist, a
// name in other letters (encoding/json takes "TO" for "to"), a name given
// twice, a null, a value of the wrong kind, and whatever follows the document
// are refused, in words that name the field and leave Go out of it.
package strict

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Decode reads exactly one JSON value into what into points to. Its fields are
// those that encoding/json sees, except that an embedded struct must not have
// a tag.
func Decode(doc []byte, into any) error {
	if err := wellFormed(doc); err != nil {
		return err
	}
	r := reader{json.NewDecoder(bytes.NewReader(doc))}
	r.UseNumber()
	if err := r.value(reflect.TypeOf(into).Elem(), ""); err != nil {
		return err
	}
	return json.Unmarshal(doc, into)
}

func wellFormed(doc []byte) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	var raw json.RawMessage
	err := dec.Decode(&raw)
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON document is cut short")
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d: %w", syntax.Offset, err)
	case err != nil:
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON document")
	}
	return nil
}

// reader walks a well-formed document beside the type that it is meant for.
type reader struct{ *json.Decoder }

// value checks the next value; path names it, "" for the whole document.
func (r reader) value(t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	want := kindOfType(t)
	if want == "" {
		var raw json.RawMessage
		return r.Decode(&raw)
	}
	tok, err := r.Token()
	if err != nil {
		return err
	}
	if got := kindOfToken(tok); got == "null" {
		return fmt.Errorf("%s is null; leave it out instead", field(path))
	} else if got != want {
		return fmt.Errorf("%s is %s, want %s", field(path), got, want)
	}
	switch want {
	case object:
		return r.object(t, path)
	case list:
		return r.list(t, path)
	case text:
		return checkText(tok.(string), t, path)
	case number:
		return checkNumber(tok.(json.Number), t, path)
	}
	return nil
}

func (r reader) object(t reflect.Type, path string) error {
	var fields map[string]reflect.Type
	if t.Kind() == reflect.Struct {
		fields = fieldsOf(t)
	}
	seen := map[string]bool{}
	for r.More() {
		tok, err := r.Token()
		if err != nil {
			return err
		}
		name := tok.(string)
		at := strings.TrimPrefix(path+"."+name, ".")
		if seen[name] {
			return fmt.Errorf("%s is given twice", field(at))
		}
		seen[name] = true
		next := fields[name]
		if fields == nil {
			next = t.Elem()
		} else if next == nil {
			return fmt.Errorf("unknown field %q: %s", at, choice(t))
		}
		if err := r.value(next, at); err != nil {
			return err
		}
	}
	_, err := r.Token()
	return err
}

func (r reader) list(t reflect.Type, path string) error {
	for i := 0; r.More(); i++ {
		if err := r.value(t.Elem(), path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	_, err := r.Token()
	return err
}

func checkText(s string, t reflect.Type, path string) error {
	u, ok := reflect.New(t).Interface().(encoding.TextUnmarshaler)
	if !ok {
		return nil
	}
	err := u.UnmarshalText([]byte(s))
	var when *time.ParseError
	switch {
	case errors.As(err, &when):
		return fmt.Errorf("%s is %q, want a time such as 2026-01-31T15:04:05Z", field(path), s)
	case err != nil:
		return fmt.Errorf("%s: %w", field(path), err)
	}
	return nil
}

func checkNumber(n json.Number, t reflect.Type, path string) error {
	var err error
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		_, err = strconv.ParseFloat(n.String(), t.Bits())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		_, err = strconv.ParseUint(n.String(), 10, t.Bits())
	default:
		_, err = strconv.ParseInt(n.String(), 10, t.Bits())
	}
	if err != nil {
		return fmt.Errorf("%s is %s, want a whole number that is not too large", field(path), n)
	}
	return nil
}
