package providertest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

// vectorsEnv names the environment variable that holds another folder of
// vector files.
const vectorsEnv = "TRUNKLINE_VECTORS"

// VectorFiles returns the pattern, or that of all *.json files in the folder
// that the environment variable TRUNKLINE_VECTORS names. It is for tests that
// have an adapter for every provider.
func VectorFiles(pattern string) string {
	if dir := os.Getenv(vectorsEnv); dir != "" {
		return filepath.Join(dir, "*.json")
	}
	return pattern
}

// comments are the keys of expect that tell people something and assert nothing.
var comments = []string{"note"}

// RunVectors runs vector files: signatures that must be accepted or refused,
// webhooks and what they mean, transcripts of media sockets. pattern names the
// files (see path/filepath.Match); a file's base name is its provider, which
// must be registered and have an adapter.
//
// Each case is a subtest <provider>/<section>/<name>. After a provider's cases
// the log has how many of each section hold, and for every key of an expect
// that could not be compared how often that was so.
func RunVectors(t *testing.T, pattern string, adapters map[string]Adapter) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no vector files match %s: %v", pattern, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) { runFile(t, name, file, adapters) })
	}
}

func runFile(t *testing.T, name, file string, adapters map[string]Adapter) {
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	adapter := adapters[name]
	if adapter.Own != nil && provider.Lookup(name) != nil {
		adapter.Own(t, doc)
		return
	}
	s, err := openSheet(name, doc, adapter)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	score := newTally()
	for _, section := range sections {
		t.Run(section, func(t *testing.T) {
			for _, c := range s.cases[section] {
				t.Run(c.Name, func(t *testing.T) {
					o := s.check(c)
					o.report(t)
					score.count(section, o)
				})
			}
		})
	}
	t.Log(name + ": " + score.results())
	if line := score.skipped(); line != "" {
		t.Log(name + ": " + line)
	}
}

// openSheet reads a vector file for the provider of a name.
func openSheet(name string, doc []byte, a Adapter) (*sheet, error) {
	spec := provider.Lookup(name)
	if spec == nil {
		return nil, fmt.Errorf("provider %q is not registered", name)
	}
	if a.Config == nil {
		return nil, fmt.Errorf("provider %q has no adapter with a Config", name)
	}
	return readSheet(spec, doc, a)
}

// tally counts by section the cases that ran and those that hold, and by key
// what was not compared.
type tally struct {
	ran, hold, left map[string]int
}

func newTally() *tally {
	return &tally{ran: map[string]int{}, hold: map[string]int{}, left: map[string]int{}}
}

func (n *tally) count(section string, o outcome) {
	n.ran[section]++
	if len(o.failures) == 0 {
		n.hold[section]++
	}
	for _, key := range o.skipped {
		if !slices.Contains(comments, key) {
			n.left[key]++
		}
	}
}

// results gives "signatures 51/51, webhooks 24/24, media 7/7".
func (n *tally) results() string {
	parts := make([]string, len(sections))
	for i, section := range sections {
		parts[i] = fmt.Sprintf("%s %d/%d", section, n.hold[section], n.ran[section])
	}
	return strings.Join(parts, ", ")
}

// skipped gives "not compared: stir_attestation 1, ...", "" when all was.
func (n *tally) skipped() string {
	var parts []string
	for _, key := range sortedKeys(n.left) {
		parts = append(parts, fmt.Sprintf("%s %d", key, n.left[key]))
	}
	if parts == nil {
		return ""
	}
	return "not compared: " + strings.Join(parts, ", ")
}
