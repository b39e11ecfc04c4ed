package differential_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/test/need"
)

// Files of vectors in which the profile goes its own way.
const (
	exceptionsFile = "exceptions"
	capsFile       = "caps"
	problemsFile   = "problems"
)

// agreed are exceptions in which the oracle is made to agree, or which a flat
// context cannot show.
var agreed = []string{
	"hash-utf8", "own-properties", "no-default-fields", "standard-fields-in-properties", "field-feature-toggle",
	"host-name", "lists-are-no-values",
}

// readVectors returns the vectors by the file that they are in.
func readVectors(t *testing.T) map[string][]vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(need.Root(), "test", "vectors", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no vectors: %v", err)
	}
	all := map[string][]vector{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Vectors []vector }
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = list.Vectors
	}
	return all
}

// TestVectorsAgainstUnleashClient: what is not an exception is as unleash-client
// has it, and what is one is not.
func TestVectorsAgainstUnleashClient(t *testing.T) {
	need.Module(t, "unleash-client")
	node := startOracle(t, filepath.Join(need.Root(), "test", "oracle", "unleash.mjs"))
	cases := 0
	for file, vectors := range readVectors(t) {
		for _, v := range vectors {
			switch file {
			case exceptionsFile:
				if differs := v.askClient(t, node) != ""; differs == slices.Contains(agreed, v.Name) {
					t.Errorf("%s: unleash-client differs: %v", v.Name, differs)
				}
			case capsFile, problemsFile:
			default:
				cases += len(v.Cases)
				if difference := v.askClient(t, node); difference != "" {
					t.Error(difference)
				}
			}
		}
	}
	fmt.Printf("vectors and unleash-client 6.12.1: %d cases\n", cases)
	if cases < 200 {
		t.Errorf("%d cases are hardly all that are no exceptions", cases)
	}
}

// TestVectorsAgainstWorker: the worker answers each vector from rules/1 of a
// target without a static context.
func TestVectorsAgainstWorker(t *testing.T) {
	worker := startOracle(t, need.File(t, "workers/test/evaluator.mjs"))
	cases := 0
	for _, vectors := range readVectors(t) {
		for _, v := range vectors {
			cases += len(v.Cases)
			if difference := v.askWorker(t, worker); difference != "" {
				t.Error(difference)
			}
		}
	}
	fmt.Printf("vectors and the worker: %d cases\n", cases)
}

type vector struct {
	Name  string
	State json.RawMessage
	Cases []struct {
		Context json.RawMessage
		Time    time.Time
		Seed    string
		Toggle  string
		Enabled bool
		Variant *string // nil: not given
	}
}

// askClient returns the first difference from unleash-client, or "".
func (v *vector) askClient(t *testing.T, node *oracle) string {
	t.Helper()
	var lines bytes.Buffer
	line(&lines, map[string]any{"state": v.State})
	for _, tc := range v.Cases {
		c, err := eval.ReadContext(tc.Context)
		if err != nil {
			t.Fatal(err)
		}
		line(&lines, map[string]any{"context": c.Fields, "toggle": tc.Toggle, "time": tc.Time.UnixMilli()})
	}
	return v.difference(node.ask(t, lines.Bytes(), 1+len(v.Cases)))
}

func (v *vector) askWorker(t *testing.T, worker *oracle) string {
	t.Helper()
	d, err := parse.Definitions(v.State, "test")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := compile.Program(d)
	s, err := snapshot.Encode(d, p, snapshot.Spec{Format: snapshot.Rules1, Environment: "test", Target: "t"},
		time.UnixMilli(1))
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	line(&lines, map[string]any{"snapshot": string(s.Seal(1, time.UnixMilli(1)))})
	for _, tc := range v.Cases {
		line(&lines, map[string]any{
			"context": tc.Context, "toggle": tc.Toggle, "time": tc.Time.UnixMilli(), "seed": tc.Seed,
		})
	}
	return v.difference(worker.ask(t, lines.Bytes(), 1+len(v.Cases)))
}

func (v *vector) difference(answers []answer) string {
	for i, a := range answers[1:] {
		tc := &v.Cases[i]
		if a.Error != "" || a.Open || a.Enabled != tc.Enabled || tc.Variant != nil && *tc.Variant != a.Variant.Name {
			return fmt.Sprintf("%s, case %d: %+v", v.Name, i, a)
		}
	}
	return ""
}
