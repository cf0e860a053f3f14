package ari

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

type vectorFile struct {
	Events []struct {
		Name string
		JSON json.RawMessage
	}
	REST []struct {
		Name     string
		Request  struct{ Method, Path string }
		Response struct {
			Status int
			Body   json.RawMessage
		}
	}
}

func vectors(t testing.TB) (v vectorFile) {
	t.Helper()
	doc, err := os.ReadFile("testdata/vectors/ari.json")
	if err == nil {
		err = json.Unmarshal(doc, &v)
	}
	if err != nil || len(v.Events) == 0 || len(v.REST) == 0 {
		t.Fatalf("vectors: %d events, %d exchanges, %v", len(v.Events), len(v.REST), err)
	}
	return v
}

// Every refusal that was captured has a text and the kind that callers act on.
func TestFaults(t *testing.T) {
	seen := 0
	for _, x := range vectors(t).REST {
		if x.Response.Status < 300 {
			continue
		}
		seen++
		f := fault(x.Response.Status, x.Response.Body)
		if f.Text == "" {
			t.Errorf("%s: no text in %s", x.Name, x.Response.Body)
		}
		want := map[int]provider.Kind{500: provider.KindRejected, 412: provider.KindConflict, 422: provider.KindConflict}[x.Response.Status]
		if f.Kind != want {
			t.Errorf("%s: status %d is %q, want %q", x.Name, x.Response.Status, f.Kind, want)
		}
	}
	if seen < 15 {
		t.Errorf("%d refusals in the vectors", seen)
	}
	if f := fault(500, []byte(`{"error":"Internal Server Error"}`)); f.Kind != "" {
		t.Errorf("any 500 is %q: it may have rung", f.Kind)
	}
}
