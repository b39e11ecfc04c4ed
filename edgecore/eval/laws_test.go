package eval_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/gen"
)

// source lets a property test draw, and shrink, what package gen makes.
type source struct{ t *rapid.T }

func (s source) IntN(n int) int { return rapid.IntRange(0, n-1).Draw(s.t, "n") }

// sourceOf is rapid itself, which prefers small numbers and so small documents,
// or an even one that it seeds.
func sourceOf(t *rapid.T) gen.Source {
	if seed := rapid.Uint64().Draw(t, "seed"); seed%2 == 1 {
		return rand.New(rand.NewPCG(seed, 0))
	}
	return source{t}
}

// drawn is a random document with contexts for it.
type drawn struct {
	*gen.State
	source   gen.Source
	document *edgecore.Definitions
	program  *eval.Program
}

// drawProgram draws definitions; every third time with what the server would
// refuse.
func drawProgram(t *rapid.T) *drawn {
	s := sourceOf(t)
	for {
		state := gen.Definitions(s, gen.Options{Odd: s.IntN(3) == 2})
		d, err := parse.Definitions(state.Document, "test")
		if err != nil {
			continue // odd enough to be no definitions
		}
		p, _ := compile.Program(d)
		return &drawn{state, s, d, p}
	}
}

// context draws one, of some without a draw.
func (d *drawn) context() eval.Context {
	c := d.Context(d.source)
	return eval.Context{Fields: c.Fields, Time: c.Time, Seed: []string{"", "1", "2", "seed"}[d.source.IntN(4)]}
}

// static is a context with every field that the program asks for known, or
// known to be absent.
func (d *drawn) static(t tb) eval.Context {
	c := d.context()
	for _, name := range readRules(t, d.program).Fields {
		if _, has := c.Fields[name]; !has {
			c.Absent = append(c.Absent, name)
		}
	}
	return c
}

// storedRules are the parts of a snapshot that show what a program still asks for.
type storedRules struct {
	Fields                                      []string
	Flags, Values, Conditions, Stickies, Shares []any
}

func readRules(t tb, p *eval.Program) (r storedRules) {
	t.Helper()
	stored := encodeRules(t, p)
	if err := json.Unmarshal(stored, &r); err != nil {
		t.Fatalf("%v: %s", err, stored)
	}
	return r
}

// Specialize, Encode and Decode keep every answer, however a context
// is split, and however often it is.
func TestRulesAnswerAsTheProgram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		empty := throughRules(t, d.program, &eval.Context{})
		for range 3 {
			c := d.context()
			r := newRoutes(t, d.source, d.program, empty, c, d.Fields)
			again := newRoutes(t, d.source, throughRules(t, r.split, &eval.Context{}), r.split, r.request, d.Fields)
			for _, flag := range d.Flags {
				want := d.program.Evaluate(flag, &c)
				r.check(t, "once", flag, want)
				again.check(t, "of what is left", flag, want)
			}
		}
	})
}

// The same definitions and static context give the same bytes, and so does
// what was decoded from them.
func TestRulesAreReproducible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		other, _ := compile.Program(d.document)
		static := d.context()
		first, second := compile.Specialize(d.program, &static), compile.Specialize(other, &static)
		want := encodeRules(t, first)
		for what, p := range map[string]*eval.Program{
			"once more": first, "compiled once more": second, "decoded": throughRules(t, first, &eval.Context{}),
		} {
			if got := encodeRules(t, p); !bytes.Equal(want, got) {
				t.Errorf("%s:\n%s\n%s", what, want, got)
			}
		}
	})
}

func encodeRules(t tb, p *eval.Program) []byte {
	t.Helper()
	stored, err := rules.Encode(p, rules.Options{})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return stored
}

// With every field known or known to be absent, nothing is left of a program
// but constants, dates and draws.
func TestKnownContextsLeaveConstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		static := d.static(t)
		left := readRules(t, compile.Specialize(d.program, &static))
		if len(left.Fields)+len(left.Values) > 0 {
			t.Errorf("fields are left: %+v", left)
		}
		for _, k := range left.Conditions {
			if op := k.([]any)[0]; op != 8.0 && op != 12.0 {
				t.Errorf("a condition is left that is not a date: %+v", left)
			}
		}
		draws := false
		for _, s := range left.Stickies {
			draws = draws || len(s.([]any)) > 0
			if !cmp.Equal(s, []any{}) && !cmp.Equal(s, []any{-1.0}) {
				t.Errorf("something else than chance decides: %+v", left)
			}
		}
		for _, f := range left.Flags {
			// Off, on, or on with a variant.
			full, _ := f.([]any)
			constant := f == 0.0 || f == 1.0 || len(full) > 1 && cmp.Equal(full[0], []any{1.0})
			if !constant && len(left.Conditions) == 0 && !draws {
				t.Errorf("%v is no constant: %+v", f, left)
			}
			// No context gets behind a strategy for everybody.
			if len(full) == 0 {
				continue
			}
			if strategies, several := full[0].([]any); several && slices.Contains(strategies[:len(strategies)-1],
				any(1.0)) {
				t.Errorf("%v has a strategy that decides nothing: %+v", f, left)
			}
		}
	})
}

// Select leaves flags and their parents, and keeps their answers; before
// Specialize or after it.
func TestSelectKeepsAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		kept := map[string]bool{}
		for _, f := range d.program.Flags() {
			kept[f.Name] = d.source.IntN(2) == 1
		}
		keep := func(f eval.Flag) bool { return kept[f.Name] }
		c := d.context()
		split := gen.SplitFields(d.source, c.Fields, d.Fields)
		static := eval.Context{Fields: split.Known, Absent: split.Absent}
		request := c
		request.Fields = split.Request
		first, last := compile.Specialize(compile.Select(d.program, keep), &static),
			compile.Select(compile.Specialize(d.program, &static), keep)
		for _, p := range []*eval.Program{first, last, throughRules(t, first, &eval.Context{})} {
			for _, f := range p.Flags() {
				if f.Hidden == kept[f.Name] {
					t.Errorf("%q is hidden: %v", f.Name, f.Hidden)
				}
			}
			for name, wanted := range kept {
				want := d.program.Evaluate(name, &c)
				if !wanted {
					continue
				}
				if diff := cmp.Diff(want, p.Evaluate(name, &request)); diff != "" {
					t.Errorf("%q under %+v (-all +selected)\n%s", name, c, diff)
				}
			}
		}
		for _, f := range compile.Select(first, func(eval.Flag) bool { return true }).Flags() {
			if was, ok := first.Lookup(f.Name); !ok || was != f {
				t.Errorf("selecting all again makes %+v of %+v", f, was)
			}
		}
		if n := len(last.Flags()); n > len(first.Flags()) {
			t.Errorf("%d flags are left when it is selected last, %d when first", n, len(first.Flags()))
		}
	})
}

// A flag that is not contextual has one result at one time, whatever a request
// adds to the static context and whatever chance draws.
func TestContextualIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		c := d.context()
		split := gen.SplitFields(d.source, c.Fields, d.Fields)
		static := eval.Context{Fields: split.Known, Absent: split.Absent, Time: c.Time}
		contextual := compile.Contextual(d.program, &static)
		for range 5 {
			request := d.context()
			request.Time = c.Time
			for _, name := range d.Fields {
				if value, known := split.Known[name]; known {
					request.Fields[name] = value
				} else if slices.Contains(split.Absent, name) {
					delete(request.Fields, name)
				}
			}
			for i, f := range d.program.Flags() {
				if diff := cmp.Diff(d.program.Evaluate(f.Name, &static),
					d.program.Evaluate(f.Name, &request)); diff != "" && !contextual[i] {
					t.Errorf("%s is not contextual under %+v, but under %+v:\n%s", f.Name, static, request, diff)
				}
			}
		}
	})
}

// Explain decides as Evaluate does, and its steps add up to the result.
func TestExplainAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		for range 3 {
			c := d.context()
			for _, flag := range d.Flags {
				e := describe.Explain(d.program, flag, &c)
				if diff := cmp.Diff(d.program.Evaluate(flag, &c), e.Result); diff != "" {
					t.Errorf("%q under %+v (-Evaluate +Explain)\n%s", flag, c, diff)
				}
				passes := len(e.Steps) > 0
				for i, step := range e.Steps {
					decides := i == len(e.Steps)-1 || strings.HasPrefix(step.What, "parent")
					passes = passes && (step.Holds || !decides)
				}
				if e.Result.Enabled != passes || e.Result.Enabled != (e.Variant != "") || e.Why == "" {
					t.Errorf("%q is %v, explained by %+v", flag, e.Result.Enabled, e)
				}
			}
		}
	})
}
