package compile_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/gen"
)

// history is definitions that change: flags from a pool take each other's
// place under their names.
type history struct {
	*rand.Rand
	pool     []edgecore.Feature
	sound    []edgecore.Feature // of the pool, without problems
	segments [][]edgecore.Segment
	states   []*gen.State
	serial   int
	now      edgecore.Definitions
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{Rand: rand.New(rand.NewPCG(seed, 11))}
	for i := range 10 {
		state := gen.Definitions(h, gen.Options{Odd: i == 9})
		d, err := parse.Definitions(state.Document, "test")
		if err != nil {
			continue // odd enough to be none
		}
		h.pool, h.segments, h.states = append(h.pool, d.Features...), append(h.segments, d.Segments),
			append(h.states, state)
		_, problems := compile.Program(d)
		for _, f := range d.Features {
			if !slices.ContainsFunc(problems, func(p edgecore.Problem) bool { return p.Feature == f.Name }) {
				h.sound = append(h.sound, f)
			}
		}
	}
	for range 60 {
		h.now.Features = append(h.now.Features, h.feature(fmt.Sprint("flag-", len(h.now.Features))))
	}
	h.now.Segments = h.segments[0]
	return h
}

// feature makes a flag of one of the pool. Its raw text only makes it differ.
func (h *history) feature(name string) edgecore.Feature {
	h.serial++
	from := h.sound
	if h.IntN(10) == 0 {
		from = h.pool
	}
	f := from[h.IntN(len(from))]
	f.Name, f.Raw = name, fmt.Sprint(h.serial)
	f.Dependencies = slices.Clone(f.Dependencies)
	for i := range f.Dependencies {
		f.Dependencies[i].Feature = fmt.Sprint("flag-", h.IntN(61)) // one is missing
	}
	return f
}

// next is the next version: mostly one or two flags have changed.
func (h *history) next() *edgecore.Definitions {
	d := edgecore.Definitions{Environment: "test", Features: slices.Clone(h.now.Features), Segments: h.now.Segments}
	at := h.IntN(len(d.Features))
	switch h.IntN(12) {
	case 0:
		d.Features = slices.Insert(d.Features, at, h.feature(fmt.Sprint("new-", h.serial)))
	case 1:
		d.Features = slices.Delete(d.Features, at, at+1)
	case 2:
		d.Segments = h.segments[h.IntN(len(h.segments))]
	case 3:
		d.Features[0], d.Features[at] = d.Features[at], d.Features[0]
	case 4: // nothing
	default:
		for range 1 + h.IntN(2) {
			at := h.IntN(len(d.Features))
			if h.IntN(2) == 0 {
				d.Features[at] = h.feature(d.Features[at].Name)
				continue
			}
			h.serial++
			d.Features[at].Enabled, d.Features[at].Raw = !d.Features[at].Enabled, fmt.Sprint(h.serial)
		}
	}
	h.now = d
	return &d
}

// What was compiled before makes no difference, and stays as it was.
func TestCompileNextIsCompile(t *testing.T) {
	patched := 0
	for seed := range uint64(6) {
		h := newHistory(t, seed)
		var last *eval.Program
		var programs []*eval.Program
		var written []string
		for step := range 40 {
			d := h.next()
			want, wantProblems := compile.Program(d)
			var asking sync.WaitGroup
			if last != nil { // requests go on meanwhile
				asking.Go(func() { portrait(last, h.states, 1) })
			}
			got, problems, err := compile.Next(t.Context(), d, last)
			if err != nil {
				t.Fatal(err)
			}
			asking.Wait()
			if diff := cmp.Diff(wantProblems, problems); diff != "" {
				t.Fatalf("seed %d, step %d: problems (-Compile +CompileNext)\n%s", seed, step, diff)
			}
			if diff := cmp.Diff(portrait(want, h.states, 5), portrait(got, h.states, 5)); diff != "" {
				t.Fatalf("seed %d, step %d (-Compile +CompileNext)\n%s", seed, step, diff)
			}
			if last != nil && compile.SharesWith(got, last) {
				patched++
			}
			programs, written = append(programs, got), append(written, rulesOf(got))
			last = got
		}
		for i, p := range programs {
			if rulesOf(p) != written[i] {
				t.Fatalf("seed %d: program %d is another one after %d changes", seed, i, len(programs)-i)
			}
		}
	}
	if patched < 40 { // of 240
		t.Errorf("only %d times less than everything was compiled", patched)
	}
}

func rulesOf(p *eval.Program) string {
	rules, err := rules.Encode(p, rules.Options{})
	return fmt.Sprint(string(rules), err)
}

// portrait is all that a program says.
func portrait(p *eval.Program, states []*gen.State, contexts int) map[string]any {
	out := map[string]any{"rules": rulesOf(p), "flags": p.Flags(), "needs": compile.DependsOn(p, &eval.Context{})}
	var flips []time.Time
	for at, more := p.NextFlip(time.Time{}); more; at, more = p.NextFlip(at) {
		flips = append(flips, at)
	}
	out["flips"] = flips
	random := rand.New(rand.NewPCG(1, uint64(len(rulesOf(p)))))
	for i := range contexts {
		drawn := states[random.IntN(len(states))].Context(random)
		c := &eval.Context{Fields: drawn.Fields, Time: drawn.Time, Seed: "seed"}
		view := p.NewView(c)
		var answers []eval.Result
		for n, f := range p.Flags() {
			answers = append(answers, view.Flag(n))
			if byName := p.Evaluate(f.Name, c); byName.Enabled != answers[n].Enabled ||
				byName.Variant.Name != answers[n].Variant.Name {
				answers[n] = eval.Result{} // differs from every other
			}
		}
		out[fmt.Sprint("answers ", i)] = answers
	}
	return out
}

// Two versions may come after the same one.
func TestCompileNextTwice(t *testing.T) {
	version := func(fields ...string) *edgecore.Definitions {
		d := &edgecore.Definitions{Environment: "test"}
		for i := range 8 {
			d.Features = append(d.Features, edgecore.Feature{
				Name: fmt.Sprint("flag-", i), Enabled: true, Strategies: []edgecore.Strategy{{Name: "default"}},
			})
		}
		d.Features[5].Raw = fmt.Sprint(fields)
		for _, field := range fields {
			d.Features[5].Strategies = append(d.Features[5].Strategies, edgecore.Strategy{
				Name: "flexibleRollout", Parameters: map[string]string{"rollout": "50", "stickiness": field},
				Constraints: []edgecore.Constraint{{ContextName: field, Operator: "IN", Values: []string{"v"}}},
			})
		}
		return d
	}
	first, _ := compile.Program(version())
	for _, fields := range [][]string{{"plan", "country"}, {"country", "plan"}, {"plan"}} {
		got, _, err := compile.Next(t.Context(), version(fields...), first)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := compile.Program(version(fields...))
		if !compile.SharesWith(got, first) {
			t.Error("everything was compiled")
		}
		if diff := cmp.Diff(rulesOf(want), rulesOf(got)); diff != "" {
			t.Errorf("%s (-Compile +CompileNext)\n%s", fields, diff)
		}
	}
}

// Thousands of changes, one by one, neither pile up the values that lists have
// held nor compile everything each time.
func TestCompileNextStaysSmall(t *testing.T) {
	d := &edgecore.Definitions{Environment: "test"}
	list := func(i, revision int) edgecore.Feature {
		f := edgecore.Feature{Name: fmt.Sprint("flag-", i), Enabled: true, Raw: fmt.Sprint(i, revision)}
		var users []string
		for user := range 10 {
			users = append(users, fmt.Sprint(i, "-", revision, "-", user))
		}
		f.Strategies = []edgecore.Strategy{
			{Name: "default", Constraints: []edgecore.Constraint{
				{ContextName: "userId", Operator: "IN", Values: users},
			}},
		}
		return f
	}
	for i := range 1000 {
		d.Features = append(d.Features, list(i, 0))
	}
	last, _ := compile.Program(d)
	whole := 0
	for revision := 1; revision <= 3000; revision++ {
		next := *d
		next.Features = slices.Clone(d.Features)
		next.Features[revision%1000] = list(revision%1000, revision)
		program, _, err := compile.Next(t.Context(), &next, last)
		if err != nil {
			t.Fatal(err)
		}
		if !compile.SharesWith(program, last) {
			whole++
		}
		if n := compile.Values(program); n > 2*10_000+1010 {
			t.Fatalf("after %d changes there are %d values, of 10,000 in use", revision, n)
		}
		d, last = &next, program
	}
	if whole > 3000/200 {
		t.Errorf("3,000 changes compiled everything %d times", whole)
	}
}
