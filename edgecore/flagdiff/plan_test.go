package flagdiff_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

func compiled(t testing.TB, document string) (*edgecore.Definitions, *eval.Program) {
	t.Helper()
	d := mustParse(t, document)
	p, _ := compile.Program(d)
	return d, p
}

func texts[T fmt.Stringer](list []T) string {
	words := make([]string, len(list))
	for i, one := range list {
		words[i] = one.String()
	}
	return strings.Join(words, "\n")
}

func TestFrozen(t *testing.T) {
	_, p := compiled(t, document)
	cn := eval.Context{Fields: map[string]string{"country": "cn"}}
	for _, tc := range []struct {
		name string
		spec snapshot.Spec
		want string
	}{
		{"off", snapshot.Spec{}, "all on, depends on remoteAddress, sessionId, userId and a random draw\n" +
			"canary off, depends on sessionId, userId and a random draw\nlocal off, depends on country"},
		{"what the target knows", snapshot.Spec{
			Static: cn, Flags: []string{"canary", "local"},
		}, "canary off, depends on sessionId, userId and a random draw"},
		{"evaluate", snapshot.Spec{
			Contextual: snapshot.ContextualEvaluate, Flags: []string{"all"},
		}, "all on (blue), depends on remoteAddress, sessionId, userId and a random draw"},
		{"omit", snapshot.Spec{
			Contextual: snapshot.ContextualOmit, Flags: []string{"local"},
		}, "local left out, depends on country"},
		{"a user", snapshot.Spec{
			Static: eval.Context{Fields: map[string]string{"userId": "3"}},
		}, "local off, depends on country"},
		{"rules are not frozen", snapshot.Spec{Format: snapshot.Rules1}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.spec.Format == "" {
				tc.spec.Format = snapshot.Evaluated1
			}
			frozen := flagdiff.FixedAnswers(p, &tc.spec, now)
			if diff := cmp.Diff(tc.want, texts(frozen)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			s := encode(t, document, tc.spec)
			var names []string
			for _, f := range frozen {
				names = append(names, f.Flag)
			}
			if diff := cmp.Diff(s.Contextual, names); diff != "" {
				t.Errorf("the snapshot says otherwise (-snapshot +frozen)\n%s", diff)
			}
		})
	}
}

const withIDs = `{"features":[
	{"name":"users","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"u1, u2,u3,u1"}},
		{"name":"remoteAddress","parameters":{"IPs":"10.0.0.1"}}]},
	{"name":"segment","enabled":true,"strategies":[{"name":"default","segments":[1],
		"constraints":[{"contextName":"sessionId","operator":"IN","values":["s1","s2"]}]}]},
	{"name":"asleep","enabled":false,"strategies":[{"name":"default","segments":[1]}]},
	{"name":"never","enabled":true,"strategies":[{"name":"custom","constraints":[{"contextName":"userId",
		"operator":"STR_ENDS_WITH","values":["u1"]}]}]},
	{"name":"override","enabled":true,"strategies":[],"variants":[{"name":"a","weight":1,
		"overrides":[{"contextName":"userId","values":["u9"]}]},{"name":"b","weight":1}]},
	{"name":"number","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"userId",
		"operator":"NUM_EQ","value":"4711"},{"contextName":"userId","operator":"NUM_GT","value":"5"}]}]},
	{"name":"email","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"email",
		"operator":"IN","values":["a@example.com"]},{"contextName":"userId","operator":"DATE_AFTER",
			"value":"2026-01-01T00:00:00Z"}]}]},
	{"name":"parent","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"u1"}}]},
	{"name":"child","enabled":true,"strategies":[],"dependencies":[{"feature":"parent"}]}
],"segments":[{"id":1,"constraints":[{"contextName":"userId","operator":"NOT_IN","values":["u1","u2"]}]}]}`

func TestIdentifiersOfTargets(t *testing.T) {
	d, p := compiled(t, withIDs)
	for _, tc := range []struct {
		name string
		spec snapshot.Spec
		want string
	}{
		{
			"rules",
			snapshot.Spec{Format: snapshot.Rules1},
			"number: 1 userId\noverride: 1 userId\nparent: 1 userId\nsegment: 2 sessionIds, 2 userIds\nusers: 1 " +
				"remoteAddress, 3 userIds",
		},
		{"what the target knows", snapshot.Spec{
			Format: snapshot.Rules1, Static: eval.Context{Fields: map[string]string{"userId": "u7"}},
		}, "segment: 2 sessionIds\nusers: 1 remoteAddress"},
		{
			"a parent that is hidden",
			snapshot.Spec{Format: snapshot.Rules1, Flags: []string{"child"}},
			"parent: 1 userId",
		},
		{
			"hashed",
			snapshot.Spec{Format: snapshot.Rules1, Rules: rules.Options{Identifiers: rules.IdentifiersHash}},
			"",
		},
		{
			"refused",
			snapshot.Spec{Format: snapshot.Rules1, Rules: rules.Options{Identifiers: rules.IdentifiersRefuse}},
			"",
		},
		{"allowed", snapshot.Spec{
			Format: snapshot.Rules1, Flags: []string{"users"},
			Rules: rules.Options{Identifiers: rules.IdentifiersAllow},
		}, "users: 1 remoteAddress, 3 userIds"},
		{"a field of one's own", snapshot.Spec{
			Format: snapshot.Rules1, Rules: rules.Options{Fields: []string{"email"}},
		}, "email: 1 email"},
		{
			"definitions",
			snapshot.Spec{Format: snapshot.Definitions1},
			"asleep: 2 userIds\nnever: 1 userId\nnumber: 1 userId\noverride: 1 userId\nparent: 1 userId\nsegment: 2 " +
				"sessionIds, 2 userIds\nusers: 1 remoteAddress, 3 userIds",
		},
		{
			"a parent of definitions",
			snapshot.Spec{Format: snapshot.Definitions1, Flags: []string{"child"}},
			"parent: 1 userId",
		},
		{"answers", snapshot.Spec{Format: snapshot.Evaluated1}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, texts(flagdiff.CountIdentifiers(d, p, &tc.spec))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	document := strings.Replace(
		withFlag(strategies(having(in("country", strings.Repeat("x", 500), strings.Repeat("y", 500))),
			`{"name":"default","segments":[1,2]}`)), `"groupId":"p"}}`, `"groupId":"p"},"segments":[2]}`, 1)
	for format, want := range map[snapshot.Format]string{
		snapshot.Evaluated1:   "f p",
		snapshot.Rules1:       "f p; other rules, values of country, values of plan",
		snapshot.Definitions1: "f p; segment 2", // segment 1 is of f alone
	} {
		s := encode(t, document, snapshot.Spec{
			Format: format, IncludeDisabled: true, Static: eval.Context{Fields: map[string]string{"userId": "1"}},
		})
		stored := s.Seal(1, now)
		sizes := s.Sizes()
		if diff := cmp.Diff(sizes, snapshot.SizesOf(stored)); diff != "" {
			t.Errorf("%s: not the same of what is stored (-content +stored)\n%s", format, diff)
		}
		var flags, shared []string
		total := 0
		for _, size := range sizes.Flags {
			flags, total = append(flags, size.Name), total+size.Bytes
		}
		for _, size := range sizes.Shared {
			shared, total = append(shared, size.Name), total+size.Bytes
		}
		slices.Sort(shared)
		if got := strings.TrimSuffix(strings.Join(flags, " ")+"; "+strings.Join(shared, ", "), "; "); got != want {
			t.Errorf("%s: %s, want %s", format, got, want)
		}
		if left := len(s.Content()) - total; left < 0 || left > 200 {
			t.Errorf("%s: the parts have %d bytes of %d", format, total, len(s.Content()))
		}
		if format != snapshot.Evaluated1 && (sizes.Flags[0].Bytes < 1000 || sizes.Flags[1].Bytes > 700) {
			t.Errorf("%s: %v", format, sizes)
		}
	}
	if sizes := snapshot.SizesOf([]byte("<html>")); len(sizes.Flags)+len(sizes.Shared) > 0 {
		t.Errorf("of no snapshot: %v", sizes)
	}
}
