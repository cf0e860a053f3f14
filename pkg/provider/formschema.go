package provider

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/trunkline-io/trunkline/schemas"
)

// FormSchema returns the JSON Schema (2020-12) of a provider's configuration:
// what a form, or a program, may fill in for one trunk. It takes what
// Spec.Validate takes, except that a field that is not set must be left out.
//
// What JSON Schema has no word for stands in keywords of our own:
// x-labels names the choices of a select, x-multiline asks for a larger input,
// x-visible-when shows a field only while another one has a value.
func FormSchema(spec *Spec) ([]byte, error) {
	form := formSchema{
		Schema:      "https://json-schema.org/draft/2020-12/schema",
		ID:          schemas.Base + "provider/" + spec.Name + ".json",
		Title:       spec.DisplayName,
		Description: "The configuration of a trunk at " + spec.DisplayName + ". A field that is not set is left out.",
		Docs:        spec.DocsURL,
		Type:        "object",
	}
	for _, f := range spec.Fields {
		p, err := propertyOf(f)
		if err != nil {
			return nil, fmt.Errorf("form schema of %s: field %s: %w", spec.Name, f.Name, err)
		}
		form.Properties = append(form.Properties, namedProperty{f.Name, p})
		switch {
		case f.VisibleWhen != nil:
			if _, ok := spec.Field(f.VisibleWhen.Field); !ok {
				return nil, fmt.Errorf("form schema of %s: field %s: visible when %q, which does not exist", spec.Name, f.Name, f.VisibleWhen.Field)
			}
			if f.Required {
				form.AllOf = append(form.AllOf, requiredWhen(f))
			}
		case f.Required:
			form.Required = append(form.Required, f.Name)
		}
	}
	doc, err := plainJSON(form)
	if err != nil {
		return nil, fmt.Errorf("form schema of %s: %w", spec.Name, err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, doc, "", "  "); err != nil {
		return nil, fmt.Errorf("form schema of %s: %w", spec.Name, err)
	}
	return indented.Bytes(), nil
}

type formSchema struct {
	Schema      string      `json:"$schema"`
	ID          string      `json:"$id"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Docs        string      `json:"x-docs,omitempty"`
	Type        string      `json:"type"`
	Properties  properties  `json:"properties"`
	Required    []string    `json:"required,omitempty"`
	AllOf       []condition `json:"allOf,omitempty"`
	Additional  bool        `json:"additionalProperties"` // always false
}

type property struct {
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Type        string            `json:"type"`
	Items       *property         `json:"items,omitempty"`
	Format      string            `json:"format,omitempty"`
	Enum        []string          `json:"enum,omitempty"`
	Labels      map[string]string `json:"x-labels,omitempty"`
	Multiline   bool              `json:"x-multiline,omitempty"`
	Pattern     string            `json:"pattern,omitempty"`
	MinLength   int               `json:"minLength,omitempty"`
	Default     any               `json:"default,omitempty"`
	Examples    []string          `json:"examples,omitempty"`
	ReadOnly    bool              `json:"readOnly,omitempty"`
	WriteOnly   bool              `json:"writeOnly,omitempty"`
	VisibleWhen *VisibleWhen      `json:"x-visible-when,omitempty"`
}

func propertyOf(f FieldSpec) (property, error) {
	p := property{Title: f.Label, Description: f.Description, Default: f.Default, WriteOnly: f.Secret, VisibleWhen: f.VisibleWhen}
	switch f.Type {
	case Boolean:
		p.Type = "boolean"
		return p, nil
	case NumberOf:
		p.Type = "number"
		return p, nil
	case Strings:
		p.Type, p.Items = "array", &property{Type: "string"}
		return p, nil
	case Text, Password, TextArea, ReadOnly, Select:
	default:
		return p, fmt.Errorf("type %q is not known", f.Type)
	}
	p.Type, p.Pattern = "string", f.Pattern
	p.ReadOnly, p.Multiline = f.Type == ReadOnly, f.Type == TextArea
	if f.Required {
		p.MinLength = 1
	}
	if f.Type == Password {
		p.Format = "password"
	}
	if f.Placeholder != "" && !f.Secret && f.check(f.Placeholder) == nil {
		p.Examples = []string{f.Placeholder}
	}
	if f.Type == Select {
		if len(f.Options) == 0 {
			return p, fmt.Errorf("a select without options")
		}
		p.Labels = map[string]string{}
		for _, o := range f.Options {
			p.Enum = append(p.Enum, o.Value)
			p.Labels[o.Value] = o.Label
		}
	}
	return p, nil
}

// condition asks for fields while another one has a value.
type condition struct {
	If struct {
		Properties map[string]constant `json:"properties"`
		Required   []string            `json:"required"`
	} `json:"if"`
	Then struct {
		Required []string `json:"required"`
	} `json:"then"`
}

type constant struct {
	Const any `json:"const"`
}

func requiredWhen(f FieldSpec) condition {
	var c condition
	c.If.Properties = map[string]constant{f.VisibleWhen.Field: {f.VisibleWhen.Value}}
	c.If.Required = []string{f.VisibleWhen.Field}
	c.Then.Required = []string{f.Name}
	return c
}

// properties keeps the order of the fields, which is the order of the form.
type properties []namedProperty

type namedProperty struct {
	name string
	property
}

// MarshalJSON writes an object.
func (p properties) MarshalJSON() ([]byte, error) {
	doc := []byte("{")
	for i, n := range p {
		name, err := plainJSON(n.name)
		if err != nil {
			return nil, err
		}
		value, err := plainJSON(n.property)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			doc = append(doc, ',')
		}
		doc = append(append(append(doc, name...), ':'), value...)
	}
	return append(doc, '}'), nil
}

// plainJSON leaves < and > readable, as people read these files.
func plainJSON(v any) ([]byte, error) {
	var doc bytes.Buffer
	enc := json.NewEncoder(&doc)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return doc.Bytes(), err
}
