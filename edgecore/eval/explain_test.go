package eval_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
)

// An explanation names what decided, and what it was compared with.
func TestExplain(t *testing.T) {
	p, _ := mustCompile(t, `{"name":"off","enabled":false,"strategies":[]},
		{"name":"on","enabled":true,"strategies":[]},
		{"name":"canary","enabled":true,"strategies":[
			{"name":"default","segments":[1],"constraints":[{"contextName":"plan","operator":"IN","values":["a","b","c",
				"d","e","f"]}]},
			{"name":"flexibleRollout","parameters":{"rollout":"73","stickiness":"userId","groupId":"gr1"}}],
			"variants":[{"name":"red","weight":795},{"name":"blue","weight":205,"overrides":[{"contextName":"plan",
				"values":["z"]}]}]},
		{"name":"drawn","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"73",
			"groupId":"gr1"}}]},
		{"name":"child","enabled":true,"strategies":[],"dependencies":[{"feature":"canary","variants":["blue"]}]},
		{"name":"later","enabled":true,"strategies":[{"name":"default","constraints":[
			{"contextName":"currentTime","operator":"DATE_AFTER","value":"2026-01-31T12:00:00Z","inverted":true},
			{"contextName":"v","operator":"SEMVER_GTE","value":"1.2.3"},{"contextName":"n","operator":"NUM_LT",
				"value":"5"},
			{"contextName":"t","operator":"STR_CONTAINS","values":["A"],"caseInsensitive":true},
			{"contextName":"r","operator":"REGEX","value":"^a"},{"contextName":"ip","operator":"IN_CIDR",
				"values":["10.0.0.0/8"]}]}]}`)
	for _, tc := range []struct {
		flag   string
		fields map[string]string
		want   string
	}{
		{"gone", nil, "there is no such flag"},
		{"off", nil, "it is off for everybody: it is switched off, or none of its strategies can pass"},
		{"on", nil, "strategy 1 passes\n+ strategy 1: it is for everybody\nit has no variants"},
		{"canary", map[string]string{"country": "no", "plan": "z", "userId": "4"}, `no strategy passes
- strategy 1
 - plan IN ["a", "b", "c", "d", "e", … 6 in all]: plan is "z"
 + segment
  + country IN ["no"]: country is "no"
- strategy 2
 - 73 % by userId: "4" is in bucket 83 of 100 of group "gr1"`},
		{"canary", map[string]string{"userId": "123", "plan": "z"}, `strategy 2 passes
- strategy 1
 - plan IN ["a", "b", "c", "d", "e", … 6 in all]: plan is "z"
 - segment
  - country IN ["no"]: country is missing
+ strategy 2
 + 73 % by userId: "123" is in bucket 73 of 100 of group "gr1"
"blue" by an override: plan IN ["z"]`},
		{"drawn", nil, `no strategy passes
- strategy 1
 - 73 % by userId, else sessionId, else chance: nothing but chance could decide, and there is no draw here`},
		{"child", map[string]string{"country": "no", "plan": "a", "userId": "1"}, `a parent is not as it must be: "canary" is on with variant "red"
- parent "canary" is on with variant ["blue"]: "canary" is on with variant "red"`},
		{"later", map[string]string{"v": "1.2.4", "t": "xa", "r": "b", "ip": "10.1.1.1"}, `no strategy passes
- strategy 1
 - not currentTime DATE_AFTER 2026-01-31T12:00:00Z: the time is 2026-01-31T12:00:00.001Z
 + v SEMVER_GTE 1.2.3: v is "1.2.4"
 - n NUM_LT 5: n is missing
 + t STR_CONTAINS ["a"] (any case): t is "xa"
 - r REGEX "^a": r is "b"
 + ip IN_CIDR ["10.0.0.0/8"]: ip is "10.1.1.1"`},
	} {
		e := describe.Explain(p, tc.flag, &eval.Context{
			Fields: tc.fields, Time: time.Date(2026, 1, 31, 12, 0, 0, 1e6, time.UTC),
		})
		var b strings.Builder
		b.WriteString(e.Why)
		writeSteps(&b, e.Steps, "")
		if e.Variant != "" {
			b.WriteString("\n" + e.Variant)
		}
		if diff := cmp.Diff(tc.want, b.String()); diff != "" {
			t.Errorf("%s under %q (-want +got)\n%s", tc.flag, tc.fields, diff)
		}
	}
}

func writeSteps(b *strings.Builder, steps []describe.Step, indent string) {
	for _, s := range steps {
		sign := "- "
		if s.Holds {
			sign = "+ "
		}
		b.WriteString("\n" + indent + sign + s.What)
		if s.Why != "" {
			b.WriteString(": " + s.Why)
		}
		writeSteps(b, s.Steps, indent+" ")
	}
}
