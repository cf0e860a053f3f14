// Package twiml writes the markup that answers a carrier's webhooks: XML with
// a Response at its root, in Twilio's dialect or one that grew out of it.
package twiml

import (
	"bytes"
	"encoding/xml"
	"strconv"
)

// ContentType is the type of a finished document.
const ContentType = "text/xml"

const prolog = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// Attribute is one attribute of an element; the zero Attribute is none, which
// leaves the carrier its default.
type Attribute struct{ Name, Value string }

// Attr makes an attribute of a text, none of an empty one.
func Attr(name, value string) Attribute {
	if value == "" {
		return Attribute{}
	}
	return Attribute{name, value}
}

// Int makes an attribute of a number, none of 0.
func Int(name string, n int) Attribute {
	if n == 0 {
		return Attribute{}
	}
	return Attribute{name, strconv.Itoa(n)}
}

// Bool makes an attribute that says true or false.
func Bool(name string, b bool) Attribute { return Attribute{name, strconv.FormatBool(b)} }

// Writer writes one document. All text is escaped, and characters that XML
// cannot hold become U+FFFD, so that nothing a caller or a user says can be
// taken for markup.
type Writer struct {
	buf  bytes.Buffer
	open []string
}

// New returns a writer in whose document Response is open.
func New() *Writer {
	w := &Writer{}
	w.buf.WriteString(prolog)
	w.Open("Response")
	return w
}

// Open begins an element that holds others.
func (w *Writer) Open(name string, attrs ...Attribute) {
	w.tag(name, attrs)
	w.buf.WriteByte('>')
	w.open = append(w.open, name)
}

// Close ends the element that was opened last.
func (w *Writer) Close() {
	last := len(w.open) - 1
	w.end(w.open[last])
	w.open = w.open[:last]
}

// Element writes an element that holds text, or nothing.
func (w *Writer) Element(name, text string, attrs ...Attribute) {
	w.tag(name, attrs)
	if text == "" {
		w.buf.WriteString("/>")
		return
	}
	w.buf.WriteByte('>')
	w.escape(text)
	w.end(name)
}

// Document closes what is open and returns the document.
func (w *Writer) Document() []byte {
	for len(w.open) > 0 {
		w.Close()
	}
	return w.buf.Bytes()
}

func (w *Writer) tag(name string, attrs []Attribute) {
	w.buf.WriteByte('<')
	w.buf.WriteString(name)
	for _, a := range attrs {
		if a.Name == "" {
			continue
		}
		w.buf.WriteByte(' ')
		w.buf.WriteString(a.Name)
		w.buf.WriteString(`="`)
		w.escape(a.Value)
		w.buf.WriteByte('"')
	}
}

func (w *Writer) end(name string) {
	w.buf.WriteString("</")
	w.buf.WriteString(name)
	w.buf.WriteByte('>')
}

func (w *Writer) escape(text string) {
	_ = xml.EscapeText(&w.buf, []byte(text)) // a bytes.Buffer takes everything
}
