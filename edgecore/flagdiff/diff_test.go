package flagdiff_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

func mustParse(t testing.TB, document string) *edgecore.Definitions {
	t.Helper()
	d, err := parse.Definitions([]byte(document), "production")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func lines(changes []flagdiff.Change) string {
	words := make([]string, len(changes))
	for i, c := range changes {
		words[i] = c.String()
	}
	return strings.Join(words, "\n")
}

// Diff lists flags whose definition changed, and of those that depend on
// them.
func TestDiff(t *testing.T) {
	for _, tc := range []struct{ name, old, new, want string }{
		{"rollout", `"rollout":"10"`, `"rollout":"25"`, "~ canary 10 % -> 25 %"},
		{
			"switched off", `"name":"on","enabled":true`, `"name":"on","enabled":false`,
			"!! child on -> OFF for everyone\n!! on on -> OFF for everyone",
		},
		{"switched on", `"name":"off","enabled":false`, `"name":"off","enabled":true`, "~ off off -> on"},
		{"variants", `"red","weight":500`, `"red","weight":1500`, "~ all red:blue 50:50 -> 75:25"},
		{"constraint", `["cn"]`, `["cn","sg"]`, "~ local country IN cn -> cn, sg"},
		{"renamed", `"name":"off"`, `"name":"gone"`, "+ gone off\n- off"},
		{"nothing that counts", `{"x":1}`, `{"x":2}`, "~ on changed, with no effect on evaluation"},
		{
			"a segment that nobody passes", `{"id":2,"constraints":[]}`, `{"id":2,"constraints":[{}]}`,
			"!! local on for some -> OFF for everyone",
		},
		{
			"a segment", `{"id":2,"constraints":[]}`,
			`{"id":2,"constraints":[{"contextName":"plan","operator":"IN","values":["pro"]}]}`,
			"~ local condition added: plan IN pro",
		},
		{"a segment that is not used", `{"id":1,"constraints":[]}`, `{"id":1,"constraints":[{}]}`, ""},
		{"nothing", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := lines(flagdiff.Definitions(mustParse(t, document),
				mustParse(t, strings.Replace(document, tc.old, tc.new, 1))))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	all := flagdiff.Definitions(nil, mustParse(t, document))
	want := "+ all on (red:blue 50:50)\n+ canary 10 %\n+ child on\n+ local on if country IN cn\n+ off off\n+ on on"
	if diff := cmp.Diff(want, lines(all)); diff != "" || all[0].Project != "b" {
		t.Errorf("over nothing, project %q (-want +got)\n%s", all[0].Project, diff)
	}
}

// withFlag is a document with a flag f of these members.
func withFlag(members string) string {
	return `{"features":[{"name":"f","enabled":true,` + members + `},
		{"name":"p","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"50",
			"stickiness":"userId","groupId":"p"}}],
		 "variants":[{"name":"red","weight":1},{"name":"blue","weight":1}]}],"segments":[
		{"id":1,"constraints":[{"contextName":"country","operator":"IN","values":["cn"]},{"contextName":"plan",
			"operator":"IN","values":["pro"]}]},
		{"id":2,"constraints":[{"contextName":"country","operator":"IN","values":["cn","us"]},{"contextName":"plan",
			"operator":"IN","values":["pro"]}]}]}`
}

func share(rollout, stickiness, more string) string {
	return fmt.Sprintf(`{"name":"flexibleRollout","parameters":{"rollout":%q,"stickiness":%q,"groupId":"f"}%s}`,
		rollout, stickiness, more)
}

func having(constraints ...string) string {
	return `{"name":"default","constraints":[` + strings.Join(constraints, ",") + `]}`
}

func in(field string, values ...string) string { return constraint(field, "IN", values...) }

func constraint(field, operator string, values ...string) string {
	return fmt.Sprintf(`{"contextName":%q,"operator":%q,"values":["%s"]}`, field, operator, strings.Join(values, `","`))
}

func single(field, operator, value string) string {
	return fmt.Sprintf(`{"contextName":%q,"operator":%q,"value":%q}`, field, operator, value)
}

func strategies(list ...string) string { return `"strategies":[` + strings.Join(list, ",") + `]` }

// What changes in a flag is reported in the same words, whether definitions or
// rules are compared.
func TestWordsOfChanges(t *testing.T) {
	ids := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprintf("secret-%d", i)
		}
		return out
	}
	mix := func(members string) string { return strategies() + `,"variants":[` + members + `]` }
	for _, tc := range []struct{ name, old, new, want string }{
		{
			"rollout by user", strategies(share("10", "userId", "")), strategies(share("25", "userId", "")),
			"~ f 10 % -> 25 % by userId",
		},
		{
			"rollout at random", strategies(share("10", "random", "")), strategies(share("25", "random", "")),
			"~ f 10 % -> 25 % at random",
		},
		{
			"to everyone", strategies(share("10", "default", "")), strategies(share("100", "default", "")),
			"~ f 10 % -> 100 %",
		},
		{
			"to every user", strategies(share("10", "userId", "")), strategies(share("100", "userId", "")),
			"~ f 10 % -> 100 % by userId",
		},
		{"from everyone", strategies(), strategies(share("10", "userId", "")), "~ f 100 % -> 10 % by userId"},
		{
			"to nobody", strategies(share("10", "userId", "")), strategies(share("0", "userId", "")),
			"!! f on for some -> OFF for everyone",
		},
		{
			"stickiness", strategies(share("10", "default", "")), strategies(share("10", "company", "")),
			"~ f 10 % by default -> 10 % by company",
		},
		{
			"group", strategies(share("10", "userId", "")),
			strings.Replace(strategies(share("10", "userId", "")), `"groupId":"f"`, `"groupId":"other group"`, 1),
			`~ f group f -> "other group"`,
		},
		{
			"values", strategies(having(in("country", "cn"))), strategies(having(in("country", "us", "cn"))),
			"~ f country IN cn -> cn, us",
		},
		{
			"their order", strategies(having(in("country", "cn", "us"))), strategies(having(in("country", "us", "cn"))),
			"",
		},
		{
			"many values", strategies(having(in("country", "a", "b", "c", "d"))),
			strategies(having(in("country", "a", "b", "c", "d", "e"))), "~ f country IN 4 values -> 5 values",
		},
		{
			"other values", strategies(having(in("country", "a", "b", "c", "d"))),
			strategies(having(in("country", "a", "b", "x", "y"))), "~ f country IN 4 values, 2 of them new",
		},
		{
			"few of many", strategies(having(in("country", "a", "b", "c", "d"))),
			strategies(having(in("country", "a"))),
			"~ f country IN 4 values -> a",
		},
		{
			"values that could be mistaken", strategies(having(in("country", "a, b"))),
			strategies(having(in("country", "\\u001b[2J"))), `~ f country IN "a, b" -> "\x1b[2J"`,
		},
		{
			"ids", strategies(having(in("userId", ids(3)...))), strategies(having(in("userId", ids(5)...))),
			"~ f userId IN 3 values -> 5 values",
		},
		{
			"one id", strategies(having(in("userId", "secret-1"))), strategies(having(in("userId", "secret-2"))),
			"~ f userId IN 1 value, a new one",
		},
		{
			"the id as a number", strategies(having(single("userId", "NUM_EQ", "4711"))),
			strategies(having(single("userId", "NUM_EQ", "4712"))), "~ f userId NUM_EQ changed",
		},
		{
			"a bound is no id", strategies(having(single("userId", "NUM_GT", "5"))),
			strategies(having(single("userId", "NUM_GT", "6"))), "~ f userId NUM_GT 5 -> 6",
		},
		{
			"users", strategies(`{"name":"userWithId","parameters":{"userIds":"secret-1,secret-2"}}`),
			strategies(`{"name":"userWithId","parameters":{"userIds":"secret-1"}}`),
			"~ f userId IN 2 values -> 1 value",
		},
		{
			"addresses", strategies(`{"name":"remoteAddress","parameters":{"IPs":"10.0.0.1"}}`),
			strategies(`{"name":"remoteAddress","parameters":{"IPs":"10.0.0.1,10.0.0.2"}}`),
			"~ f remoteAddress IN_CIDR 1 value -> 2 values",
		},
		{
			"another field", strategies(having(in("country", "cn"))), strategies(having(in("region", "cn"))),
			"~ f condition removed: country IN cn; condition added: region IN cn",
		},
		{
			"another operator", strategies(having(in("country", "cn"))),
			strategies(having(constraint("country", "STR_CONTAINS", "c"))), "~ f country IN cn -> STR_CONTAINS c",
		},
		{
			"case", strategies(having(constraint("country", "STR_CONTAINS", "c"))),
			strategies(
				having(strings.Replace(constraint("country", "STR_CONTAINS", "c"), "{", `{"caseInsensitive":true,`,
					1))), "~ f country STR_CONTAINS c -> STR_CONTAINS (any case) c",
		},
		{
			"inverted", strategies(having(single("build", "NUM_LT", "5"))),
			strategies(having(strings.Replace(single("build", "NUM_LT", "5"), "{", `{"inverted":true,`, 1))),
			"~ f build NUM_LT 5 -> not NUM_LT 5",
		},
		{
			"a date", strategies(having(single("currentTime", "DATE_AFTER", "2026-01-31T12:00:00Z"))),
			strategies(having(single("currentTime", "DATE_AFTER", "2026-02-01T00:00:00Z"))),
			"~ f currentTime DATE_AFTER 2026-01-31T12:00:00Z -> 2026-02-01T00:00:00Z",
		},
		{
			"a pattern", strategies(having(single("app", "REGEX", "^a"))),
			strategies(having(single("app", "REGEX", "^b"))), "~ f app REGEX ^a -> ^b",
		},
		{
			"a version", strategies(having(single("app", "SEMVER_GTE", "1.2.3"))),
			strategies(having(single("app", "SEMVER_GTE", "1.3.0"))), "~ f app SEMVER_GTE 1.2.3 -> 1.3.0",
		},
		{
			"a condition more", strategies(share("10", "userId", "")),
			strategies(share("10", "userId", `,"constraints":[`+in("country", "cn")+`]`)),
			"~ f condition added: country IN cn",
		},
		{
			"a condition less", strategies(having(in("country", "cn"))), strategies(),
			"~ f on if country IN cn -> on for everyone",
		},
		{
			"share and condition", strategies(share("10", "userId", "")),
			strategies(share("25", "userId", `,"constraints":[`+in("country", "cn")+`]`)),
			"~ f 10 % by userId -> 25 % by userId if country IN cn",
		},
		{
			"off to some", `"strategies":[` + having(in("country")) + `]`,
			strategies(share("10", "userId", `,"constraints":[`+in("country", "cn")+`]`)),
			"~ f off -> 10 % by userId if country IN cn",
		},
		{
			"segments", strategies(`{"name":"default","segments":[1]}`),
			strategies(`{"name":"default","segments":[2]}`),
			"~ f segment: country IN cn -> cn, us",
		},
		{
			"a segment more", strategies(), strategies(`{"name":"default","segments":[1]}`),
			"~ f on for everyone -> on if segment (country IN cn and plan IN pro)",
		},
		{
			"the second strategy", strategies(having(in("country", "cn")), share("10", "userId", "")),
			strategies(having(in("country", "cn")), share("25", "userId", "")),
			"~ f strategy 2: 10 % -> 25 % by userId",
		},
		{
			"a strategy in front", strategies(share("10", "userId", "")),
			strategies(having(in("country", "cn")), share("10", "userId", "")),
			"~ f strategy 1 added: on if country IN cn",
		},
		{
			"a strategy less", strategies(having(in("country", "cn")), share("10", "userId", "")),
			strategies(share("10", "userId", "")), "~ f strategy 1 removed: on if country IN cn",
		},
		{
			"strategies in another order", strategies(having(in("country", "cn")), share("10", "userId", "")),
			strategies(share("10", "userId", ""), having(in("country", "cn"))), "",
		},
		{
			"weights", mix(`{"name":"red","weight":500},{"name":"blue","weight":500}`),
			mix(`{"name":"red","weight":800},{"name":"blue","weight":200}`), "~ f red:blue 50:50 -> 80:20",
		},
		{
			"the same shares of another total", mix(`{"name":"red","weight":500},{"name":"blue","weight":500}`),
			mix(`{"name":"red","weight":1},{"name":"blue","weight":1}`), "~ f red:blue 500:500 -> 1:1",
		},
		{
			"a variant more", mix(`{"name":"red","weight":1}`),
			mix(`{"name":"red","weight":1},{"name":"blue","weight":1}`), "~ f variants red -> red:blue 50:50",
		},
		{"no variants any more", mix(`{"name":"red","weight":1}`), mix(``), "~ f variant red -> none"},
		{
			"many variants",
			mix(`{"name":"a","weight":1},{"name":"b","weight":1},{"name":"c","weight":1},{"name":"d","weight":1},` +
				`{"name":"e","weight":1},{"name":"f","weight":1}`), mix(`{"name":"a","weight":1}`),
			"~ f variants 6 variants -> a",
		},
		{
			"payload", mix(`{"name":"red","weight":1,"payload":{"type":"string","value":"secret-1"}}`),
			mix(`{"name":"red","weight":1,"payload":{"type":"string","value":"secret-2"}}`),
			"~ f payload of red changed",
		},
		{
			"payload gone", mix(`{"name":"red","weight":1,"payload":{"type":"string","value":"secret-1"}}`),
			mix(`{"name":"red","weight":1}`), "~ f payload of red changed",
		},
		{
			"stickiness of variants", mix(`{"name":"red","weight":1,"stickiness":"userId"},{"name":"blue","weight":1}`),
			mix(`{"name":"red","weight":1,"stickiness":"default"},{"name":"blue","weight":1}`),
			"~ f variants by userId -> by default",
		},
		{
			"override",
			mix(`{"name":"red","weight":1,"overrides":[{"contextName":"userId","values":["secret-1"]}]},` +
				`{"name":"blue","weight":1}`),
			mix(`{"name":"red","weight":1,"overrides":[{"contextName":"userId","values":["secret-1","secret-2"]}]},` +
				`{"name":"blue","weight":1}`), "~ f override of red: userId IN 1 value -> 2 values",
		},
		{
			"override gone",
			mix(`{"name":"red","weight":1,"overrides":[{"contextName":"userId","values":["secret-1"]}]},` +
				`{"name":"blue","weight":1}`), mix(`{"name":"red","weight":1},{"name":"blue","weight":1}`),
			"~ f 1 override -> no overrides",
		},
		{
			"variants of a strategy",
			strategies(share("10", "userId", `,"variants":[{"name":"red","weight":1},{"name":"blue","weight":1}]`)),
			strategies(share("10", "userId", `,"variants":[{"name":"red","weight":3},{"name":"blue","weight":1}]`)),
			"~ f red:blue 50:50 -> 75:25",
		},
		{"impression data", strategies(), strategies() + `,"impressionData":true`, "~ f impression data off -> on"},
		{
			"a parent", strategies(), strategies() + `,"dependencies":[{"feature":"p"}]`,
			"~ f on for everyone -> on if p is on",
		},
		{
			"what a parent must be", strategies() + `,"dependencies":[{"feature":"p"}]`,
			strategies() + `,"dependencies":[{"feature":"p","enabled":false}]`, "~ f parent p is on -> p is off",
		},
		{
			"the variant of a parent", strategies() + `,"dependencies":[{"feature":"p","variants":["red"]}]`,
			strategies() + `,"dependencies":[{"feature":"p","variants":["blue"]}]`, "~ f parent p is red -> p is blue",
		},
		{
			"several at once",
			strategies(having(in("a", "1"), in("b", "1"), in("c", "1"), in("d", "1"), in("e", "1"), in("f", "1"))),
			strategies(having(in("a", "2"), in("b", "2"), in("c", "2"), in("d", "2"), in("e", "2"), in("f", "2"))),
			"~ f a IN 1 -> 2; b IN 1 -> 2; c IN 1 -> 2; d IN 1 -> 2; and 2 more",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			old, next := mustParse(t, withFlag(tc.old)), mustParse(t, withFlag(tc.new))
			got := lines(flagdiff.Definitions(old, next))
			if tc.want == "" {
				tc.want = "~ f changed, with no effect on evaluation"
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("definitions (-want +got)\n%s", diff)
			}
			switch {
			case strings.HasSuffix(tc.want, "no effect on evaluation"):
				tc.want = ""
			case tc.name == "a pattern": // what is stored has no text of it
				tc.want = "~ f app REGEX changed"
			}
			spec := snapshot.Spec{Format: snapshot.Rules1}
			stored, rules := encode(t, withFlag(tc.old), spec), encode(t, withFlag(tc.new), spec)
			got = lines(flagdiff.Stored(&rules, stored.Seal(1, now)))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("rules (-want +got)\n%s", diff)
			}
		})
	}
}

// A flag changes with its parent.
func TestDiffOfParents(t *testing.T) {
	old := withFlag(strategies() + `,"dependencies":[{"feature":"p"}]`)
	for _, tc := range []struct{ old, new, want string }{
		{`"rollout":"50"`, `"rollout":"60"`, "~ f parent p: 50 % -> 60 % by userId\n~ p 50 % -> 60 % by userId"},
		{
			`"name":"p","enabled":true`, `"name":"p","enabled":false`,
			"!! f on for some -> OFF for everyone\n!! p on for some -> OFF for everyone",
		},
		{
			`"name":"p"`, `"name":"q"`,
			"!! f on for some -> OFF for everyone\n!! p removed while it was on for some\n+ q 50 % by userId " +
				"(red:blue 50:50)",
		},
		{`"name":"red","weight":1`, `"name":"red","weight":3`, "~ p red:blue 50:50 -> 75:25"},
	} {
		if diff := cmp.Diff(tc.want,
			lines(flagdiff.Definitions(mustParse(t, old),
				mustParse(t, strings.Replace(old, tc.old, tc.new, 1))))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tc.new, diff)
		}
	}
}

// With digests, and for fields of one's own, no id is in a text.
func TestDiffShowsNoIDs(t *testing.T) {
	old := withFlag(
		strategies(having(in("email", "secret-1"), in("userId", "secret-2"), single("sessionId", "REGEX", "secret-3"))))
	next := withFlag(
		strategies(having(in("email", "secret-4"), in("userId", "secret-5", "secret-6"),
			single("sessionId", "REGEX", "secret-7"))))
	fields := []string{"email", "userId", "sessionId"}
	spec := snapshot.Spec{Format: snapshot.Rules1, Rules: rules.Options{Fields: fields}}
	s := encode(t, old, spec)
	stored, wanted := s.Seal(1, now), encode(t, next, spec)
	want := "~ f email IN 1 value, a new one; userId IN 1 value -> 2 values; sessionId REGEX changed"
	for what, got := range map[string][]flagdiff.Change{
		"definitions": flagdiff.Definitions(mustParse(t, old), mustParse(t, next), fields...),
		"rules":       flagdiff.Stored(&wanted, stored),
	} {
		if diff := cmp.Diff(want, lines(got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", what, diff)
		}
	}
	spec.Rules = rules.Options{Fields: []string{"email", "userId"}, Identifiers: rules.IdentifiersHash, Salt: "salt"}
	hashed := encode(t, old, spec)
	want = "~ f email IN 1 value in clear -> hashed; userId IN 1 value in clear -> hashed"
	if diff := cmp.Diff(want, lines(flagdiff.Stored(&hashed, stored))); diff != "" {
		t.Errorf("hashed (-want +got)\n%s", diff)
	}
	again := encode(t, next, spec)
	want = "~ f email IN 1 value, a new one; userId IN 1 value -> 2 values; sessionId REGEX changed"
	if diff := cmp.Diff(want, lines(flagdiff.Stored(&again, hashed.Seal(1, now)))); diff != "" {
		t.Errorf("hashed (-want +got)\n%s", diff)
	}
}

func TestDiffStored(t *testing.T) {
	replaced := strings.Replace(document, `"name":"on","enabled":true`, `"name":"new","enabled":true`, 1)
	red := strings.Replace(document, `"blue","weight":500`, `"blue","weight":0`, 1)
	blue := strings.Replace(document, `"red","weight":500`, `"red","weight":0`, 1)
	cn := eval.Context{Fields: map[string]string{"country": "cn", "userId": "3"}}
	for _, tc := range []struct {
		name     string
		old, new string
		spec     snapshot.Spec
		want     string
	}{
		{
			"evaluated", document, replaced,
			snapshot.Spec{},
			"!! child on -> OFF for everyone\n+ new on\n!! on on -> OFF for everyone",
		},
		{
			"evaluated, with those that are off", document, replaced,
			snapshot.Spec{IncludeDisabled: true},
			"!! child on -> OFF for everyone\n+ new on\n!! on removed while it was on",
		},
		{"a variant", red, blue, snapshot.Spec{Static: cn}, "~ all variant red -> blue"},
		{
			"a payload", red, strings.Replace(red, `"value":"r"`, `"value":"s"`, 1),
			snapshot.Spec{Static: cn},
			"~ all payload of red changed",
		},
		{
			"impression data", document, strings.Replace(document, `"impressionData":true`, `"impressionData":false`,
				1),
			snapshot.Spec{},
			"~ on impression data on -> off",
		},
		{
			"a rollout that is frozen", document, strings.Replace(document, `"rollout":"10"`, `"rollout":"90"`, 1),
			snapshot.Spec{Contextual: snapshot.ContextualEvaluate},
			"!! canary on, frozen: it depends on the request",
		},
		{
			"likewise, and listed before", document, strings.Replace(document, `"rollout":"10"`, `"rollout":"90"`, 1),
			snapshot.Spec{
				Contextual: snapshot.ContextualEvaluate, IncludeDisabled: true,
			},
			"!! canary off -> on, frozen: it depends on the request",
		},
		{
			"definitions", document, replaced,
			snapshot.Spec{Format: snapshot.Definitions1},
			"!! child on -> OFF for everyone\n+ new on\n!! on removed while it was on",
		},
		{
			"definitions, without effect", document, strings.Replace(document, `{"x":1}`, `{"x":2}`, 1),
			snapshot.Spec{Format: snapshot.Definitions1},
			"~ on changed, with no effect on evaluation",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			old, next := encode(t, tc.old, tc.spec), encode(t, tc.new, tc.spec)
			if diff := cmp.Diff(tc.want, lines(flagdiff.Stored(&next, old.Seal(1, now)))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if changes := flagdiff.Stored(&next, next.Seal(1, now)); len(changes) > 0 {
				t.Errorf("over itself: %v", changes)
			}
			if n := len(flagdiff.Stored(&next, nil)); n != next.Count {
				t.Errorf("over nothing stored: %d changes, want all %d flags", n, next.Count)
			}
		})
	}
}

// Of a flag with very many parts the difference is counted: to compare each part
// with each other would take minutes.
func TestDiffOfManyParts(t *testing.T) {
	many := func(n int, part func(i int) string) string {
		var parts []string
		for i := range n {
			parts = append(parts, part(i))
		}
		return strings.Join(parts, ",")
	}
	strategies := func(n int, value string) string {
		return `{"features":[{"name":"f","enabled":true,"strategies":[` + many(n, func(i int) string {
			return fmt.Sprintf(
				`{"name":"default","constraints":[{"contextName":"x","operator":"IN","values":["%s%d"]}]}`, value, i)
		}) + `]}]}`
	}
	constraints := func(n int, value string) string {
		return `{"features":[{"name":"f","enabled":true,"strategies":[{"name":"default","constraints":[` +
			many(n, func(i int) string {
				return fmt.Sprintf(`{"contextName":"x","operator":"NOT_IN","values":["%s%d"]}`, value, i)
			}) + `]}]}]}`
	}
	parents := func(n int, value string) string {
		return `{"features":[{"name":"f","enabled":true,"strategies":[],"dependencies":[` + many(n, func(i int) string {
			return fmt.Sprintf(`{"feature":"%s%d","enabled":false}`, value, i)
		}) + `]}` + "," + many(n, func(i int) string {
			return fmt.Sprintf(
				`{"name":"%s%d","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"1"}}]}`,
				value, i)
		}) + `]}`
	}
	for name, c := range map[string]struct{ old, is, want string }{
		"strategies":             {strategies(100, "a"), strategies(100, "b"), "~ f 100 strategies changed"},
		"more strategies":        {strategies(100, "a"), strategies(101, "a"), "~ f 100 strategies -> 101"},
		"the same strategies":    {strategies(100, "a"), strategies(100, "a"), ""},
		"conditions":             {constraints(100, "a"), constraints(100, "b"), "~ f 100 conditions changed"},
		"fewer conditions":       {constraints(100, "a"), constraints(99, "a"), "~ f 100 conditions -> 99"},
		"parents of other names": {parents(100, "a"), parents(100, "b"), "~ f 100 parents changed"},
	} {
		changes := flagdiff.Definitions(mustParse(t, c.old), mustParse(t, c.is))
		got := ""
		for _, change := range changes {
			if change.Flag == "f" {
				got = change.String()
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
