package provider

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Config is one account's configuration, as the provider's fields describe it.
type Config struct {
	Values map[string]any
	// APIURL replaces the base address of the carrier's REST API: a regional
	// host, a proxy, a simulated carrier. "" for the carrier's own.
	APIURL string
	// AllowUnsigned lets unsigned webhooks in, in a laboratory only.
	AllowUnsigned bool
	// Country is the ISO 3166 code by which national numbers are read.
	Country string
}

// String returns a text field, "" when it is not set.
func (c Config) String(name string) string {
	s, _ := c.Values[name].(string)
	return s
}

// Strings returns the non-empty entries of a string-array field; a single
// string counts as one.
func (c Config) Strings(name string) []string {
	var list []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	switch v := c.Values[name].(type) {
	case string:
		add(v)
	case []string:
		for _, s := range v {
			add(s)
		}
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				add(s)
			}
		}
	}
	return list
}

// Bool returns a boolean field, false when it is not set.
func (c Config) Bool(name string) bool {
	b, _ := c.Values[name].(bool)
	return b
}

// Number returns a number field, 0 when it is not set.
func (c Config) Number(name string) float64 {
	switch v := c.Values[name].(type) {
	case float64:
		return v
	case int:
		return float64(v)
	case json.Number:
		f, _ := v.Float64()
		return f
	}
	return 0
}

// Validate returns an *Error of KindInvalid that names the first field that is
// missing, unknown or of the wrong form.
func (s *Spec) Validate(c Config) error {
	for _, name := range sortedKeys(c.Values) {
		if _, ok := s.Field(name); !ok {
			return s.invalid("field %q does not exist; %s has %s", name, s.Name, strings.Join(s.fieldNames(), ", "))
		}
	}
	for _, f := range s.Fields {
		v, set := c.Values[f.Name]
		if !set || v == nil || v == "" {
			if f.Required && visible(f, c) {
				return s.invalid("field %q (%s) is required", f.Name, f.Label)
			}
			continue
		}
		if err := f.check(v); err != nil {
			return s.invalid("field %q (%s): %v", f.Name, f.Label, err)
		}
	}
	return nil
}

func (s *Spec) invalid(format string, args ...any) error {
	e := Errorf(KindInvalid, format, args...)
	e.Provider, e.Op = s.Name, "configure"
	return e
}

func (s *Spec) fieldNames() []string {
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	return names
}

func visible(f FieldSpec, c Config) bool {
	return f.VisibleWhen == nil || c.Values[f.VisibleWhen.Field] == f.VisibleWhen.Value
}

func (f FieldSpec) check(v any) error {
	switch f.Type {
	case Boolean:
		if _, ok := v.(bool); !ok {
			return fmt.Errorf("want true or false")
		}
	case NumberOf:
		switch v.(type) {
		case float64, int, json.Number:
		default:
			return fmt.Errorf("want a number")
		}
	case Strings:
		switch v := v.(type) {
		case []string:
		case []any:
			for _, e := range v {
				if _, ok := e.(string); !ok {
					return fmt.Errorf("want a list of texts")
				}
			}
		default:
			return fmt.Errorf("want a list of texts")
		}
	default:
		return f.checkText(v)
	}
	return nil
}

func (f FieldSpec) checkText(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("want a text")
	}
	if f.Type == Select && !slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == s }) {
		values := make([]string, len(f.Options))
		for i, o := range f.Options {
			values[i] = o.Value
		}
		return fmt.Errorf("want one of %s", strings.Join(values, ", "))
	}
	if f.Pattern == "" {
		return nil
	}
	re, err := regexp.Compile(f.Pattern)
	if err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	if !re.MatchString(s) {
		if f.Secret {
			return fmt.Errorf("does not have the form %s", f.Pattern)
		}
		return fmt.Errorf("%q does not have the form %s", s, f.Pattern)
	}
	return nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
