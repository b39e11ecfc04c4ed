package eval_test

import (
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
)

// TestProblemsNameWhatWasMeant: a slip in the name of an operator or strategy.
func TestProblemsNameWhatWasMeant(t *testing.T) {
	for strategy, want := range map[string]string{
		`{"name":"flexiblerolout"}`:    `did you mean "flexibleRollout"?; it passes for no user`,
		`{"name":"userWithID"}`:        `did you mean "userWithId"?; it passes for no user`,
		`{"name":"somethingOfOurOwn"}`: `"somethingOfOurOwn" is not one of Unleash's own; it passes for no user`,
		`{"name":"default","constraints":[{"contextName":"x","operator":"STR_START_WITH","values":["a"]}]}`: `did ` +
			`you mean "STR_STARTS_WITH"?; the strategy passes for no user`,
		`{"name":"default","constraints":[{"contextName":"x","operator":"not_in","values":["a"]}]}`: `did you mean ` +
			`"NOT_IN"?; the strategy passes for no user`,
		`{"name":"flexibleRollout","parameters":{"rollout":"250"}}`: `it is "250"; it counts as 100`,
	} {
		d, err := parse.Definitions([]byte(`{"features":[{"name":"f","enabled":true,"strategies":[`+strategy+`]}]}`),
			"e")
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := compile.Program(d); len(problems) != 1 || !strings.HasSuffix(problems[0].What, want) {
			t.Errorf("%s: %v, want %q", strategy, problems, want)
		}
	}
}
