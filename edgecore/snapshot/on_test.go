package snapshot_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// on returns the flags that are on in a snapshot, which has to say the same
// when it is stored.
func on(t *testing.T, s *snapshot.Snapshot) string {
	t.Helper()
	stored, err := snapshot.OnFlags(s.Seal(1, now), now)
	if err != nil {
		t.Fatal(err)
	}
	names := s.On(now)
	if diff := cmp.Diff(names, stored); diff != "" {
		t.Errorf("when it is stored (-wanted +stored)\n%s", diff)
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), " ")
}

func TestOnFlags(t *testing.T) {
	evaluated := snapshot.Spec{Static: eval.Context{Fields: map[string]string{"country": "cn"}}}
	listed := evaluated
	listed.IncludeDisabled = true
	for name, c := range map[string]struct {
		spec snapshot.Spec
		want string
	}{
		"evaluated":            {evaluated, "all child local on"},
		"evaluated, all":       {listed, "all child local on"},
		"rules":                {snapshot.Spec{Format: snapshot.Rules1}, "all canary child local on"},
		"rules, a parent":      {snapshot.Spec{Format: snapshot.Rules1, Flags: []string{"child"}}, "child"},
		"definitions":          {snapshot.Spec{Format: snapshot.Definitions1}, "all canary child local on"},
		"definitions, a child": {snapshot.Spec{Format: snapshot.Definitions1, Flags: []string{"child"}}, "child on"},
	} {
		s := encode(t, document, c.spec)
		if got := on(t, &s); got != c.want {
			t.Errorf("%s: on are %s, want %s", name, got, c.want)
		}
	}
	for name, foreign := range map[string]string{
		"HTML": "<html>", "another object": `{"a":1}`, "cut off": `{"toggles":[`, "a list": `[]`, "nothing": "",
	} {
		if _, err := snapshot.OnFlags([]byte(foreign), now); !errors.Is(err, snapshot.ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWaysToTurnOff: a flag can be taken from everybody in many ways, and each
// format shows all of them.
func TestWaysToTurnOff(t *testing.T) {
	constraint := func(text string) string {
		return `"enabled":true,"strategies":[{"name":"default","constraints":[` + text + `]}]`
	}
	for name, members := range map[string]string{
		"disabled":      `"enabled":false,"strategies":[]`,
		"an empty list": constraint(`{"contextName":"x","operator":"IN","values":[]}`),
		"a date that has passed": constraint(
			`{"contextName":"currentTime","operator":"DATE_BEFORE","value":"2020-01-01T00:00:00Z"}`),
		"a date to come": constraint(
			`{"contextName":"currentTime","operator":"DATE_AFTER","value":"2100-01-01T00:00:00Z"}`),
		"a contradiction": constraint(
			`{"contextName":"x","operator":"IN","values":["a"]},{"contextName":"x","operator":"NOT_IN",` +
				`"values":["a"]}`),
		"numbers apart": constraint(
			`{"contextName":"x","operator":"NUM_GT","value":"9"},{"contextName":"x","operator":"NUM_LT","value":"1"}`),
		"an unknown operator": constraint(`{"contextName":"x","operator":"NEARLY","values":["a"]}`),
		"no rollout": `"enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"0",` +
			`"stickiness":"userId"}}]`,
		"no users":             `"enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":""}}]`,
		"an unknown strategy":  `"enabled":true,"strategies":[{"name":"byMoon","parameters":{}}]`,
		"a missing segment":    `"enabled":true,"strategies":[{"name":"default","segments":[99]}]`,
		"a parent that is off": `"enabled":true,"strategies":[],"dependencies":[{"feature":"parent"}]`,
		"a missing parent":     `"enabled":true,"strategies":[],"dependencies":[{"feature":"gone"}]`,
	} {
		doc := `{"features":[{"name":"f",` + members + `},{"name":"parent","enabled":false,"strategies":[]}]}`
		for _, format := range snapshot.Formats() {
			s := encode(t, doc, snapshot.Spec{Format: format})
			if got := on(t, &s); got != "" {
				t.Errorf("%s, %s: %s is on", format, name, got)
			}
		}
	}
}
