package eval_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/cover"
	"github.com/flagcast/flagcast/edgecore/parse"
)

func compileDocument(t *testing.T, document string) *eval.Program {
	t.Helper()
	d, err := parse.Definitions([]byte(document), "production")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := compile.Program(d)
	return p
}

// TestCoverReachesEveryKind: one flag of each operator, in two strategies, with
// a segment, a parent and shares; all that can be taken is.
func TestCoverReachesEveryKind(t *testing.T) {
	for name, constraint := range map[string]string{
		"IN":          `{"contextName":"country","operator":"IN","values":["cn","sg"]}`,
		"NOT_IN":      `{"contextName":"country","operator":"NOT_IN","values":["cn","sg"]}`,
		"inverted IN": `{"contextName":"country","operator":"IN","values":["cn"],"inverted":true}`,
		"STR_STARTS_WITH": `{"contextName":"email","operator":"STR_STARTS_WITH","values":["a@"],` +
			`"caseInsensitive":true}`,
		"STR_ENDS_WITH": `{"contextName":"email","operator":"STR_ENDS_WITH","values":[".cn"]}`,
		"STR_CONTAINS":  `{"contextName":"email","operator":"STR_CONTAINS","values":["@"]}`,
		"NUM_GT":        `{"contextName":"age","operator":"NUM_GT","value":"17.5"}`,
		"NUM_LT":        `{"contextName":"age","operator":"NUM_LT","value":"-3"}`,
		"NUM_EQ":        `{"contextName":"age","operator":"NUM_EQ","value":"1e3"}`,
		"SEMVER_GT":     `{"contextName":"version","operator":"SEMVER_GT","value":"1.2.3-beta.1"}`,
		"SEMVER_LT":     `{"contextName":"version","operator":"SEMVER_LT","value":"1.2.3"}`,
		"DATE_AFTER":    `{"contextName":"currentTime","operator":"DATE_AFTER","value":"2030-01-01T00:00:00Z"}`,
		"DATE_BEFORE":   `{"contextName":"currentTime","operator":"DATE_BEFORE","value":"2030-01-01T00:00:00Z"}`,
		"IN_CIDR":       `{"contextName":"remoteAddress","operator":"IN_CIDR","values":["10.0.0.0/8","2001:db8::/32"]}`,
		"REGEX":         `{"contextName":"email","operator":"REGEX","value":"^[a-z]{3,}@(one|two)\\.example$"}`,
	} {
		p := compileDocument(t, `{"version":2,"features":[
			{"name":"parent","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"plan",
				"operator":"IN","values":["pro"]}]}]},
			{"name":"flag","enabled":true,"dependencies":[{"feature":"parent"}],"strategies":[
				{"name":"flexibleRollout","parameters":{"rollout":"1","stickiness":"userId","groupId":"g"},
					"constraints":[`+constraint+`],"segments":[7]},
				{"name":"flexibleRollout","parameters":{"rollout":"99","stickiness":"userId","groupId":"h"}}]}],
			"segments":[{"id":7,"constraints":[
				{"contextName":"region","operator":"IN","values":["eu"]},
				{"contextName":"tier","operator":"STR_STARTS_WITH","values":["gold"],"inverted":true}]}]}`)
		contexts, coverage := cover.Inputs(p, 64)
		if coverage.Taken != coverage.Total || coverage.Total < 8 {
			t.Errorf("%s: %d of %d branches are taken by %d contexts", name, coverage.Taken, coverage.Total,
				len(contexts))
		}
		if again, _ := cover.Inputs(p, 64); cmp.Diff(contexts, again) != "" {
			t.Errorf("%s: the same program gives other contexts", name)
		}
	}
}

// TestCoverKeepsToItsNumber: with few contexts it reaches the most.
func TestCoverKeepsToItsNumber(t *testing.T) {
	p := compileDocument(t, `{"version":2,"features":[
		{"name":"a","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"x","operator":"IN",
			"values":["1"]}]}]},
		{"name":"b","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"x","operator":"IN",
			"values":["2"]}]}]}]}`)
	contexts, coverage := cover.Inputs(p, 1)
	if len(contexts) != 1 || coverage.Taken < 2 || coverage.Taken == coverage.Total {
		t.Errorf("%d contexts, %+v", len(contexts), coverage)
	}
	if contexts, coverage := cover.Inputs(compileDocument(t, `{"version":2,"features":[]}`), 9); len(contexts) != 1 ||
		coverage.Total != 0 {
		t.Errorf("without flags: %v, %+v", contexts, coverage)
	}
}
