// Package markup reads the documents with which gateways answer carriers whose
// markup is Twilio's or grew out of it: XML with a Response at its root.
package markup

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Element is a node of a document.
type Element struct {
	Name     string
	Text     string // what is in it beside its children, trimmed
	Children []Element
	attrs    map[string]string
}

// Attr returns an attribute, or what counts where it is missing.
func (e *Element) Attr(name, fallback string) string {
	if v, ok := e.attrs[name]; ok {
		return v
	}
	return fallback
}

// Has reports whether the element has an attribute.
func (e *Element) Has(name string) bool {
	_, ok := e.attrs[name]
	return ok
}

// IsTrue reads a boolean attribute, false where it is missing.
func (e *Element) IsTrue(name string) bool { return strings.EqualFold(e.Attr(name, "false"), "true") }

// Unknown lists the attributes that are not among the known ones, which are
// separated by blanks.
func (e *Element) Unknown(known string) []string {
	var list []string
	for name := range e.attrs {
		if !strings.Contains(" "+known+" ", " "+name+" ") {
			list = append(list, name)
		}
	}
	return list
}

// UnmarshalXML implements xml.Unmarshaler.
func (e *Element) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	e.Name, e.attrs = start.Name.Local, map[string]string{}
	for _, a := range start.Attr {
		if _, twice := e.attrs[a.Name.Local]; twice {
			return fmt.Errorf("attribute %s of <%s> appears twice", a.Name.Local, e.Name)
		}
		e.attrs[a.Name.Local] = a.Value
	}
	var text strings.Builder
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			var child Element
			if err := child.UnmarshalXML(d, t); err != nil {
				return err
			}
			e.Children = append(e.Children, child)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			e.Text = strings.TrimSpace(text.String())
			return nil
		}
	}
}

// Parse reads a whole document and returns its Response.
func Parse(doc []byte) (*Element, error) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	root := &Element{}
	if err := d.Decode(root); err != nil {
		return nil, err
	}
	if root.Name != "Response" {
		return nil, fmt.Errorf("root is <%s>, not <Response>", root.Name)
	}
	for {
		switch token, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return root, nil
		case err != nil:
			return nil, err
		default:
			if _, more := token.(xml.StartElement); more {
				return nil, errors.New("second root element")
			}
		}
	}
}
