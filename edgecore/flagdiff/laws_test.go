package flagdiff_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/test/gen"
)

// mutable are members that an evaluation may look at; those that lead to most
// of it are here several times.
var mutable = strings.Fields(`features features features segments
	enabled strategies strategies strategies strategies variants variants dependencies impressionData name type
	parameters parameters parameters constraints constraints
	weight stickiness payload overrides value values operator contextName inverted caseInsensitive
	rollout percentage groupId groupId userIds IPs feature`)

// mutate changes, drops or doubles one thing in a JSON value.
func mutate(s gen.Source, v any) any {
	switch v := v.(type) {
	case map[string]any:
		keys := []string{}
		for _, key := range mutable {
			if _, ok := v[key]; ok {
				keys = append(keys, key)
			}
		}
		if len(keys) > 0 {
			key := keys[s.IntN(len(keys))]
			v[key] = mutate(s, v[key])
		}
		return v
	case []any:
		n := len(v)
		switch how := s.IntN(8); {
		case n == 0:
			return v
		case how == 0:
			return v[1:]
		case how == 1:
			v[0], v[n-1] = v[n-1], v[0]
			return v
		case how == 2:
			return v[:n-1]
		}
		i := s.IntN(n)
		v[i] = mutate(s, v[i])
		return v
	case bool:
		return !v
	case float64:
		return v + 1
	case string:
		return []any{"1", "userId", "random", "IN", "NOT_IN", "a", v + "0"}[s.IntN(7)]
	}
	return v
}

// pairOf draws definitions and others that differ a little, or much. What does
// not differ has the same text in both.
func pairOf(t *rapid.T) (s gen.Source, state *gen.State, old, next *edgecore.Definitions) {
	s = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	for next == nil {
		state = gen.Definitions(s, gen.Options{})
		other := state.Document
		if s.IntN(10) == 0 {
			other = gen.Definitions(s, gen.Options{}).Document
		}
		old, next = definitionsOf(t, state.Document, nil), definitionsOf(t, other, s)
	}
	return s, state, old, next
}

// definitionsOf writes a document in the order of encoding/json, with one or
// two things changed if s is not nil. It returns nil if they are not definitions
// any more.
func definitionsOf(t *rapid.T, document []byte, s gen.Source) *edgecore.Definitions {
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatal(err)
	}
	if s != nil {
		for range 1 + s.IntN(2) {
			v = mutate(s, v)
		}
	}
	document, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d, err := parse.Definitions(document, "test")
	if err != nil {
		return nil
	}
	return d
}

func contextOf(s gen.Source, state *gen.State) eval.Context {
	c := state.Context(s)
	return eval.Context{Fields: c.Fields, Time: c.Time, Seed: []string{"", "1", "2"}[s.IntN(3)]}
}

// Every flag that answers otherwise for some context is in the difference,
// one that is reported to be off for everyone is, and equal definitions differ in
// nothing.
func TestDiffIsComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range 3 {
			diffIsComplete(t)
		}
	})
}

func diffIsComplete(t *rapid.T) {
	s, state, old, next := pairOf(t)
	before, _ := compile.Program(old)
	after, _ := compile.Program(next)
	spec := snapshot.Spec{Format: snapshot.Rules1}
	stored, rules := encoded(t, old, before, spec), encoded(t, next, after, spec)
	spec.Format = snapshot.Definitions1
	storedToo, definitions := encoded(t, old, before, spec), encoded(t, next, after, spec)
	if all := append(append(flagdiff.Definitions(old, old), flagdiff.Stored(&rules, rules.Seal(1, now))...),
		flagdiff.Stored(&definitions, definitions.Seal(1, now))...); len(all) > 0 {
		t.Errorf("of what is equal: %v", all)
	}
	for what, changes := range map[string][]flagdiff.Change{
		"definitions": flagdiff.Definitions(old, next), "rules/1": flagdiff.Stored(&rules, stored.Seal(1, now)),
		"definitions/1": flagdiff.Stored(&definitions, storedToo.Seal(1, now)),
	} {
		told := map[string]flagdiff.Change{}
		for _, c := range changes {
			told[c.Flag] = c
			if c.Text == "" && c.Sign != flagdiff.Removed || c.Sign == "" {
				t.Errorf("%s: %+v says nothing", what, c)
			}
			if from, to, found := strings.Cut(c.Text, " -> "); found && from == to {
				t.Errorf("%s: %q says nothing", what, c)
			}
		}
		for range 12 {
			c := contextOf(s, state)
			for _, name := range state.Flags {
				diff := cmp.Diff(before.Evaluate(name, &c), after.Evaluate(name, &c))
				change, ok := told[name]
				if diff != "" && (!ok || strings.Contains(change.Text, "no effect")) {
					t.Errorf("%s: %q is told as %q, under %+v it answers otherwise (-old +new)\n%s\nold %s\nnew %s",
						what, name, change, c, diff, raw(old), raw(next))
				}
				if strings.HasSuffix(change.Text, "OFF for everyone") && after.Evaluate(name, &c).Enabled {
					t.Errorf("%s: %q, but it is on under %+v", what, change, c)
				}
			}
		}
	}
}

// Of answers the difference is exact.
func TestDiffOfAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, state, old, next := pairOf(t)
		before, _ := compile.Program(old)
		after, _ := compile.Program(next)
		spec := snapshot.Spec{
			Format: snapshot.Evaluated1, Static: contextOf(s, state), IncludeDisabled: s.IntN(2) == 1,
			Contextual: snapshot.ContextualEvaluate,
		}
		stored, answers := encoded(t, old, before, spec), encoded(t, next, after, spec)
		told := map[string]bool{}
		for _, c := range flagdiff.Stored(&answers, stored.Seal(1, now)) {
			told[c.Flag] = true
		}
		static := spec.Static
		static.Time, static.Seed = now, "0"
		for _, name := range state.Flags {
			was, is := before.Evaluate(name, &static), after.Evaluate(name, &static)
			stood, knew := before.Lookup(name)
			stands, knows := after.Lookup(name)
			differs := !cmp.Equal(was, is) || knew != knows && spec.IncludeDisabled ||
				stood.ImpressionData != stands.ImpressionData &&
					(was.Enabled && is.Enabled || knew && knows && spec.IncludeDisabled)
			if differs != told[name] {
				t.Errorf("%q: told %v, differs %v: %+v %+v", name, told[name], differs, was, is)
			}
		}
	})
}

func encoded(t *rapid.T, d *edgecore.Definitions, p *eval.Program, spec snapshot.Spec) snapshot.Snapshot {
	s, err := snapshot.Encode(d, p, spec, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func raw(d *edgecore.Definitions) string {
	var b strings.Builder
	for _, f := range d.Features {
		b.WriteString(f.Raw)
		b.WriteByte('\n')
	}
	for _, s := range d.Segments {
		b.WriteString(s.Raw)
		b.WriteByte('\n')
	}
	return b.String()
}

// TestOnFlagsLaws: stored and wanted say the same, and what the difference marks
// as off for everyone is not on any more.
func TestOnFlagsLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, state, old, next := pairOf(t)
		before, _ := compile.Program(old)
		after, _ := compile.Program(next)
		nothing := &edgecore.Definitions{}
		none, _ := compile.Program(nothing)
		for _, format := range snapshot.Formats() {
			spec := snapshot.Spec{Format: format, Static: contextOf(s, state), IncludeDisabled: s.IntN(2) == 1}
			if format != snapshot.Evaluated1 {
				spec.Static = eval.Context{}
			}
			was, is, empty := encoded(t, old, before, spec), encoded(t, next, after, spec),
				encoded(t, nothing, none, spec)
			stored, err := snapshot.OnFlags(was.Seal(1, now), now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(was.On(now), stored); diff != "" {
				t.Errorf("%s: (-wanted +stored)\n%s", format, diff)
			}
			if n := len(empty.On(now)); n > 0 {
				t.Errorf("%s: %d flags are on in nothing", format, n)
			}
			on := is.On(now)
			for _, c := range flagdiff.Stored(&is, was.Seal(1, now)) {
				if c.Sign == flagdiff.NeedsReview &&
					(strings.Contains(c.Text, "OFF for everyone") || strings.HasPrefix(c.Text, "removed")) &&
					on[c.Flag] {
					t.Errorf("%s: %s, and it is on", format, c)
				}
			}
		}
	})
}
