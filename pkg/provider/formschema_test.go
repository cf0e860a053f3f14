package provider

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// pbx has a field of every type.
var pbx = &Spec{
	Name: "pbx", DisplayName: "PBX", DocsURL: "https://docs.example.com",
	Fields: []FieldSpec{
		{Name: "user", Label: "User", Type: Text, Required: true, Pattern: "^[a-z]+$", Placeholder: "alice", Description: "Log-in name <not> e-mail."},
		{Name: "mode", Label: "Mode", Type: Select, Required: true, Options: []Option{{"secret", "With a secret"}, {"key", "With a key"}}, Default: "secret"},
		{Name: "secret", Label: "Secret", Type: Password, Secret: true, Required: true, VisibleWhen: &VisibleWhen{"mode", "secret"}, Placeholder: "hunter2"},
		{Name: "key", Label: "Key", Type: TextArea, Secret: true, Required: true, VisibleWhen: &VisibleWhen{"mode", "key"}},
		{Name: "hint", Label: "Hint", Type: Text, VisibleWhen: &VisibleWhen{"tls", true}, Pattern: "^x", Placeholder: "does not fit"},
		{Name: "numbers", Label: "Numbers", Type: Strings},
		{Name: "limit", Label: "Limit", Type: NumberOf, Default: 1},
		{Name: "tls", Label: "TLS", Type: Boolean, Default: false},
		{Name: "app_id", Label: "Application", Type: ReadOnly},
	},
}

const pbxForm = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "https://schemas.trunkline.io/provider/pbx.json",
  "title": "PBX",
  "description": "The configuration of a trunk at PBX. A field that is not set is left out.",
  "x-docs": "https://docs.example.com",
  "type": "object",
  "properties": {
    "user": {
      "title": "User",
      "description": "Log-in name <not> e-mail.",
      "type": "string",
      "pattern": "^[a-z]+$",
      "minLength": 1,
      "examples": [
        "alice"
      ]
    },
    "mode": {
      "title": "Mode",
      "type": "string",
      "enum": [
        "secret",
        "key"
      ],
      "x-labels": {
        "key": "With a key",
        "secret": "With a secret"
      },
      "minLength": 1,
      "default": "secret"
    },
    "secret": {
      "title": "Secret",
      "type": "string",
      "format": "password",
      "minLength": 1,
      "writeOnly": true,
      "x-visible-when": {
        "field": "mode",
        "value": "secret"
      }
    },
    "key": {
      "title": "Key",
      "type": "string",
      "x-multiline": true,
      "minLength": 1,
      "writeOnly": true,
      "x-visible-when": {
        "field": "mode",
        "value": "key"
      }
    },
    "hint": {
      "title": "Hint",
      "type": "string",
      "pattern": "^x",
      "x-visible-when": {
        "field": "tls",
        "value": true
      }
    },
    "numbers": {
      "title": "Numbers",
      "type": "array",
      "items": {
        "type": "string"
      }
    },
    "limit": {
      "title": "Limit",
      "type": "number",
      "default": 1
    },
    "tls": {
      "title": "TLS",
      "type": "boolean",
      "default": false
    },
    "app_id": {
      "title": "Application",
      "type": "string",
      "readOnly": true
    }
  },
  "required": [
    "user",
    "mode"
  ],
  "allOf": [
    {
      "if": {
        "properties": {
          "mode": {
            "const": "secret"
          }
        },
        "required": [
          "mode"
        ]
      },
      "then": {
        "required": [
          "secret"
        ]
      }
    },
    {
      "if": {
        "properties": {
          "mode": {
            "const": "key"
          }
        },
        "required": [
          "mode"
        ]
      },
      "then": {
        "required": [
          "key"
        ]
      }
    }
  ],
  "additionalProperties": false
}
`

func TestFormSchema(t *testing.T) {
	got, err := FormSchema(pbx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pbxForm, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The schema takes a configuration exactly where Validate does.
func TestFormSchemaEqualsValidate(t *testing.T) {
	schema := compileForm(t, pbx)
	values := map[string][]any{
		"user":    {"alice", "alice", "alice", "Bob", 7.0},
		"mode":    {"secret", "secret", "key", "other", true},
		"secret":  {"s", "s", 1.0},
		"key":     {"k", "k", false},
		"hint":    {"xyz", "abc"},
		"numbers": {[]any{"+1"}, []any{}, []any{1.0}, "+1"},
		"limit":   {2.5, 3.0, "3"},
		"tls":     {true, false, "true"},
		"app_id":  {"a", 1.0},
		"colour":  {"blue"},
	}
	r := rand.New(rand.NewSource(1))
	agreed := map[bool]int{}
	for range 20_000 {
		config := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			odds := 8 // out of 10 to be set
			if name == "colour" {
				odds = 1
			}
			if r.Intn(10) < odds {
				config[name] = values[name][r.Intn(len(values[name]))]
			}
		}
		invalid := pbx.Validate(Config{Values: config})
		wrong := schema.Validate(config)
		if (invalid == nil) != (wrong == nil) {
			t.Fatalf("%v\nValidate: %v\nschema: %v", config, invalid, wrong)
		}
		agreed[invalid == nil]++
	}
	if agreed[true] < 100 || agreed[false] < 100 {
		t.Errorf("agreed on %v: both kinds have to be tried", agreed)
	}
}

func compileForm(t *testing.T, spec *Spec) *jsonschema.Schema {
	t.Helper()
	doc, err := FormSchema(spec)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("form.json", v); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("form.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestFormSchemaRefusesNonsense(t *testing.T) {
	for want, f := range map[string]FieldSpec{
		`type "colour" is not known`:             {Name: "a", Type: "colour"},
		"a select without options":               {Name: "a", Type: Select},
		`visible when "b", which does not exist`: {Name: "a", Type: Text, VisibleWhen: &VisibleWhen{"b", true}},
		"json: unsupported type":                 {Name: "a", Type: Text, Default: func() {}},
	} {
		_, err := FormSchema(&Spec{Name: "odd", Fields: []FieldSpec{f}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "form schema of odd: ") {
			t.Errorf("error %v, want one that says %s", err, want)
		}
	}
}

func TestFormSchemaOfNoFields(t *testing.T) {
	doc, err := FormSchema(&Spec{Name: "bare"})
	if err != nil || !json.Valid(doc) {
		t.Errorf("%s, %v", doc, err)
	}
}
