package provider_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/provider"
)

var form = &provider.Spec{
	Name: "form", DisplayName: "Form",
	Fields: []provider.FieldSpec{
		{Name: "id", Label: "Account id", Type: provider.Text, Required: true, Pattern: "^A[0-9]+$"},
		{Name: "secret", Label: "Secret", Type: provider.Password, Secret: true, Pattern: "^s-"},
		{Name: "on", Label: "On", Type: provider.Boolean},
		{Name: "limit", Label: "Limit", Type: provider.NumberOf},
		{Name: "list", Label: "List", Type: provider.Strings},
		{Name: "mode", Label: "Mode", Type: provider.Select, Options: []provider.Option{{Value: "a"}, {Value: "b"}}},
		{Name: "extra", Label: "Extra", Type: provider.Text, Required: true, VisibleWhen: &provider.VisibleWhen{Field: "mode", Value: "b"}},
	},
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]any
		want   string // in the error, "" for none
	}{
		"least":           {map[string]any{"id": "A1"}, ""},
		"all":             {map[string]any{"id": "A1", "secret": "s-x", "on": false, "limit": 3, "list": []any{"x"}, "mode": "b", "extra": "y"}, ""},
		"other types":     {map[string]any{"id": "A1", "limit": json.Number("3"), "list": []string{"x"}}, ""},
		"null is not set": {map[string]any{"id": "A1", "secret": nil, "limit": nil}, ""},
		"missing":         {map[string]any{}, `field "id" (Account id) is required`},
		"empty":           {map[string]any{"id": ""}, `field "id" (Account id) is required`},
		"unknown":         {map[string]any{"id": "A1", "name": "x"}, `field "name" does not exist; form has id, secret, on, limit, list, mode, extra`},
		"pattern":         {map[string]any{"id": "B1"}, `"B1" does not have the form ^A[0-9]+$`},
		"text":            {map[string]any{"id": 1}, "want a text"},
		"boolean":         {map[string]any{"id": "A1", "on": "yes"}, "want true or false"},
		"number":          {map[string]any{"id": "A1", "limit": "3"}, "want a number"},
		"list":            {map[string]any{"id": "A1", "list": "x"}, "want a list of texts"},
		"list of numbers": {map[string]any{"id": "A1", "list": []any{1}}, "want a list of texts"},
		"choice":          {map[string]any{"id": "A1", "mode": "c"}, "want one of a, b"},
		"shown":           {map[string]any{"id": "A1", "mode": "b"}, `field "extra" (Extra) is required`},
		"hidden":          {map[string]any{"id": "A1", "mode": "a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := form.Validate(provider.Config{Values: c.values})
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "form configure: invalid: ") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestValidateHidesSecrets(t *testing.T) {
	err := form.Validate(provider.Config{Values: map[string]any{"id": "A1", "secret": "hunter2"}})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error that does not show the secret", err)
	}
}

func TestConfigValues(t *testing.T) {
	c := provider.Config{Values: map[string]any{
		"text": "x", "list": []string{" a ", "", "b"}, "any": []any{"a", 1, "b"}, "one": "a", "on": true,
		"float": 1.5, "int": 2, "number": json.Number("2.5"),
	}}
	if c.String("text") != "x" || c.String("on") != "" || c.String("none") != "" {
		t.Errorf("texts: %q %q %q", c.String("text"), c.String("on"), c.String("none"))
	}
	for name, want := range map[string][]string{"list": {"a", "b"}, "any": {"a", "b"}, "one": {"a"}, "on": nil, "none": nil} {
		if diff := cmp.Diff(want, c.Strings(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if !c.Bool("on") || c.Bool("text") || c.Bool("none") {
		t.Error("booleans")
	}
	for name, want := range map[string]float64{"float": 1.5, "int": 2, "number": 2.5, "text": 0, "none": 0} {
		if got := c.Number(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}
