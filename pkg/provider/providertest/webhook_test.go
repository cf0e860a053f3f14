package providertest

import (
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/provider"
)

// TestRecognised holds that a request on a shared URL must be known for the
// provider's own, and only if it is.
func TestRecognised(t *testing.T) {
	for _, c := range []struct{ body, carrier, want string }{
		{endBody, "toy", ""},
		{"{}", "toy", "toy recognises the request: false, want true"},
		{"{}", "somebody", ""},
		{endBody, "somebody", "toy recognises the request: true, want false"},
		{"{}", "toy-other-account", ""},
		{"{}", "toy-leaks", "toy-leaks recognises the request: false, want true"},
	} {
		w := webhookCase("c", c.body, object{"carrier": c.carrier})
		w["config"] = object{"recognise_only": true}
		found := strings.Join(checkOne(t, sectionWebhooks, w).failures, "\n")
		if found != c.want {
			t.Errorf("%s for %s: found %q, want %q", c.body, c.carrier, found, c.want)
		}
	}
}

// TestIgnored holds that a late callback must not move a call.
func TestIgnored(t *testing.T) {
	for past, want := range map[string]string{"completed": "", "no-answer": "", "answered": "must not move a call that is answered"} {
		c := webhookCase("c", endBody, object{"accept": true, "ignored_because": "it came late"})
		c["context"] = object{"status": past}
		found := strings.Join(checkOne(t, sectionWebhooks, c).failures, "\n")
		if !strings.HasPrefix(found, want) || want == "" && found != "" {
			t.Errorf("a call that is %s: found %q, want %q", past, found, want)
		}
	}
}

// TestHistory covers what a case may say of the past.
func TestHistory(t *testing.T) {
	var c Case
	doc := `{"context":{"answered_at":"2026-01-01T00:00:05.5Z","status":"no-answer","direction":"outbound","call_id":"leg-1","ref":"r","custom":{"a":1}}}`
	if err := decodeJSON([]byte(doc), &c.fields); err != nil {
		t.Fatal(err)
	}
	h := history(c)()
	if h.AnsweredAt.Sub(epoch).String() != "5.5s" || h.Status != call.NoAnswer || h.Direction != call.Outbound ||
		h.LegID != "leg-1" || h.Ref != "r" || h.Variables["a"] != "1" {
		t.Errorf("got %+v", h)
	}
}

// TestWithheld covers hidden callers: a file has the carrier's word for them,
// the notice no number.
func TestWithheld(t *testing.T) {
	hidden := &provider.Notice{Anonymous: true}
	for want, hides := range map[any]bool{"anonymous": true, "Restricted": true, anonymousNumber: true, "+14155550101": false, nil: false} {
		if got := withheld(want, hidden); got != hides {
			t.Errorf("%v: %v, want %v", want, got, hides)
		}
	}
	if withheld("anonymous", &provider.Notice{}) || withheld("anonymous", &provider.Notice{Anonymous: true, From: "x"}) {
		t.Error("a caller who is not hidden passes for one")
	}
}

// TestAlternates holds where a reason may stand that has no field of its own.
func TestAlternates(t *testing.T) {
	s := &sheet{spec: &provider.Spec{Name: "toy"}}
	for _, c := range []struct {
		key      string
		want     any
		notice   provider.Notice
		failures int
		skipped  int
	}{
		{"reason", "busy", provider.Notice{Code: "busy"}, 0, 0},
		{"reason", "busy", provider.Notice{Error: "busy"}, 0, 0},
		{"reason", "busy", provider.Notice{Code: "486", Detail: map[string]string{"reason": "busy"}}, 0, 0},
		{"reason", "busy", provider.Notice{Code: "rejected"}, 1, 0},
		{"reason", "busy", provider.Notice{}, 0, 1},
		{"hangup_code", 4000, provider.Notice{Code: "4000"}, 0, 0},
		{"hangup_code", 4000, provider.Notice{Code: "3000"}, 1, 0},
		{"hangup_cause", "NORMAL", provider.Notice{Code: "4000"}, 0, 1}, // the number is there, the word is not
		{"size", nil, provider.Notice{}, 0, 0},
		{"size", nil, provider.Notice{Detail: map[string]string{"size": "1"}}, 1, 0},
		{"list", []any{"a"}, provider.Notice{Detail: map[string]string{"list": "a"}}, 0, 1},
		{"flag", true, provider.Notice{Detail: map[string]string{"flag": "true"}}, 0, 0},
	} {
		var tc Case
		if err := decodeJSON(encode(t, object{"expect": object{c.key: c.want}}), &tc.fields); err != nil {
			t.Fatal(err)
		}
		o := s.compareNotice(tc, &c.notice)
		if len(o.failures) != c.failures || len(o.skipped) != c.skipped {
			t.Errorf("%s %v in %+v: failures %q, skipped %q", c.key, c.want, c.notice, o.failures, o.skipped)
		}
	}
}
