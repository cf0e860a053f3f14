package provider

import (
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/schemas"
)

func TestOpenAPIListsTheHooks(t *testing.T) {
	doc, err := schemas.FS.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]struct {
			Parameters []struct {
				Name   string
				Schema struct{ Enum []Hook }
			}
		}
	}
	if err := yaml.Unmarshal(doc, &api); err != nil {
		t.Fatal(err)
	}
	var hooks []Hook
	for _, p := range api.Paths["/v1/{provider}/{org}/{trunk}/{hook}/{call}/{mac}"].Parameters {
		if p.Name == "hook" {
			hooks = p.Schema.Enum
		}
	}
	if diff := cmp.Diff(Hooks(), hooks); diff != "" {
		t.Errorf("hooks (-Hooks +openapi.yaml):\n%s", diff)
	}
}
