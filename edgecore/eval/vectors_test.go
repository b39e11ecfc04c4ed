package eval_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/need"
)

// vector is one rule of docs/evaluation.md: definitions, what they answer, and
// what is wrong with them. The worker's tests read the same files.
type vector struct {
	Name     string
	State    json.RawMessage
	Problems []string // each is part of one; none: there is none
	Cases    []struct {
		Context json.RawMessage
		Time    time.Time
		Seed    string
		Toggle  string
		Enabled bool
		Variant *string // nil: not given
	}
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(need.Root(), "test", "vectors", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no vectors: %v", err)
	}
	var all []vector
	for _, file := range files {
		var list struct{ Vectors []vector }
		readJSON(t, file, &list)
		all = append(all, list.Vectors...)
	}
	return all
}

func TestVectors(t *testing.T) {
	s := rand.New(rand.NewPCG(need.Seed(t), 4))
	vectors, cases := readVectors(t), 0
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			d, err := parse.Definitions(v.State, "test")
			if err != nil {
				t.Fatal(err)
			}
			p, problems := compile.Program(d)
			v.checkProblems(t, append(d.Problems, problems...))
			empty := throughRules(t, p, &eval.Context{})
			for i, tc := range v.Cases {
				c, err := eval.ReadContext(tc.Context)
				if err != nil {
					t.Fatal(err)
				}
				c.Time, c.Seed = tc.Time, tc.Seed
				want := eval.Result{Enabled: tc.Enabled, Variant: p.Evaluate(tc.Toggle, &c).Variant}
				if tc.Variant != nil && want.Variant.Name != *tc.Variant {
					t.Errorf("case %d: variant %q, want %q", i, want.Variant.Name, *tc.Variant)
				}
				newRoutes(t, s, p, empty, c, namesOf(c)).check(t, fmt.Sprint("case ", i), tc.Toggle, want)
				cases++
			}
		})
	}
	fmt.Printf("vectors in Go: %d with %d cases, compiled, through rules/1, and through rules/1 with split contexts\n",
		len(vectors), cases)
}

func (v *vector) checkProblems(t *testing.T, problems []edgecore.Problem) {
	t.Helper()
	var text strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&text, p)
		if !strings.Contains(p.What, "; ") {
			t.Errorf("%s: the problem does not say what follows from it", p)
		}
	}
	for _, part := range v.Problems {
		if !strings.Contains(text.String(), part) {
			t.Errorf("no problem says %q in:\n%s", part, text.String())
		}
	}
	if len(v.Problems) == 0 && text.Len() > 0 {
		t.Errorf("there are problems:\n%s", text.String())
	}
}

// The last cell of each row in the tables of docs/evaluation.md names the
// vectors that fix it: all of them, and no others.
func TestEveryVectorIsARowOfTheProfile(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(need.Root(), "docs", "evaluation.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]int{}
	name := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(document)) {
		cells := strings.Split(strings.TrimSuffix(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 3 || strings.HasPrefix(line, "|---") || strings.TrimSpace(cells[len(cells)-1]) == "vectors" {
			continue
		}
		found := name.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(found) == 0 {
			t.Errorf("no vector fixes the row %s", line)
		}
		for _, f := range found {
			named[f[1]]++
		}
	}
	for _, v := range readVectors(t) {
		if named[v.Name] == 0 {
			t.Errorf("no row of docs/evaluation.md names the vector %q", v.Name)
		}
		delete(named, v.Name)
	}
	for missing := range named {
		t.Errorf("docs/evaluation.md names %q, and there is no such vector, or two", missing)
	}
}
