package providertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// TestRun holds that the correct toy passes.
func TestRun(t *testing.T) { Run(t, toySuite("")) }

// TestSuiteFinds holds that each fault is found by the check that looks for it.
func TestSuiteFinds(t *testing.T) {
	for _, c := range []struct{ fault, check, text string }{
		{"accepts-unsigned", "verify", "unsigned: was accepted"},
		{"accepts-path", "verify", "unsigned on a verified path: was accepted"},
		{"wrong-kind", "verify", "want kind unauthenticated"},
		{"skips-secret", "verify", "for another account: was accepted"},
		{"empty-secret", "verify", "without a secret: was accepted"},
		{"skips-time", "verify", "later: was accepted"},
		{"skips-body", "tampered", "another body"},
		{"skips-url", "tampered", "another path"},
		{"leaks", "verify", "shows a secret"},
		{"leaks", "dial", "repeats the request: the error shows a secret"},
		{"borrows", "parse", "memory that changed"},
		{"asks-twice", "parse", "asked the log"},
		{"panics", "malformed", "panic: a zero byte"},
		{"never-errs", "malformed", "want an error"},
		{"raw-markup", "render", "say:"},
		{"short-markup", "render", "nothing says"},
		{"no-ack", "render", "acknowledge: status 500"},
		{"retries", "dial", "2 requests were made"},
		{"follows", "dial", "sends elsewhere: 10 requests were made"},
		{"certain", "dial", "want an error"},
		{"blind", "dial", "want kind uncertain"},
		{"hangup-404", "hangup", "a leg that is over"},
		{"swallows", "codec", "in pieces of 80 bytes"},
		{"overwrites", "codec", "Decode does not append"},
		{"codec-panics", "noise", "panic: null"},
		{"bad-digit", "noise", "makes the digit"},
		{"undeclared", "abilities", "handshake_signature is implemented and not declared"},
		{"overdeclared", "abilities", "redirect is declared and not implemented"},
		{"odd-spec", "spec", "api_key: is a secret and shown as text"},
		{"reads-on-open", "spec", "open made 1 requests"},
		{"other-account", "identify", `is of account "somebody"`},
	} {
		t.Run(c.fault+" "+c.check, func(t *testing.T) {
			e, err := toySuite(c.fault).env()
			if err != nil {
				t.Fatal(err)
			}
			found := ""
			for _, check := range checks {
				if check.name == c.check {
					found = strings.Join(e.run(check.check), "\n")
				}
			}
			if !strings.Contains(found, c.text) {
				t.Errorf("check %s says %q, want %q", c.check, found, c.text)
			}
		})
	}
}

// TestSuiteDeclarations holds that what a suite declares about its carrier is
// itself held to.
func TestSuiteDeclarations(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(*Suite)
		check, text string
	}{
		"covered":     {func(s *Suite) { s.Uncovered = []Part{Body} }, "tampered", "no other one is accepted"},
		"no time":     {func(s *Suite) { s.Tolerance = 0 }, "verify", "has the scheme a Tolerance?"},
		"path":        {func(s *Suite) { s.PathProof = true }, "verify", "unsigned on a verified path, and was refused"},
		"renderable":  {func(s *Suite) { s.Unrenderable = []string{"say"} }, "render", "want kind unsupported"},
		"no requests": {func(s *Suite) { s.Requests = s.Requests[:0] }, "verify", "no request is accepted"},
		"no dial":     {func(s *Suite) { s.Dialed = Reply{} }, "dial", "has no Dialed"},
		"kinds":       {func(s *Suite) { s.Kinds = map[int]provider.Kind{404: "rejected"} }, "dial", "want kind rejected"},
		"opening":     {func(s *Suite) { s.Opening = s.Opening[:0] }, "codec", "starts no stream"},
	} {
		t.Run(name, func(t *testing.T) {
			s := toySuite("")
			c.change(&s)
			e, err := s.env()
			if err != nil {
				t.Fatal(err)
			}
			for _, check := range checks {
				if check.name == c.check {
					if found := strings.Join(e.run(check.check), "\n"); !strings.Contains(found, c.text) {
						t.Errorf("check %s says %q, want %q", c.check, found, c.text)
					}
				}
			}
		})
	}
}

// TestSuiteFromVectors holds that a vector file gives the suite its requests
// and its opening, and what happens without one.
func TestSuiteFromVectors(t *testing.T) {
	s := toySuite("")
	s.Requests, s.Opening, s.Vectors = nil, nil, filepath.Join(t.TempDir(), "toy.json")
	if _, err := s.env(); err == nil || !strings.Contains(err.Error(), "no vector file") {
		t.Errorf("without a file: %v", err)
	}
	if err := os.WriteFile(s.Vectors, encode(t, toyFile()), 0o600); err != nil {
		t.Fatal(err)
	}
	Run(t, s)
	e, err := s.env()
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Requests) != 2 || len(e.Opening) != 1 {
		t.Errorf("%d requests, %d messages, want 2 and 1", len(e.Requests), len(e.Opening))
	}
	for name, change := range map[string]func(*Suite){
		"nobody":  func(s *Suite) { s.Provider = "nobody" },
		"invalid": func(s *Suite) { s.Config = provider.Config{} },
		"other":   func(s *Suite) { s.Other = provider.Config{Values: map[string]any{"x": "y"}} },
	} {
		bad := s
		change(&bad)
		if _, err := bad.env(); err == nil {
			t.Errorf("%s: the suite starts", name)
		}
	}
}

// TestSpecFinds changes a spec, and holds that what does not make sense is found.
func TestSpecFinds(t *testing.T) {
	for want, change := range map[string]func(*provider.Spec){
		"DocsURL is":             func(s *provider.Spec) { s.DocsURL = "docs" },
		"Connectivity is":        func(s *provider.Spec) { s.Connectivity = "pigeon" },
		"DigitsFrom is":          func(s *provider.Spec) { s.DigitsFrom = "guess" },
		"lack Format":            func(s *provider.Spec) { s.Formats = nil },
		"Format is":              func(s *provider.Spec) { s.Format.Rate = 7 },
		"Formats have":           func(s *provider.Spec) { s.Formats[0].Rate = 7 },
		"want a name":            func(s *provider.Spec) { s.Fields[0].Name = "Account-ID" },
		"does not exist":         func(s *provider.Spec) { s.Fields[0].Type = "colour" },
		"is a password and no":   func(s *provider.Spec) { s.Fields[1].Secret = false },
		"options belong":         func(s *provider.Spec) { s.Fields[0].Options = []provider.Option{{Value: "a"}} },
		"pattern:":               func(s *provider.Spec) { s.Fields[0].Pattern = "(" },
		"is visible by":          func(s *provider.Spec) { s.Fields[0].VisibleWhen = &provider.VisibleWhen{Field: "none"} },
		"default:":               func(s *provider.Spec) { s.Fields[0].Default = 7 },
		"names the account, and": func(s *provider.Spec) { s.AccountField = "secret" },
		"without a text": func(s *provider.Spec) {
			s.Checklist = func(provider.Config) []provider.Check { return []provider.Check{{}} }
		},
	} {
		t.Run(want, func(t *testing.T) {
			e, err := toySuite("").env()
			if err != nil {
				t.Fatal(err)
			}
			e.spec = toySpec("")
			change(e.spec)
			if found := strings.Join(checkSpec(e), "\n"); !strings.Contains(found, want) {
				t.Errorf("found %q", found)
			}
		})
	}
}
