package plivoswitch

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
)

// maxMarkup is the largest document that these carriers take.
const maxMarkup = 100 << 10

// hook is a URL of the gateway's with its method.
type hook struct{ url, method string }

// or returns the first hook that has a URL.
func (h hook) or(other hook) hook {
	if h.url == "" {
		return other
	}
	return h
}

// source is where the next document comes from.
type source struct {
	hook
	kind     carriersim.Kind
	event    string
	fields   url.Values // beside those of every callback
	fallback hook
}

// element is a node of a document.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

func (e *element) name() string { return e.XMLName.Local }
func (e *element) text() string { return strings.TrimSpace(e.Text) }

func (e *element) attr(name, fallback string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return fallback
}

// isTrue reads a boolean attribute.
func (e *element) isTrue(name string, fallback bool) bool {
	return strings.EqualFold(e.attr(name, strconv.FormatBool(fallback)), "true")
}

// hook reads a URL and its method from two attributes.
func (e *element) hook(target, method string) hook {
	return hook{e.attr(target, ""), e.attr(method, http.MethodPost)}
}

// once fails where an attribute appears twice, which the decoder lets pass.
func (e *element) once() error {
	seen := map[string]bool{}
	for _, a := range e.Attrs {
		if seen[a.Name.Local] {
			return fmt.Errorf("attribute %s of <%s> appears twice", a.Name.Local, e.name())
		}
		seen[a.Name.Local] = true
	}
	for i := range e.Children {
		if err := e.Children[i].once(); err != nil {
			return err
		}
	}
	return nil
}

// parseMarkup reads a whole document.
func parseMarkup(doc []byte) (*element, error) {
	if len(doc) > maxMarkup {
		return nil, fmt.Errorf("document of %d bytes is too large", len(doc))
	}
	d := xml.NewDecoder(bytes.NewReader(doc))
	root := &element{}
	if err := d.Decode(root); err != nil {
		return nil, err
	}
	if root.name() != "Response" {
		return nil, fmt.Errorf("root is <%s>, not <Response>", root.name())
	}
	for {
		switch token, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return root, root.once()
		case err != nil:
			return nil, err
		default:
			if _, more := token.(xml.StartElement); more {
				return nil, errors.New("second root element")
			}
		}
	}
}

// badDocument is a reply that arrived and is of no use.
type badDocument struct{ error }

// load gets a document, from the fallback URL if need be.
func (s *session) load(ctx context.Context, from *source) (*element, error) {
	doc, err := s.fetch(ctx, from, from.hook)
	if err == nil || from.fallback.url == "" || ctx.Err() != nil {
		return doc, err
	}
	s.Warn("%s %s: %v", from.event, from.url, err)
	return s.fetch(ctx, from, from.fallback)
}

func (s *session) fetch(ctx context.Context, from *source, at hook) (*element, error) {
	form := s.fields(from.event)
	for name, values := range from.fields {
		form[name] = values
	}
	reply, err := s.c.Send(ctx, s.webhook(from.kind, from.event, at, form, s.c.m.Fetch))
	if err != nil {
		return nil, err
	}
	if !reply.OK() {
		return nil, fmt.Errorf("answered %d", reply.Status)
	}
	kindOf, _, err := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if err != nil || kindOf != "text/xml" && kindOf != "application/xml" {
		return nil, badDocument{fmt.Errorf("content type %q", reply.Header.Get("Content-Type"))}
	}
	doc, err := parseMarkup(reply.Body)
	if err != nil {
		return nil, badDocument{err}
	}
	return doc, nil
}

// outcome is what a verb leaves behind: the document goes on, or it is over
// and something else follows, if anything.
type outcome struct {
	over bool
	next *source
}

var goOn = outcome{}

// runOne runs one document and returns what to run after it. Where nothing
// follows and the call still runs, it is hung up.
func (s *session) runOne(ctx context.Context, from *source) *source {
	doc, err := s.load(ctx, from)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		s.Warn("%s %s: %v", from.event, from.url, err)
		var bad badDocument
		s.hangUp(byCarrier, endOfFetch(from.event == "StartApp", errors.As(err, &bad)))
		return nil
	}
	if len(doc.Children) == 0 && !s.Answered() { // it does on some paths, which is reason enough not to do it
		s.answer()
		s.Warn("an empty <Response> answers the call before it ends it")
	}
	for i := range doc.Children {
		e := &doc.Children[i]
		v, ok := verbs[e.name()]
		if !ok {
			s.Warn("unknown or unsupported element <%s>", e.name())
			continue
		}
		s.check(e, v.attrs)
		if v.answers {
			s.answer()
		}
		if r := v.run(s, ctx, e); r.over || ctx.Err() != nil {
			return r.next
		}
	}
	s.hangUp(byMarkup, endOfXML)
	return nil
}

// check warns of attributes that the carrier does not know.
func (s *session) check(e *element, known string) {
	for _, a := range e.Attrs {
		if !slices.Contains(strings.Fields(known), a.Name.Local) {
			s.Warn("unknown attribute %s of <%s>", a.Name.Local, e.name())
		}
	}
}

// after is the outcome of a verb with an action URL: it is asked what comes
// next, or with redirect="false" only told.
func (s *session) after(ctx context.Context, e *element, fields url.Values) outcome {
	action := e.hook("action", "method")
	if action.url == "" || ctx.Err() != nil {
		return goOn
	}
	if !e.isTrue("redirect", true) {
		s.callback(carriersim.KindAction, action, "Redirect", fields)
		return goOn
	}
	return outcome{over: true, next: &source{hook: action, kind: carriersim.KindAction, event: "Redirect", fields: fields}}
}

// seconds reads an attribute that is a number of seconds.
func (s *session) seconds(e *element, name string, fallback int) time.Duration {
	n, err := strconv.Atoi(e.attr(name, strconv.Itoa(fallback)))
	if err != nil || n < 0 {
		s.Warn("%s %q of <%s>", name, e.attr(name, ""), e.name())
		n = fallback
	}
	return time.Duration(n) * time.Second
}
