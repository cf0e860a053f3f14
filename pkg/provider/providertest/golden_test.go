package providertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestGoldenFinds changes the toy's cases, and holds that they fail then.
func TestGoldenFinds(t *testing.T) {
	for _, c := range []struct{ file, old, with, want string }{
		{"webhook/answered-call-ends", `"Seconds": 25`, `"Seconds": 26`, "notice is"},
		{"webhook/answered-call-ends", `{"known"`, `{"unknown"`, "unknown field"},
		{"webhook/no-leg", "no message", "no massage", "error is"},
		{"webhook/no-leg", `{"account": "acme"}`, `{"leg": "leg-1"}`, "no section notice"},
		{"render/say", "&lt;", "<", "response is"},
		{"rest/dial", "to=+14155550177", "to=+14155550178", "request 1 has the body"},
		{"rest/dial", "POST /calls", "PUT /calls", "want PUT /calls"},
		{"rest/dial", "Basic YWNt", "Basic xxxx", "Authorization is"},
		{"rest/dial", `"leg-7",`, `"leg-8",`, "result is"},
		{"rest/dial", `{"op": "dial"`, `{"op": "sing"`, `op "sing" does not exist`},
		{"rest/hangup-refused", "-- error --", "-- request --", "1 requests were made, want 2"},
		{"rest/hangup-refused", "403", "404", ""}, // a leg that is over: no error, and one is expected
		{"rest/hangup-refused", "forbidden (status 403)", "forbidden", "error is"},
		{"stream/talk", `"Audio":"AAEC"`, `"Audio":"AAED"`, "line 6 is"},
		{"stream/talk", "error media before start\n", "", "line 2 is"},
		{"stream/talk", `"type":"mark"`, `"type":"sing"`, "is not known"},
		{"stream/talk", "carrier {", "moon {", "no such line"},
	} {
		t.Run(c.file+" "+c.old, func(t *testing.T) {
			doc, err := os.ReadFile(filepath.Join("testdata", c.file+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(doc), c.old, c.with, 1)
			if changed == string(doc) {
				t.Fatalf("the case has no %q", c.old)
			}
			e, err := toySuite("").env()
			if err != nil {
				t.Fatal(err)
			}
			kind, _, _ := strings.Cut(c.file, "/")
			found := golden[kind](e, &archive{Archive: txtar.Parse([]byte(changed))})
			if len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}

// TestGoldenUpdate holds that an update writes the cases as they are checked in.
func TestGoldenUpdate(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e, err := toySuite("").env()
		if err != nil {
			t.Fatal(err)
		}
		kind := filepath.Base(filepath.Dir(file))
		a := &archive{Archive: txtar.Parse(doc), write: true}
		if found := golden[kind](e, a); len(found) > 0 {
			t.Errorf("%s: %q", file, found)
		}
		if diff := cmp.Diff(string(doc), string(txtar.Format(a.Archive))); diff != "" {
			t.Errorf("%s is written otherwise (-checked in +written):\n%s", file, diff)
		}
	}
}
