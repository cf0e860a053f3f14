package twilio

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/trunkline-io/trunkline/pkg/carriersim"
	"github.com/trunkline-io/trunkline/pkg/carriersim/internal/markup"
)

// maxMarkup is the largest document that Twilio takes.
const maxMarkup = 64 << 10

// source is where the next document comes from: inline or a URL.
type source struct {
	twiml  string
	url    string
	method string
	kind   carriersim.Kind
	fields url.Values // beside those of every voice request

	fallbackURL    string
	fallbackMethod string
}

// element is a node of a document.
type element = markup.Element

// parseMarkup reads a whole document.
func parseMarkup(doc []byte) (*element, error) {
	if len(doc) > maxMarkup {
		return nil, fmt.Errorf("11750 document of %d bytes is too large", len(doc))
	}
	root, err := markup.Parse(doc)
	if err != nil {
		return nil, fmt.Errorf("12100 document parse failure: %w", err)
	}
	return root, nil
}

// load gets a document, from the fallback URL if need be.
func (s *session) load(ctx context.Context, from *source) (*element, error) {
	if from.twiml != "" {
		return parseMarkup([]byte(from.twiml))
	}
	doc, err := s.fetch(ctx, from.kind, from.method, from.url, with(s.fields(), from.fields))
	if err == nil || from.fallbackURL == "" || ctx.Err() != nil {
		return doc, err
	}
	s.Warn("%v", err)
	code, _, _ := strings.Cut(err.Error(), " ")
	failed := url.Values{"ErrorCode": {code}, "ErrorUrl": {from.url}}
	return s.fetch(ctx, from.kind, from.fallbackMethod, from.fallbackURL, with(with(s.fields(), from.fields), failed))
}

func (s *session) fetch(ctx context.Context, kind carriersim.Kind, method, target string, form url.Values) (*element, error) {
	reply, err := s.c.Send(ctx, s.webhook(kind, s.Status(), method, target, form))
	if err != nil {
		return nil, fmt.Errorf("11200 fetch failed: %w", err)
	}
	if !reply.OK() {
		return nil, fmt.Errorf("11200 fetch answered %d", reply.Status)
	}
	kindOf, _, err := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if err != nil || !slices.Contains([]string{"text/xml", "application/xml", "text/html"}, kindOf) {
		return nil, fmt.Errorf("12300 content type %q", reply.Header.Get("Content-Type"))
	}
	return parseMarkup(reply.Body)
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
	if err != nil {
		if ctx.Err() == nil {
			s.Warn("%v", err)
			s.answer()
			s.say(ctx, "application error", 1)
			s.hangUpUnless(ctx, "carrier")
		}
		return nil
	}
	for i := range doc.Children {
		e := &doc.Children[i]
		v, ok := verbs[e.Name]
		if !ok {
			s.Warn("12200 unknown or unsupported verb <%s>", e.Name)
			continue
		}
		s.check(e, v.attrs)
		if r := v.run(s, ctx, e, i == 0); r.over || ctx.Err() != nil {
			if r.next == nil {
				s.hangUpUnless(ctx, "markup")
			}
			return r.next
		}
	}
	s.answer() // a document without verbs answers all the same, and is billed
	s.hangUpUnless(ctx, "markup")
	return nil
}

// hangUpUnless hangs up, unless the document was interrupted by another.
func (s *session) hangUpUnless(ctx context.Context, by string) {
	if ctx.Err() == nil {
		s.Hangup(by)
	}
}

// check warns of attributes that Twilio does not know.
func (s *session) check(e *element, known string) {
	for _, name := range e.Unknown(known) {
		s.Warn("12200 unknown attribute %s of <%s>", name, e.Name)
	}
}

// after is the outcome of a verb that asks an action URL what comes next, if it
// has one.
func (s *session) after(ctx context.Context, e *element, fields url.Values) outcome {
	action := e.Attr("action", "")
	if action == "" || ctx.Err() != nil {
		return goOn
	}
	return outcome{over: true, next: &source{
		url: action, method: e.Attr("method", http.MethodPost), kind: carriersim.KindAction, fields: fields,
	}}
}
