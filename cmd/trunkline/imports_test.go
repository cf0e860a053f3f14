package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/trunkline-io/trunkline/"

// ranks orders the packages: a package may import only packages of a lower
// rank. The first prefix that matches counts.
var ranks = []struct {
	prefix string
	rank   int
}{
	{"schemas", 0}, {"pkg/call", 0}, {"pkg/audio", 0}, {"pkg/config", 0}, {"pkg/phone", 0}, {"pkg/strict", 0},
	{"pkg/event", 1}, {"pkg/command", 1}, {"pkg/media", 1}, {"pkg/subject", 1},
	{"pkg/internal/schematest", 1},
	{"pkg/bus/bustest", 3}, {"pkg/bus", 2}, {"pkg/carriersim", 4},
	{"pkg/provider/all", 4}, {"pkg/provider/formgen", 4}, {"pkg/provider/internal", 2}, {"pkg/provider/providertest", 3}, {"pkg/provider/", 3}, {"pkg/provider", 2},
	{"pkg/trunk", 3}, {"pkg/service", 4},
	{"services/", 5},
	{"cmd/", 6}, {"examples", 6}, {"example.com/", 6}, {"bench", 6},
}

// deniedTo lists what a kind of package never imports, whatever the ranks say.
var deniedTo = []struct {
	prefix string
	denied []string
}{
	{"pkg/provider/", []string{module + "pkg/bus", module + "pkg/subject", module + "pkg/trunk", "github.com/gofiber/", "github.com/nats-io/"}},
	{"pkg/carriersim", []string{module + "pkg/provider", "github.com/nats-io/"}},
	{"services/", []string{"github.com/nats-io/"}},
	{"cmd/", []string{"github.com/nats-io/nats.go"}},
}

type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// TestImportsPointDownwards holds every package of the workspace to the ranks
// of docs/architecture.md. Run it with -count=1: it reads other modules.
func TestImportsPointDownwards(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 30 {
		t.Fatalf("%d packages found, want all of the workspace", len(packages))
	}
	for _, p := range packages {
		path := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			for _, d := range deniedTo {
				if !strings.HasPrefix(path, d.prefix) {
					continue
				}
				for _, denied := range d.denied {
					if strings.HasPrefix(imported, denied) {
						t.Errorf("%s imports %s, which none of %s may", path, imported, d.prefix)
					}
				}
			}
			if target, ours := strings.CutPrefix(imported, module); ours {
				checkRank(t, path, target)
			}
		}
		if strings.HasPrefix(path, "services/") {
			for _, imported := range append(p.TestImports, p.XTestImports...) {
				if target, ours := strings.CutPrefix(imported, module); ours && strings.HasPrefix(target, "services/") {
					checkRank(t, path, target)
				}
			}
		}
	}
}

func checkRank(t *testing.T, from, to string) {
	t.Helper()
	if folder(from) == folder(to) { // within one service, provider or codec tree
		return
	}
	a, b := rankOf(t, from), rankOf(t, to)
	switch {
	case a == b && strings.HasPrefix(from, "services/"):
		t.Errorf("%s imports %s: services share subjects, not code", from, to)
	case a == b && strings.HasPrefix(from, "pkg/provider/") && strings.HasPrefix(to, "pkg/provider/") && a == 3:
		t.Errorf("%s imports %s: what providers share is in pkg/provider/internal", from, to)
	case a < b, a == b && a != 2 && a != 4:
		t.Errorf("%s (rank %d) imports %s (rank %d)", from, a, to, b)
	}
}

// folder is the part of a path within which imports are free.
func folder(path string) string {
	parts := strings.Split(path, "/")
	n := 2
	if parts[0] == "bench" {
		n = 1
	}
	if strings.HasPrefix(path, "pkg/provider/") && !strings.HasPrefix(path, "pkg/provider/all") {
		n = 3
	}
	return strings.Join(parts[:min(n, len(parts))], "/")
}

func rankOf(t *testing.T, path string) int {
	t.Helper()
	for _, r := range ranks {
		if strings.HasPrefix(path, r.prefix) {
			return r.rank
		}
	}
	t.Errorf("package %s has no rank; give it one", path)
	return -1
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "work")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	doc, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var list []goPackage
	for dec := json.NewDecoder(bytes.NewReader(doc)); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}
