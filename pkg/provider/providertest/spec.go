package providertest

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

var (
	fieldName  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	fieldTypes = []provider.FieldType{
		provider.Text, provider.Password, provider.TextArea, provider.Strings,
		provider.NumberOf, provider.Boolean, provider.Select, provider.ReadOnly,
	}
	// declared are the abilities without an interface.
	declared = []provider.Ability{provider.CanDetectAMD, provider.CanStream}
)

// checkSpec holds that a spec makes sense to those who build forms, schemas
// and masks of it.
func checkSpec(e *env) (f failures) {
	s := e.spec
	if !strings.HasPrefix(s.DocsURL, "https://") {
		f.addf("DocsURL is %q, want https://", s.DocsURL)
	}
	if s.Connectivity != provider.API && s.Connectivity != provider.SIP {
		f.addf("Connectivity is %q, want api or sip", s.Connectivity)
	}
	if !slices.Contains([]provider.DigitSource{"", provider.DigitsFromMedia, provider.DigitsFromWebhook}, s.DigitsFrom) {
		f.addf("DigitsFrom is %q, want media, webhook or nothing", s.DigitsFrom)
	}
	if s.NewCodec != nil {
		checkFormats(s, &f)
	}
	for _, field := range s.Fields {
		checkField(s, field, &f)
	}
	if account, ok := s.Field(s.AccountField); ok && account.Secret {
		f.addf("field %s names the account, and is a secret", account.Name)
	}
	checkChecklist(e, &f)
	checkOpen(e, &f)
	return f
}

func checkFormats(s *provider.Spec, f *failures) {
	if !s.Format.Valid() {
		f.addf("Format is %s, which nobody can handle", s.Format)
	}
	if !slices.Contains(s.Formats, s.Format) {
		f.addf("Formats %v lack Format %s", s.Formats, s.Format)
	}
	for _, format := range s.Formats {
		if !format.Valid() {
			f.addf("Formats have %s, which nobody can handle", format)
		}
	}
}

func checkField(s *provider.Spec, field provider.FieldSpec, f *failures) {
	if !fieldName.MatchString(field.Name) {
		f.addf("field %q: want a name of lower-case letters, digits and _", field.Name)
	}
	if !slices.Contains(fieldTypes, field.Type) {
		f.addf("field %s: type %q does not exist", field.Name, field.Type)
	}
	if field.Type == provider.Password && !field.Secret {
		f.addf("field %s: is a password and no secret", field.Name)
	}
	if field.Secret && !slices.Contains([]provider.FieldType{provider.Password, provider.TextArea, provider.Strings}, field.Type) {
		f.addf("field %s: is a secret and shown as %s", field.Name, field.Type)
	}
	if (field.Type == provider.Select) != (len(field.Options) > 0) {
		f.addf("field %s: options belong to a select, and a select has some", field.Name)
	}
	if _, err := regexp.Compile(field.Pattern); err != nil {
		f.addf("field %s: pattern: %v", field.Name, err)
	}
	if w := field.VisibleWhen; w != nil {
		if _, ok := s.Field(w.Field); !ok {
			f.addf("field %s: is visible by field %q, which does not exist", field.Name, w.Field)
		}
	}
	if field.Default != nil {
		alone := provider.Spec{Name: s.Name, Fields: []provider.FieldSpec{{Name: field.Name, Type: field.Type, Pattern: field.Pattern, Options: field.Options}}}
		if err := alone.Validate(provider.Config{Values: map[string]any{field.Name: field.Default}}); err != nil {
			f.addf("field %s: default: %v", field.Name, err)
		}
	}
}

// checkChecklist holds that every line of a checklist says what to do, also
// where nothing is filled in yet.
func checkChecklist(e *env, f *failures) {
	if e.spec.Checklist == nil {
		return
	}
	for _, c := range []provider.Config{{}, e.Config} {
		for _, line := range e.spec.Checklist(c) {
			if line.Text == "" {
				f.addf("the checklist has a line without a text")
			}
		}
	}
}

// checkOpen holds that opening an account asks the carrier nothing.
func checkOpen(e *env, f *failures) {
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	c := e.Config
	c.APIURL = srv.URL
	_, err := provider.Open(e.Provider, c)
	srv.Close() // waits for what is under way
	if err != nil {
		f.addf("open with APIURL: %v", err)
	}
	if n := asked.Load(); n > 0 {
		f.addf("open made %d requests, want none", n)
	}
}

// checkAbilities holds that what a spec declares is what its driver implements.
func checkAbilities(e *env) (f failures) {
	implemented := provider.Implemented(e.driver)
	for i, a := range e.spec.Can {
		if slices.Contains(e.spec.Can[:i], a) {
			f.addf("ability %s is declared twice", a)
		}
		if !slices.Contains(implemented, a) && !slices.Contains(declared, a) {
			f.addf("ability %s is declared and not implemented", a)
		}
	}
	for _, a := range implemented {
		if !e.spec.Has(a) {
			f.addf("ability %s is implemented and not declared", a)
		}
	}
	if e.spec.Has(provider.CanStream) != (e.spec.NewCodec != nil) {
		f.addf("ability %s and NewCodec come together", provider.CanStream)
	}
	return f
}

// checkIdentify holds that a webhook on the shared URL is not taken for one of
// another account.
func checkIdentify(e *env) (f failures) {
	if e.spec.Identify == nil {
		return nil
	}
	known := 0
	for _, req := range e.Requests {
		account, ok := e.spec.Identify(req)
		if !ok {
			continue
		}
		known++
		if account != "" && account != e.account.ID() {
			f.addf("%s: is of account %q, want %q", name(req), account, e.account.ID())
		}
	}
	if known == 0 && len(e.Requests) > 0 {
		f.addf("Identify knows none of %d requests", len(e.Requests))
	}
	e.spec.Identify(&provider.Request{})
	return f
}

// name tells a request from the others in a report.
func name(req *provider.Request) string {
	body := string(req.Body)
	if len(body) > 60 {
		body = body[:60] + "..."
	}
	return req.Method + " " + pathOf(req.URL) + " " + body
}
