package event

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trunkline-io/trunkline/pkg/call"
	"github.com/trunkline-io/trunkline/pkg/internal/schematest"
)

// The words of package call have schemas too. They are compared here, as that
// package imports nothing of ours.
func TestVocabularyEqualsItsSchemas(t *testing.T) {
	for name, typ := range map[string]string{
		"call/direction": "Direction", "call/status": "Status", "call/cause": "Cause", "call/answered_by": "AnsweredBy",
	} {
		words := constants(t, "../call", typ)
		if len(words) == 0 {
			t.Errorf("there are no constants of type %s", typ)
		}
		if diff := cmp.Diff(words, slices.Sorted(slices.Values(schematest.Read(t, name).Texts("enum")))); diff != "" {
			t.Errorf("%s (-constants +enum):\n%s", name, diff)
		}
	}
	for _, name := range schematest.Names(t, "call") {
		schematest.Document(t, "call/"+name)
	}
	schematest.Shape(t, schematest.Read(t, "call/cost"), reflect.TypeFor[call.Cost](), false)
	schematest.RoundTrip(t, "call/cost", func(doc []byte) (any, error) {
		var c call.Cost
		err := json.Unmarshal(doc, &c)
		return c, err
	})
}

func TestEveryCauseIsKnown(t *testing.T) {
	for _, c := range constants(t, "../call", "Cause") {
		if !call.Cause(c).Known() {
			t.Errorf("cause %s is not known", c)
		}
	}
	if call.Cause("").Known() || call.Cause("boredom").Known() {
		t.Error("what is no cause is known")
	}
}

func TestOnlyTerminalStatusesEndACall(t *testing.T) {
	var terminal []string
	for _, s := range constants(t, "../call", "Status") {
		if !call.Status(s).Known() {
			t.Errorf("status %s is not known", s)
		}
		if call.Status(s).Terminal() {
			terminal = append(terminal, s)
		}
	}
	enum := schematest.Read(t, "event/call.ended").Property(t, "data").Property(t, "status").Texts("enum")
	if diff := cmp.Diff(terminal, slices.Sorted(slices.Values(enum))); diff != "" {
		t.Errorf("statuses of call.ended (-terminal +enum):\n%s", diff)
	}
}

func TestIDPatternEqualsValidID(t *testing.T) {
	for _, id := range []string{"a", "-a", "_", "0", "default", "01KAP7B6Q2Y8V0J5T3N4M9W1XZ", "", "-", "a.b", "a b", "+1", "é", "a*", "a>",
		"a\n", strings.Repeat("a", call.MaxID), strings.Repeat("a", call.MaxID+1)} {
		doc, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		if valid := schematest.Validate("call/id", doc) == nil; valid != call.ValidID(id) {
			t.Errorf("id %q: valid by its schema: %t, by ValidID: %t", id, valid, call.ValidID(id))
		}
	}
}

// constants returns the values of the text constants of a type, sorted.
func constants(t *testing.T, folder, typ string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typ {
				return true
			}
			for _, v := range spec.Values {
				s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, s)
			}
			return true
		})
	}
	slices.Sort(values)
	return values
}
