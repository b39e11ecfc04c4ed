package eval_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/test/gen"
)

// With every field known or known absent, only draws can leave a flag open.
func TestContextualIsComplete(t *testing.T) {
	p, _ := mustCompile(t, `{"name":"const","enabled":true,"strategies":[{"name":"flexibleRollout",
		"parameters":{"rollout":"30","stickiness":"userId","groupId":"g"},
		"constraints":[{"contextName":"country","operator":"IN","values":["no"]}]}]},
		{"name":"drawn","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"30",
			"stickiness":"random"}}]},
		{"name":"everybody","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"100",
			"stickiness":"default"}}]},
		{"name":"nobody","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"country",
			"operator":"IN","values":[]}]}]},
		{"name":"either","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"1"}},
			{"name":"default"}]}`)
	for _, tc := range []struct {
		flag   string
		static eval.Context
		want   bool
	}{
		{"const", eval.Context{Fields: map[string]string{"userId": "2", "country": "no"}}, false},
		{"const", eval.Context{Fields: map[string]string{"country": "se"}}, false},
		{"const", eval.Context{Fields: map[string]string{"country": "no"}, Absent: []string{"userId"}}, false},
		{"const", eval.Context{Fields: map[string]string{"country": "no"}}, true},
		{"const", eval.Context{Fields: map[string]string{"userId": "2"}}, true},
		{"drawn", eval.Context{Fields: map[string]string{"userId": "1"}}, true},
		{"everybody", eval.Context{}, false},
		{"either", eval.Context{}, false},
		{"nobody", eval.Context{}, false},
	} {
		i := slices.IndexFunc(p.Flags(), func(f eval.Flag) bool { return f.Name == tc.flag })
		if got := compile.Contextual(p, &tc.static)[i]; got != tc.want {
			t.Errorf("%s under %+v: contextual is %v", tc.flag, tc.static, got)
		}
	}
}

// What a flag depends on is something exactly if it is contextual.
func TestDependsOnIsContextual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		c := d.context()
		split := gen.SplitFields(d.source, c.Fields, d.Fields)
		static := eval.Context{Fields: split.Known, Absent: split.Absent, Time: c.Time}
		contextual := compile.Contextual(d.program, &static)
		for i, needs := range compile.DependsOn(d.program, &static) {
			if (len(needs) > 0) != contextual[i] {
				t.Errorf("%s depends on %q, contextual is %v under %+v", d.program.Flags()[i].Name, needs,
					contextual[i], static)
			}
			for _, name := range needs {
				_, known := static.Fields[name]
				if known || slices.Contains(static.Absent, name) {
					t.Errorf("%s depends on %q, which is known", d.program.Flags()[i].Name, name)
				}
			}
		}
	})
}
