package all_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trunkline-io/trunkline/pkg/provider"
	_ "github.com/trunkline-io/trunkline/pkg/provider/all"
	"github.com/trunkline-io/trunkline/pkg/provider/providertest"
)

// TestVectors runs the vector files of the built-in providers, or those of the
// folder that TRUNKLINE_VECTORS names.
func TestVectors(t *testing.T) {
	providertest.RunVectors(t, providertest.VectorFiles("../*/testdata/vectors/*.json"), adapters)
}

// TestEveryProviderHasVectors holds that no provider goes untested because its
// file, or its adapter, was forgotten.
func TestEveryProviderHasVectors(t *testing.T) {
	files, err := filepath.Glob("../*/testdata/vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range provider.Specs() {
		file := filepath.Join("..", spec.Name, "testdata", "vectors", spec.Name+".json")
		if !slices.Contains(files, file) {
			t.Errorf("provider %s has no file %s", spec.Name, file)
		}
		if a := adapters[spec.Name]; a.Config == nil && a.Own == nil {
			t.Errorf("provider %s has no adapter", spec.Name)
		}
	}
}

// lastSegment is the last segment of a URL's path.
func lastSegment(req *provider.Request) string {
	url, _, _ := strings.Cut(req.URL, "?")
	return url[strings.LastIndexByte(url, '/')+1:]
}
