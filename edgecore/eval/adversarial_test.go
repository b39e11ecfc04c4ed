package eval_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
)

// What could take long or go wrong takes no time that counts, answers by every
// route, and is a Problem where the server would refuse it.
func TestAdversarialDefinitions(t *testing.T) {
	users := make([]string, 5000)
	for i := range users {
		users[i] = fmt.Sprintf(`"user-%d"`, i)
	}
	list := strings.Join(users, ",")
	segments, references := []string{}, []string{}
	for i := range 100 {
		segments = append(segments,
			fmt.Sprintf(
				`{"id":%d,"constraints":[{"contextName":"userId","operator":"IN","values":[%s]},{"contextName":"x",`+
					`"operator":"NOT_IN","values":["%d"]}]}`, i, list, i))
		references = append(references, fmt.Sprint(i))
	}
	var chain strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&chain, `{"name":"c%d","enabled":true,"strategies":[],"dependencies":[{"feature":"c%d"}]},`, i,
			(i+1)%2000)
	}
	regex := func(pattern string) string {
		return constrained(`{"contextName":"x","operator":"REGEX","value":"` + pattern + `"}`)
	}
	hostile := strings.Repeat("a", 2047) + "!"
	for _, tc := range []struct {
		name, features, segments string
		fields                   map[string]string
		enabled                  bool
		variant, problem         string
	}{
		{
			"a list of 5,000", constrained(`{"contextName":"userId","operator":"IN","values":[` + list + `]}`), "",
			map[string]string{"userId": "user-4999"},
			true, "", "",
		},
		{
			"5,000 prefixes",
			constrained(`{"contextName":"userId","operator":"STR_STARTS_WITH","values":[` + list +
				`],"caseInsensitive":true}`), "",
			map[string]string{"userId": "none"},
			false, "", "",
		},
		{
			"a value that stands 5,000 times",
			constrained(`{"contextName":"x","operator":"IN","values":[` + strings.Repeat(`"a",`, 5000) + `"b"]}`), "",
			map[string]string{"x": "b"},
			true, "", "",
		},
		{
			"100 segments", strategyFlag(`{"name":"default","segments":[` + strings.Join(references, ",") + `]}`),
			strings.Join(segments, ","),
			map[string]string{"userId": "user-7", "x": "y"},
			true, "", "",
		},
		{
			"100 segments, not in the last",
			strategyFlag(`{"name":"default","segments":[` + strings.Join(references, ",") + `]}`),
			strings.Join(segments, ","),
			map[string]string{"userId": "user-7", "x": "99"},
			false, "", "",
		},
		{
			"one segment 1,000 times",
			strategyFlag(`{"name":"default","segments":[` + strings.Repeat("1,", 999) + `1]}`),
			strings.Join(segments, ","),
			map[string]string{"userId": "user-7"},
			true, "", "",
		},
		{
			"a cycle of 2,000 parents",
			chain.String() + `{"name":"f","enabled":true,"strategies":[],"dependencies":[{"feature":"c7"}]}`, "", nil,
			false, "", `flag "c0": dependencies: the parent flag "c1" has a parent of its own`,
		},
		{
			"its own parent",
			`{"name":"f","enabled":true,"strategies":[],"dependencies":[{"feature":"f","enabled":false}]}`, "", nil,
			false, "", `the parent flag "f" has a parent of its own`,
		},
		{
			"no weight",
			`{"name":"f","enabled":true,"strategies":[],"variants":[{"name":"a","weight":0},{"name":"b","weight":0}]}`,
			"", nil, true, "disabled", "",
		},
		{
			"negative weights",
			`{"name":"f","enabled":true,"strategies":[],"variants":[{"name":"a","weight":-1000},{"name":"b",` +
				`"weight":1}]}`, "", nil, true, "b", "variants[0].weight: must be a whole number from 0 on",
		},
		{
			"weights beyond 32 bits together",
			`{"name":"f","enabled":true,"strategies":[],"variants":[{"name":"a","weight":2147483647},{"name":"a",` +
				`"weight":2147483647},{"name":"a","weight":2}]}`, "",
			map[string]string{"userId": "1"},
			true, "a", "",
		},
		{
			"a weight beyond 32 bits",
			`{"name":"f","enabled":true,"strategies":[],"variants":[{"name":"a","weight":4294967296},{"name":"b",` +
				`"weight":1}]}`, "",
			map[string]string{"userId": "1"},
			true,
			"b", "variants[0].weight: is 4294967296, the limit is 2147483647; it counts as 0",
		},
		{
			"such a weight in a strategy",
			strategyFlag(`{"name":"default","variants":[{"name":"a","weight":4294967296}]}`), "", nil, true, "disabled",
			"strategies[0].variants[0].weight: is 4294967296",
		},
		{"nested repetition", regex(`^(a+)+$`), "", map[string]string{"x": hostile}, false, "", ""},
		{"nested alternatives", regex(`^(a|aa|aaa)*(a|aa)*$`), "", map[string]string{"x": hostile}, false, "", ""},
		{
			"a class of everything but everything", regex(`[^\\x00-\\x{10FFFF}]`), "",
			map[string]string{"x": "a"},
			false,
			"", "",
		},
		{
			"repetition beyond the cap", regex(strings.Repeat(`(a?){999}`, 9)), "",
			map[string]string{"x": hostile},
			false,
			"", "instructions, the limit is 16384",
		},
		{
			"much repetition", regex(strings.Repeat(`(?:\\pL?){999}`, 5) + `!!`), "",
			map[string]string{"x": hostile},
			false, "", "",
		},
		{
			"repetition beyond RE2's own", regex(`((a{1,100}){1,100}){1,100}`), "",
			map[string]string{"x": hostile},
			false,
			"", "it is not an RE2 regular expression",
		},
		{
			"parentheses without end", regex(strings.Repeat("(", 1001) + strings.Repeat(")", 1001)), "",
			map[string]string{"x": "a"},
			false, "", "it is not an RE2 regular expression",
		},
		{"a long value", regex(`a`), "", map[string]string{"x": strings.Repeat("a", 1<<20)}, false, "", ""},
		{
			"a long version", constrained(`{"contextName":"x","operator":"SEMVER_GT","value":"1.0.0"}`), "",
			map[string]string{"x": "2.0.0-" + strings.Repeat("1.", 1<<20) + "1"},
			false, "", "",
		},
		{
			"a long number", constrained(`{"contextName":"x","operator":"NUM_GT","value":"1"}`), "",
			map[string]string{"x": strings.Repeat("9", 1<<20)},
			true, "", "",
		},
		{
			"half a pair", constrained(`{"contextName":"x","operator":"IN","values":["a\ud800"]}`), "",
			map[string]string{"x": "a\ufffd"},
			true, "", "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start := time.Now()
			d := mustParse(t, tc.features, tc.segments)
			p, problems := compile.Program(d)
			vector := vector{}
			if tc.problem != "" {
				vector.Problems = []string{tc.problem}
			}
			vector.checkProblems(t, append(d.Problems, problems...))
			c := eval.Context{Fields: tc.fields}
			got := p.Evaluate("f", &c)
			if got.Enabled != tc.enabled || tc.variant != "" && got.Variant.Name != tc.variant {
				t.Errorf("enabled %v, variant %q", got.Enabled, got.Variant.Name)
			}
			if again := throughRules(t, p, &eval.Context{}).Evaluate("f", &c); again.Enabled != got.Enabled ||
				again.Variant.Name != got.Variant.Name {
				t.Errorf("through rules: %+v", again)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
