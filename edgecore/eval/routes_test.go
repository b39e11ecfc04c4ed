package eval_test

import (
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/test/gen"
)

// tb is what a test and a property test have in common.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// throughRules is what a worker evaluates: a program as rules/1 that a target
// with this static context has stored.
func throughRules(t tb, p *eval.Program, static *eval.Context) *eval.Program {
	t.Helper()
	stored := encodeRules(t, compile.Specialize(p, static))
	decoded, err := rules.Decode(stored)
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, stored)
	}
	return decoded
}

// routes are the ways to the answer for one context: the program itself,
// rules/1 of a target without a static context, of one that fixes the whole
// context, and of one that fixes a random part of it.
type routes struct {
	direct, empty, known, split *eval.Program
	whole, request, nothing     eval.Context
	dealt                       gen.Split
}

// newRoutes deals out the fields of a context, and those that it lacks of some
// names. empty is throughRules without a static context, which is the same for
// all contexts.
func newRoutes(t tb, s gen.Source, direct, empty *eval.Program, c eval.Context, names []string) *routes {
	t.Helper()
	r := &routes{direct: direct, empty: empty, whole: c, request: c, dealt: gen.SplitFields(s, c.Fields, names)}
	r.request.Fields = r.dealt.Request
	r.nothing = c
	r.nothing.Fields = nil
	all := eval.Context{Fields: c.Fields}
	for _, name := range names {
		if _, has := c.Fields[name]; !has {
			all.Absent = append(all.Absent, name)
		}
	}
	r.known = throughRules(t, direct, &all)
	r.split = throughRules(t, direct, &eval.Context{Fields: r.dealt.Known, Absent: r.dealt.Absent})
	return r
}

// check reports whether every route has this answer.
func (r *routes) check(t tb, what, flag string, want eval.Result) bool {
	t.Helper()
	ok := true
	for name, got := range map[string]eval.Result{
		"compiled":                     r.direct.Evaluate(flag, &r.whole),
		"rules/1":                      r.empty.Evaluate(flag, &r.whole),
		"rules/1 with all of it known": r.known.Evaluate(flag, &r.nothing),
		"rules/1 with a split context": r.split.Evaluate(flag, &r.request),
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, %s: flag %q under %q (static %q, absent %q, request %q) (-want +got)\n%s", what, name, flag,
				r.whole.Fields, r.dealt.Known, r.dealt.Absent, r.dealt.Request, diff)
			ok = false
		}
	}
	return ok
}

// namesOf lists the fields that any of some contexts has, and Unleash's own.
func namesOf(contexts ...eval.Context) []string {
	all := map[string]bool{
		"userId": true, "sessionId": true, "remoteAddress": true, "environment": true, "appName": true,
		"currentTime": true,
	}
	for _, c := range contexts {
		for name := range c.Fields {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
