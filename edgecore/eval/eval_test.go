package eval_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
)

// mustCompile compiles features, with one segment.
func mustCompile(t *testing.T, features string) (*eval.Program, []edgecore.Problem) {
	t.Helper()
	d := mustParse(t, features, `{"id":1,"constraints":[{"contextName":"country","operator":"IN","values":["no"]}]}`)
	p, problems := compile.Program(d)
	return p, append(d.Problems, problems...)
}

func mustParse(t *testing.T, features, segments string) *edgecore.Definitions {
	t.Helper()
	d, err := parse.Definitions([]byte(`{"version":2,"features":[`+features+`],"segments":[`+segments+`]}`), "test")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func strategyFlag(strategies string) string {
	return `{"name":"f","enabled":true,"strategies":[` + strategies + `]}`
}

func constrained(constraint string) string {
	return strategyFlag(`{"name":"default","parameters":{},"constraints":[` + constraint + `]}`)
}

// The cases are those where SDKs differ or that are easily got wrong.
func TestConstraints(t *testing.T) {
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name, constraint string
		value            string // of the field x; "-" for missing
		want             bool
	}{
		{"missing is not in", `{"contextName":"x","operator":"NOT_IN","values":["a"]}`, "-", true},
		{"missing is in nothing", `{"contextName":"x","operator":"IN","values":["a"]}`, "-", false},
		{
			"missing, inverted", `{"contextName":"x","operator":"STR_CONTAINS","values":["a"],"inverted":true}`, "-",
			true,
		},
		{"values are trimmed", `{"contextName":"x","operator":"IN","values":[" a "]}`, "a", true},
		{"the context is not trimmed", `{"contextName":"x","operator":"IN","values":["a"]}`, " a", false},
		{
			"an empty value matches nothing", `{"contextName":"x","operator":"STR_STARTS_WITH","values":[""]}`, "abc",
			false,
		},
		{
			"in ignores caseInsensitive",
			`{"contextName":"x","operator":"IN","values":["A"],"caseInsensitive":true}`, "a",
			false,
		},
		{
			"ends with, any case",
			`{"contextName":"x","operator":"STR_ENDS_WITH","values":["COM"],"caseInsensitive":true}`, "a.com", true,
		},
		{"number with blanks", `{"contextName":"x","operator":"NUM_GTE","value":"5"}`, " 5.0 ", true},
		{"nothing is not a number", `{"contextName":"x","operator":"NUM_LT","value":"5"}`, "", false},
		{"hexadecimal is not a number", `{"contextName":"x","operator":"NUM_LT","value":"50"}`, "0x10", false},
		{
			"a text is not a number, inverted", `{"contextName":"x","operator":"NUM_LT","value":"5","inverted":true}`,
			"abc", true,
		},
		{
			"a bad operand is off even inverted",
			`{"contextName":"x","operator":"NUM_LT","value":"five","inverted":true}`,
			"1", false,
		},
		{
			"an unknown operator is off even inverted",
			`{"contextName":"x","operator":"NOPE","values":["1"],"inverted":true}`, "1", false,
		},
		{
			"date after, strictly",
			`{"contextName":"currentTime","operator":"DATE_AFTER","value":"2026-01-31T12:00:00Z"}`,
			"-", false,
		},
		{
			"date after, a millisecond",
			`{"contextName":"currentTime","operator":"DATE_AFTER","value":"2026-01-31T11:59:59.999Z"}`, "-", true,
		},
		{
			"date with an offset",
			`{"contextName":"currentTime","operator":"DATE_BEFORE","value":"2026-01-31T13:30:00+01:00"}`, "-", true,
		},
		{"date alone", `{"contextName":"currentTime","operator":"DATE_AFTER","value":"2026-01-31"}`, "-", true},
		{"version precedence", `{"contextName":"x","operator":"SEMVER_LT","value":"1.2.3"}`, "1.2.3-beta.1", true},
		{"build metadata do not count", `{"contextName":"x","operator":"SEMVER_EQ","value":"1.2.3"}`, "1.2.3+7", true},
		{"a leading v is not a version", `{"contextName":"x","operator":"SEMVER_EQ","value":"1.2.3"}`, "v1.2.3", false},
		{"version at least", `{"contextName":"x","operator":"SEMVER_GTE","value":"1.2.3"}`, "1.2.3", true},
		{"regex is unanchored", `{"contextName":"x","operator":"REGEX","value":"b+"}`, "abbc", true},
		{"regex has no lookahead", `{"contextName":"x","operator":"REGEX","value":"a(?=b)"}`, "ab", false},
		{
			"regex input is capped", `{"contextName":"x","operator":"REGEX","value":"a"}`, strings.Repeat("a", 2049),
			false,
		},
		{"cidr", `{"contextName":"x","operator":"IN_CIDR","values":["10.1.2.3/8","nonsense"]}`, "10.9.9.9", true},
		{"cidr of IPv6", `{"contextName":"x","operator":"IN_CIDR","values":["2001:db8::/32"]}`, "2001:db8::1", true},
		{
			"mapped IPv4 is IPv6",
			`{"contextName":"x","operator":"IN_CIDR","values":["10.0.0.0/8"]}`, "::ffff:10.0.0.1",
			false,
		},
		{
			"a prototype member is no field",
			`{"contextName":"constructor","operator":"STR_CONTAINS","values":["native"]}`, "-", false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, _ := mustCompile(t, constrained(tc.constraint))
			c := &eval.Context{Fields: map[string]string{}, Time: noon}
			if tc.value != "-" {
				c.Fields["x"] = tc.value
			}
			if got := p.Evaluate("f", c).Enabled; got != tc.want {
				t.Errorf("enabled is %v", got)
			}
		})
	}
}

func TestStrategies(t *testing.T) {
	for _, tc := range []struct {
		name, strategies string
		fields           map[string]string
		want             bool
	}{
		{"no strategies", ``, nil, true},
		{"unknown beside a good one", `{"name":"custom"},{"name":"default"}`, nil, true},
		{
			"a missing segment turns off its strategy only",
			`{"name":"default","segments":[9]},{"name":"default"}`, nil,
			true,
		},
		{"a missing segment", `{"name":"default","segments":[9]}`, nil, false},
		{"a segment", `{"name":"default","segments":[1]}`, map[string]string{"country": "no"}, true},
		{"a malformed strategy spoils no other", `7,{"name":"default"}`, nil, true},
		{"a malformed constraint", `{"name":"default","constraints":[7]}`, nil, false},
		{"users", `{"name":"userWithId","parameters":{"userIds":"1, 2 ,3"}}`, map[string]string{"userId": "2"}, true},
		{"users, none", `{"name":"userWithId","parameters":{"userIds":""}}`, map[string]string{"userId": ""}, false},
		{
			"address", `{"name":"remoteAddress","parameters":{"IPs":"foo, 10.0.0.0/8, ::1"}}`,
			map[string]string{"remoteAddress": "::1"},
			true,
		},
		{
			"a name is not an address", `{"name":"remoteAddress","parameters":{"IPs":"foo"}}`,
			map[string]string{"remoteAddress": "foo"},
			false,
		},
		{
			"rollout, default without ids, 100 %",
			`{"name":"flexibleRollout","parameters":{"rollout":"100","stickiness":"default"}}`, nil, true,
		},
		{
			"rollout by a missing field",
			`{"name":"flexibleRollout","parameters":{"rollout":"100","stickiness":"tenant"}}`, nil, false,
		},
		{
			"rollout by an empty field",
			`{"name":"flexibleRollout","parameters":{"rollout":"100","stickiness":"userId"}}`,
			map[string]string{"userId": ""},
			false,
		},
		{"rollout is not a number", `{"name":"flexibleRollout","parameters":{"rollout":"many"}}`, nil, false},
		{"rollout as a JSON number", `{"name":"flexibleRollout","parameters":{"rollout":100}}`, nil, true},
		{
			"host names mean nothing here",
			`{"name":"applicationHostname","parameters":{"hostNames":"localhost"}}`, nil,
			false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, _ := mustCompile(t, strategyFlag(tc.strategies))
			if got := p.Evaluate("f", &eval.Context{Fields: tc.fields}).Enabled; got != tc.want {
				t.Errorf("enabled is %v", got)
			}
		})
	}
}

// TestHash fixes the buckets of ids outside ASCII to UTF-8, with values of
// MurmurHash3 computed by another implementation (PyPI mmh3).
func TestHash(t *testing.T) {
	for id, hash := range map[string]uint64{"ø": 851747335, "日本": 2768135936, "😀": 4059205833} {
		percent := hash%100 + 1
		p, _ := mustCompile(t,
			strategyFlag(
				fmt.Sprintf(
					`{"name":"flexibleRollout","parameters":{"rollout":"%d","stickiness":"userId","groupId":"g"}}`,
					percent))+
				","+
				strings.Replace(
					strategyFlag(
						fmt.Sprintf(
							`{"name":"flexibleRollout","parameters":{"rollout":"%d","stickiness":"userId",`+
								`"groupId":"g"}}`, percent-1)), `"f"`, `"less"`, 1))
		c := &eval.Context{Fields: map[string]string{"userId": id}}
		if !p.Evaluate("f", c).Enabled || p.Evaluate("less", c).Enabled {
			t.Errorf("%s: not in bucket %d", id, percent)
		}
	}
}

func TestDrawsAreIndependentAndFair(t *testing.T) {
	p, _ := mustCompile(t,
		strings.Replace(
			strategyFlag(
				`{"name":"flexibleRollout","parameters":{"rollout":"10","stickiness":"random","groupId":"a"}}`),
			`"f"`, `"a"`, 1)+","+
			strings.Replace(
				strategyFlag(
					`{"name":"flexibleRollout","parameters":{"rollout":"10","stickiness":"default","groupId":"b"}}`),
				`"f"`, `"b"`, 1))
	const n = 20000
	var a, b, both int
	for seed := range uint64(n) {
		c := &eval.Context{Seed: fmt.Sprint(seed)}
		inA, inB := p.Evaluate("a", c).Enabled, p.Evaluate("b", c).Enabled
		if inA {
			a++
		}
		if inB {
			b++
		}
		if inA && inB {
			both++
		}
	}
	for what, got := range map[string]int{"a": a, "b": b} {
		if got < n*9/100 || got > n*11/100 {
			t.Errorf("%s is on for %d of %d, want about 10 %%", what, got, n)
		}
	}
	if both < n/200 || both > n*3/200 {
		t.Errorf("both are on for %d of %d, want about 1 %%", both, n)
	}
	if p.Evaluate("a", &eval.Context{}).Enabled || p.Evaluate("b", &eval.Context{}).Enabled {
		t.Error("a draw selects somebody although draws are off")
	}
}

func TestVariants(t *testing.T) {
	const two = `"variants":[{"name":"a","weight":0,"overrides":[{"contextName":"userId","values":["7"]}]},` +
		`{"name":"b","weight":1000,"payload":{"type":"string","value":""}}]`
	p, _ := mustCompile(t, `{"name":"f","enabled":true,"strategies":[],`+two+`},
		{"name":"zero","enabled":true,"strategies":[],"variants":[{"name":"a","weight":0}]},
		{"name":"child","enabled":true,"strategies":[],"dependencies":[{"feature":"f","variants":["b"]}]},
		{"name":"grandchild","enabled":true,"strategies":[],"dependencies":[{"feature":"child"}]},
		{"name":"orphan","enabled":true,"strategies":[],"dependencies":[{"feature":"gone","enabled":false}]},
		{"name":"opposite","enabled":true,"strategies":[],"dependencies":[{"feature":"off","enabled":false}]},
		{"name":"off","enabled":false,"strategies":[],`+two+`}`)
	seven := &eval.Context{Fields: map[string]string{"userId": "7"}}
	nobody := &eval.Context{}
	for _, tc := range []struct {
		flag    string
		context *eval.Context
		enabled bool
		variant string
	}{
		{"f", seven, true, "a"},
		{"f", nobody, true, "b"},
		{"zero", nobody, true, "disabled"},
		{"off", seven, false, "disabled"},
		{"child", nobody, true, "disabled"},
		{"child", seven, false, "disabled"},
		{"grandchild", nobody, false, "disabled"},
		{"orphan", nobody, false, "disabled"},
		{"opposite", nobody, true, "disabled"},
		{"unknown", nobody, false, "disabled"},
	} {
		got := p.Evaluate(tc.flag, tc.context)
		if got.Enabled != tc.enabled || got.Variant.Name != tc.variant {
			t.Errorf("%s: enabled %v, variant %q; want %v, %q", tc.flag, got.Enabled, got.Variant.Name, tc.enabled,
				tc.variant)
		}
	}
}

func TestProblemsNameTheFlagAndSpoilNoOther(t *testing.T) {
	p, problems := mustCompile(t, `{"name":"good","enabled":true,"strategies":[]},
		{"name":"bad","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"x",
			"operator":"REGEX","value":"("}]}]},
		{"name":"worse","enabled":"yes","strategies":[]},
		{"name":"worst","enabled":true},
		"nonsense",
		{"name":"good","enabled":true,"strategies":[]}`)
	if !p.Evaluate("good", &eval.Context{}).Enabled {
		t.Error("the good flag is off")
	}
	var text strings.Builder
	for _, problem := range problems {
		fmt.Fprintln(&text, problem)
	}
	for _, want := range []string{
		`flag "bad": strategies[0]: constraint 0 on "x": it is not an RE2 regular expression`,
		`flag "worse": features[2].enabled: must be true or false, it is text`,
		`flag "worst": features[3].strategies: must be a list`,
		`features[4]: is text, not a flag`,
		`flag "good": features[5]: the name is given twice`,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no problem says %q in:\n%s", want, text.String())
		}
	}
}

func TestNextFlip(t *testing.T) {
	p, _ := mustCompile(t,
		constrained(`{"contextName":"currentTime","operator":"DATE_AFTER","value":"2026-01-31T12:00:00Z"}`)+","+
			strings.Replace(
				constrained(`{"contextName":"currentTime","operator":"DATE_BEFORE","value":"2026-02-01T00:00:00Z"}`),
				`"f"`, `"g"`, 1))
	at := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	flips := 0
	for {
		flip, ok := p.NextFlip(at)
		if !ok {
			break
		}
		flips++
		before := &eval.Context{Time: flip.Add(-time.Millisecond)}
		after := &eval.Context{Time: flip}
		if p.Evaluate("f", before) == p.Evaluate("f", after) && p.Evaluate("g", before) == p.Evaluate("g", after) {
			t.Errorf("nothing changes at %s", flip)
		}
		at = flip
	}
	if flips != 2 {
		t.Errorf("%d flips, want 2", flips)
	}
}

// What most requests ask for allocates nothing.
func TestEvaluationDoesNotAllocate(t *testing.T) {
	p, _ := mustCompile(t, strategyFlag(`{"name":"default","segments":[1],"constraints":[
			{"contextName":"x","operator":"STR_CONTAINS","values":["b"]},{"contextName":"n","operator":"NUM_GT",
				"value":"1"},
			{"contextName":"currentTime","operator":"DATE_AFTER","value":"2026-01-31"},{"contextName":"ip",
				"operator":"IN_CIDR","values":["10.0.0.0/8","2001:db8::/32"]}]},
		{"name":"userWithId","parameters":{"userIds":"1,2"}},{"name":"remoteAddress","parameters":{"IPs":"10.0.0.0/8"}},
		{"name":"flexibleRollout","parameters":{"rollout":"99","stickiness":"default","groupId":"g"},
			"variants":[{"name":"a","weight":500},{"name":"b","weight":500}]}`)+`,
		{"name":"child","enabled":true,"strategies":[],"dependencies":[{"feature":"f","variants":["a"]}],
		 "variants":[{"name":"a","weight":500,"overrides":[{"contextName":"x","values":["c"]}]},{"name":"b",
		 	"weight":500}]}`)
	c := &eval.Context{
		Fields: map[string]string{
			"country": "no", "x": "abc", "n": " 2.5 ", "ip": "2001:db8::1", "userId": "7", "remoteAddress": "11.0.0.1",
		},
		Time: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Seed: "1",
	}
	v := p.NewView(c)
	if n := testing.AllocsPerRun(100, func() {
		v.Reset(p, c)
		for i := range p.Flags() {
			v.Flag(i)
		}
		v.Evaluate("child")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
