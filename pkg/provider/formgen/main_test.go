package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/internal/schematest"
	"github.com/trunkline-io/trunkline/pkg/provider"
	"github.com/trunkline-io/trunkline/schemas"
)

// The form schemas are checked in: `make generate` writes them anew.
func TestFormSchemasAreCurrent(t *testing.T) {
	var names []string
	for _, spec := range provider.Specs() {
		names = append(names, spec.Name)
		want, err := provider.FormSchema(spec)
		if err != nil {
			t.Fatal(err)
		}
		got, err := schemas.Load("provider/" + spec.Name)
		if err != nil {
			t.Errorf("%v: run make generate", err)
			continue
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: run make generate (-spec +schemas/provider):\n%s", spec.Name, diff)
		}
		if err := schematest.Validate("provider/"+spec.Name, []byte(`{"no such field":1}`)); err == nil {
			t.Errorf("%s takes a field that does not exist", spec.Name)
		}
	}
	if diff := cmp.Diff(names, schematest.Names(t, "provider")); diff != "" {
		t.Errorf("providers and schemas: run make generate (-registered +schemas/provider):\n%s", diff)
	}
}

func TestRun(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "provider")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "gone.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeForms(folder); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	for _, spec := range provider.Specs() {
		want = append(want, spec.Name+".json")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := run(nil); err == nil {
		t.Error("a missing folder is no error")
	}
}

// TestMatrixIsWrittenBetweenItsMarks holds what the generator writes to Matrix.
func TestMatrixIsWrittenBetweenItsMarks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(file, []byte("before\n"+matrixBegins+"old\n"+matrixEnds+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeMatrix(file); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n" + matrixBegins + provider.Matrix() + matrixEnds + "after\n"; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, row := range []string{"| dial, hang up |", "| Twilio |"} {
		if !strings.Contains(provider.Matrix(), row) {
			t.Errorf("the matrix lacks %q", row)
		}
	}
	if err := os.WriteFile(file, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeMatrix(file); err == nil {
		t.Error("a README without marks is taken")
	}
}
