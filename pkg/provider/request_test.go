package provider_test

import (
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

func TestQuery(t *testing.T) {
	for url, want := range map[string]string{
		"https://h/p":             "",
		"https://h/p?":            "",
		"https://h/p?a=1&b=%202":  "a=1&b=%202",
		"https://h/p?a=1?b#c=2":   "a=1?b",
		"https://h/p#frag?no=yes": "",
	} {
		if got := (&provider.Request{URL: url}).Query(); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

func TestHeader(t *testing.T) {
	h := provider.Header{{Name: "x-Sig", Value: "1"}, {Name: "X-Sig", Value: "2"}, {Name: "X-Empty"}, {Name: "content-type", Value: " Application/JSON ; charset=utf-8"}}
	if got := h.Get("X-SIG"); got != "1" {
		t.Errorf("Get gives %q, want the first line of the name", got)
	}
	if v, ok := h.Lookup("x-empty"); v != "" || !ok {
		t.Errorf("an empty line: %q, %v", v, ok)
	}
	if v, ok := h.Lookup("x-none"); v != "" || ok {
		t.Errorf("no line: %q, %v", v, ok)
	}
	if got := h.MediaType(); got != "application/json" {
		t.Errorf("MediaType is %q", got)
	}
	if got := (provider.Header)(nil).MediaType(); got != "" {
		t.Errorf("MediaType of nothing is %q", got)
	}
}

func TestHooksAreDistinct(t *testing.T) {
	seen := map[provider.Hook]bool{}
	for _, h := range provider.Hooks() {
		if h == "" || seen[h] {
			t.Errorf("hook %q is empty or twice", h)
		}
		seen[h] = true
	}
}
