package eval_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/delta"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/need"
)

// specification is one file of npm @unleash/client-specification.
type specification struct {
	State        json.RawMessage
	Tests        []specCase
	VariantTests []specCase
}

type specCase struct {
	Description, ToggleName string
	Context                 json.RawMessage
	ExpectedResult          json.RawMessage // a boolean, or a variant
}

// TestClientSpecification runs Unleash's own suite by every route.
func TestClientSpecification(t *testing.T) {
	s := rand.New(rand.NewPCG(need.Seed(t), 3))
	dir := filepath.Join(need.Module(t, "@unleash/client-specification"), "specifications")
	var files []string
	readJSON(t, filepath.Join(dir, "index.json"), &files)
	passed, total := 0, 0
	for _, file := range files {
		var spec specification
		readJSON(t, filepath.Join(dir, file), &spec)
		p, _ := compile.Program(specDefinitions(t, file, spec.State))
		empty := throughRules(t, p, &eval.Context{})
		cases := append(spec.Tests, spec.VariantTests...)
		contexts := make([]eval.Context, len(cases))
		for i := range cases {
			contexts[i] = specContext(t, cases[i].Context)
		}
		for i, tc := range cases {
			total++
			want := tc.want(t, p.Evaluate(tc.ToggleName, &contexts[i]))
			if newRoutes(t, s, p, empty, contexts[i], namesOf(contexts...)).check(t, file+": "+tc.Description,
				tc.ToggleName, want) {
				passed++
			}
		}
	}
	fmt.Printf("client specification 6.1.0 in Go: %d of %d cases, compiled, through rules/1, and through rules/1 "+
		"with split contexts\n", passed, total)
	if total != 279 {
		t.Errorf("client specification 6.1.0 has 279 cases, saw %d", total)
	}
}

// specDefinitions reads a state, which is definitions or delta events.
func specDefinitions(t *testing.T, file string, state []byte) *edgecore.Definitions {
	t.Helper()
	var document struct{ Events json.RawMessage }
	if err := json.Unmarshal(state, &document); err != nil {
		t.Fatal(err)
	}
	if document.Events != nil {
		events, err := parse.Events(t.Context(), state, "", nil)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return delta.Fold(nil, "", events)
	}
	d, err := parse.Definitions(state, "")
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return d
}

// want is the expected result; the variant is as it is where a case does not
// give it.
func (tc *specCase) want(t *testing.T, got eval.Result) eval.Result {
	t.Helper()
	var variant struct {
		Name           string
		Payload        *edgecore.Payload
		Enabled        bool
		FeatureEnabled bool `json:"feature_enabled"`
	}
	var enabled bool
	if json.Unmarshal(tc.ExpectedResult, &enabled) == nil {
		return eval.Result{Enabled: enabled, Variant: got.Variant}
	}
	if err := json.Unmarshal(tc.ExpectedResult, &variant); err != nil {
		t.Fatal(err)
	}
	return eval.Result{
		Enabled: variant.FeatureEnabled, Variant: &eval.Variant{
			Name: variant.Name, Enabled: variant.Enabled, Payload: variant.Payload,
		},
	}
}

// specContext reads the context of a case, for some instant where it names
// none, and with a draw.
func specContext(t *testing.T, document []byte) eval.Context {
	t.Helper()
	c, err := eval.ReadContext(document)
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	if c.Time.IsZero() {
		c.Time = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	}
	c.Seed = "1"
	return c
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
