package eval_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/test/need"
)

// specification is one file of npm @unleash/client-specification.
type specification struct {
	State json.RawMessage
	Tests []struct {
		Description, ToggleName string
		Context                 map[string]any
		ExpectedResult          bool
	}
	VariantTests []struct {
		Description, ToggleName string
		Context                 map[string]any
		ExpectedResult          struct {
			Name           string
			Payload        *edgecore.Payload
			Enabled        bool
			FeatureEnabled bool `json:"feature_enabled"`
		}
	}
}

// TestClientSpecification runs Unleash's own suite. The files whose state is a
// list of delta events are not definitions and belong to streaming.
func TestClientSpecification(t *testing.T) {
	dir := filepath.Join(need.Module(t, "@unleash/client-specification"), "specifications")
	var names []string
	readJSON(t, filepath.Join(dir, "index.json"), &names)
	passed, failed, deltas := 0, 0, 0
	for _, name := range names {
		var spec specification
		readJSON(t, filepath.Join(dir, name), &spec)
		d, err := edgecore.Parse(spec.State, "")
		if err != nil {
			deltas += len(spec.Tests) + len(spec.VariantTests)
			continue
		}
		p, _ := eval.Compile(d)
		for _, tc := range spec.Tests {
			got := p.Evaluate(tc.ToggleName, specContext(tc.Context)).Enabled
			if got != tc.ExpectedResult {
				t.Errorf("%s: %s: %s is %v", name, tc.Description, tc.ToggleName, got)
				failed++
				continue
			}
			passed++
		}
		for _, tc := range spec.VariantTests {
			got := p.Evaluate(tc.ToggleName, specContext(tc.Context))
			want := eval.Result{Enabled: tc.ExpectedResult.FeatureEnabled, Variant: &eval.Variant{
				Name: tc.ExpectedResult.Name, Enabled: tc.ExpectedResult.Enabled, Payload: tc.ExpectedResult.Payload,
			}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s: (-want +got)\n%s", name, tc.Description, diff)
				failed++
				continue
			}
			passed++
		}
	}
	fmt.Printf("client specification: %d of %d cases passed, %d more need delta events\n", passed, passed+failed, deltas)
	if total := passed + failed + deltas; total != 279 {
		t.Errorf("client specification 6.1.0 has 279 cases, saw %d", total)
	}
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

// specContext flattens a context as an SDK does: null is missing, a property
// does not hide a standard field.
func specContext(in map[string]any) *eval.Context {
	c := &eval.Context{Fields: map[string]string{}, Time: time.Now(), Seed: "1"}
	properties, _ := in["properties"].(map[string]any)
	for _, fields := range []map[string]any{properties, in} {
		for name, value := range fields {
			switch v := value.(type) {
			case string:
				c.Fields[name] = v
			case float64, bool:
				c.Fields[name] = fmt.Sprint(v)
			}
		}
	}
	if at, err := time.Parse(time.RFC3339, c.Fields["currentTime"]); err == nil {
		c.Time = at
	}
	return c
}
