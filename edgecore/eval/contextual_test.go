package eval_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
)

var fieldNames = []string{"userId", "sessionId", "remoteAddress", "country", "plan"}

// definitionsGen draws small definitions over few fields and values, so that
// conditions meet.
func definitionsGen(t *rapid.T) *edgecore.Definitions {
	field := rapid.SampledFrom(fieldNames)
	value := rapid.SampledFrom([]string{"", "1", "2", "10.0.0.1"})
	constraint := rapid.Custom(func(t *rapid.T) edgecore.Constraint {
		return edgecore.Constraint{
			ContextName: field.Draw(t, "field"),
			Operator:    rapid.SampledFrom([]string{"IN", "NOT_IN", "STR_CONTAINS", "NUM_GT", "IN_CIDR", "NOPE"}).Draw(t, "operator"),
			Values:      rapid.SliceOfN(value, 0, 2).Draw(t, "values"),
			Value:       "1",
			Inverted:    rapid.Bool().Draw(t, "inverted"),
		}
	})
	variant := rapid.Custom(func(t *rapid.T) edgecore.Variant {
		v := edgecore.Variant{
			Name:       rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"),
			Weight:     rapid.SampledFrom([]int{0, 1, 500}).Draw(t, "weight"),
			Stickiness: rapid.SampledFrom([]string{"", "default", "random", "country"}).Draw(t, "stickiness"),
		}
		if rapid.IntRange(0, 3).Draw(t, "override") == 0 {
			v.Overrides = []edgecore.Override{{ContextName: field.Draw(t, "field"), Values: []string{value.Draw(t, "value")}}}
		}
		return v
	})
	strategy := rapid.Custom(func(t *rapid.T) edgecore.Strategy {
		rollout := rapid.SampledFrom([]string{"0", "30", "100"}).Draw(t, "rollout")
		return edgecore.Strategy{
			Name: rapid.SampledFrom([]string{"default", "flexibleRollout", "gradualRolloutUserId", "gradualRolloutRandom", "userWithId", "remoteAddress"}).Draw(t, "strategy"),
			Parameters: map[string]string{
				"rollout": rollout, "percentage": rollout, "groupId": "g", "userIds": "1", "IPs": "10.0.0.0/8",
				"stickiness": rapid.SampledFrom([]string{"default", "random", "plan"}).Draw(t, "stickiness"),
			},
			Constraints: rapid.SliceOfN(constraint, 0, 2).Draw(t, "constraints"),
			Segments:    rapid.SliceOfN(rapid.IntRange(1, 2), 0, 1).Draw(t, "segments"),
			Variants:    rapid.SliceOfN(variant, 0, 2).Draw(t, "variants"),
		}
	})
	d := &edgecore.Definitions{Segments: []edgecore.Segment{{ID: 1, Constraints: rapid.SliceOfN(constraint, 0, 2).Draw(t, "segment")}}}
	for i := range 3 {
		f := edgecore.Feature{
			Name: fmt.Sprint("f", i), Enabled: rapid.IntRange(0, 4).Draw(t, "enabled") > 0,
			Strategies: rapid.SliceOfN(strategy, 0, 3).Draw(t, "strategies"),
			Variants:   rapid.SliceOfN(variant, 0, 3).Draw(t, "variants"),
		}
		if i > 0 && rapid.Bool().Draw(t, "dependent") {
			f.Dependencies = []edgecore.Dependency{{
				Feature: "f0", Enabled: rapid.Bool().Draw(t, "parent enabled"),
				Variants: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "disabled"}), 0, 1).Draw(t, "parent variants"),
			}}
		}
		d.Features = append(d.Features, f)
	}
	return d
}

// A flag that is not contextual has one result, whatever a request adds to the
// static context and whatever chance draws.
func TestContextualIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _ := eval.Compile(definitionsGen(t))
		static := eval.Context{Fields: map[string]string{}}
		value := rapid.SampledFrom([]string{"", "1", "2", "10.0.0.1", "3"})
		var unknown []string
		for _, name := range fieldNames {
			switch rapid.IntRange(0, 2).Draw(t, name) {
			case 0:
				static.Fields[name] = value.Draw(t, "value")
			case 1:
				static.Absent = append(static.Absent, name)
			default:
				unknown = append(unknown, name)
			}
		}
		contextual := p.Contextual(&static)
		for i, f := range p.Flags() {
			if contextual[i] {
				continue
			}
			want := p.Evaluate(f.Name, &eval.Context{Fields: static.Fields})
			for range 20 {
				c := eval.Context{Fields: map[string]string{}, Seed: rapid.StringN(1, 9, -1).Draw(t, "seed")}
				for name, v := range static.Fields {
					c.Fields[name] = v
				}
				for _, name := range unknown {
					if rapid.Bool().Draw(t, "present") {
						c.Fields[name] = value.Draw(t, "value")
					}
				}
				if diff := cmp.Diff(want, p.Evaluate(f.Name, &c)); diff != "" {
					t.Fatalf("%s is not contextual under %+v, but under %+v:\n%s", f.Name, static, c, diff)
				}
			}
		}
	})
}

// With every field known or known absent, only draws can leave a flag open.
func TestContextualIsComplete(t *testing.T) {
	p, _ := compile(t, `{"name":"const","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"30","stickiness":"userId","groupId":"g"},
		"constraints":[{"contextName":"country","operator":"IN","values":["no"]}]}]},
		{"name":"drawn","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"30","stickiness":"random"}}]},
		{"name":"everybody","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"100","stickiness":"default"}}]},
		{"name":"either","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"1"}},{"name":"default"}]}`)
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
	} {
		i := slices.IndexFunc(p.Flags(), func(f eval.Flag) bool { return f.Name == tc.flag })
		if got := p.Contextual(&tc.static)[i]; got != tc.want {
			t.Errorf("%s under %+v: contextual is %v", tc.flag, tc.static, got)
		}
	}
}
