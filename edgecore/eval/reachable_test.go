package eval_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

func TestMayBeOn(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	is := func(field, operator, rest string) string {
		return fmt.Sprintf(`{"contextName":%q,"operator":%q,%s}`, field, operator, rest)
	}
	in, notIn := is("x", "IN", `"values":["a","b"]`), is("x", "NOT_IN", `"values":["a","b"]`)
	for name, c := range map[string]struct {
		conditions []string
		want       bool
	}{
		"none":                         {nil, true},
		"a list":                       {[]string{in}, true},
		"an empty list":                {[]string{is("x", "IN", `"values":[]`)}, false},
		"not in an empty list":         {[]string{is("x", "NOT_IN", `"values":[]`)}, true},
		"in and not in":                {[]string{in, notIn}, false},
		"in, and not in a part":        {[]string{in, is("x", "NOT_IN", `"values":["a"]`)}, true},
		"lists without a common value": {[]string{in, is("x", "IN", `"values":["c"]`)}, false},
		"lists of two fields":          {[]string{in, is("y", "NOT_IN", `"values":["a","b"]`)}, true},
		"a list and its beginning":     {[]string{in, is("x", "STR_STARTS_WITH", `"values":["b"]`)}, true},
		"a list and another beginning": {[]string{in, is("x", "STR_STARTS_WITH", `"values":["c"]`)}, false},
		"a list of no numbers":         {[]string{in, is("x", "NUM_GT", `"value":"1"`)}, false},
		"two texts, which may be one": {[]string{
			is("x", "STR_STARTS_WITH", `"values":["a"]`), is("x", "STR_ENDS_WITH", `"values":["b"]`),
		}, true},
		"a date that has passed": {
			[]string{is("currentTime", "DATE_BEFORE", `"value":"2026-01-01T00:00:00Z"`)},
			false,
		},
		"a date to come": {
			[]string{is("currentTime", "DATE_AFTER", `"value":"2027-01-01T00:00:00Z"`)},
			false,
		},
		"between two dates": {[]string{
			is("currentTime", "DATE_AFTER", `"value":"2026-01-01T00:00:00Z"`),
			is("currentTime", "DATE_BEFORE", `"value":"2027-01-01T00:00:00Z"`),
		}, true},
		"numbers that meet": {[]string{
			is("x", "NUM_GTE", `"value":"5"`), is("x", "NUM_LTE", `"value":"5"`),
		}, true},
		"numbers that do not": {
			[]string{is("x", "NUM_GT", `"value":"5"`), is("x", "NUM_LTE", `"value":"5"`)},
			false,
		},
		"numbers apart": {
			[]string{is("x", "NUM_LT", `"value":"3"`), is("x", "NUM_GT", `"value":"5"`)},
			false,
		},
		"two equal numbers": {[]string{
			is("x", "NUM_EQ", `"value":"3"`), is("x", "NUM_EQ", `"value":"3.0"`),
		}, true},
		"two numbers at once": {
			[]string{is("x", "NUM_EQ", `"value":"3"`), is("x", "NUM_EQ", `"value":"4"`)},
			false,
		},
		"no number less, none above": {[]string{
			is("x", "NUM_LT", `"value":"3","inverted":true`), is("x", "NUM_GT", `"value":"1","inverted":true`),
		}, true},
		"versions that overlap": {[]string{
			is("x", "SEMVER_GT", `"value":"1.0.0"`), is("x", "SEMVER_LT", `"value":"1.0.1"`),
		}, true},
		"versions apart": {[]string{
			is("x", "SEMVER_GT", `"value":"2.0.0"`), is("x", "SEMVER_LT", `"value":"1.0.0"`),
		}, false},
		"one version, and not that one": {[]string{
			is("x", "SEMVER_EQ", `"value":"2.0.0"`), is("x", "SEMVER_LT", `"value":"2.0.0"`),
		}, false},
	} {
		p, problems := mustCompile(t, `{"name":"f","enabled":true,"strategies":[{"name":"default","constraints":[`+
			strings.Join(c.conditions, ",")+`]}]},
			{"name":"child","enabled":true,"strategies":[],"dependencies":[{"feature":"f"}]},
			{"name":"last","enabled":true,"strategies":[{"name":"default",
				"constraints":[`+strings.Join(c.conditions, ",")+`]},{"name":"default"}]}`)
		if len(problems) > 0 && c.want {
			t.Errorf("%s: %v", name, problems)
		}
		for i, f := range p.Flags() {
			if got := compile.MayBeOn(p, at)[i]; got != (c.want || f.Name == "last") {
				t.Errorf("%s: %s may be on: %v", name, f.Name, got)
			}
		}
	}
}

func TestMayBeOnOfOthers(t *testing.T) {
	p, _ := mustCompile(t, `{"name":"off","enabled":false,"strategies":[]},
		{"name":"zero","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"0",
			"stickiness":"userId"}}]},
		{"name":"some","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"1",
			"stickiness":"userId"}}]},
		{"name":"unless-on","enabled":true,"strategies":[],"dependencies":[{"feature":"on","enabled":false}]},
		{"name":"unless-off","enabled":true,"strategies":[],"dependencies":[{"feature":"off","enabled":false}]},
		{"name":"orphan","enabled":true,"strategies":[],"dependencies":[{"feature":"missing"}]},
		{"name":"no-variant","enabled":true,"strategies":[],"dependencies":[{"feature":"on","variants":["a","a"]}]},
		{"name":"other-variant","enabled":true,"strategies":[],"dependencies":[{"feature":"split","variants":["a"]}]},
		{"name":"some-variant","enabled":true,"strategies":[],"dependencies":[{"feature":"split","variants":["a",
			"b"]}]},
		{"name":"without-variant","enabled":true,"strategies":[],
			"dependencies":[{"feature":"on","variants":["disabled"]}]},
		{"name":"split","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"0"},
			"variants":[{"name":"a","weight":1000}]},{"name":"default","variants":[{"name":"b","weight":500},
			{"name":"c","weight":500}]}]},
		{"name":"on","enabled":true,"strategies":[]}`)
	var names []string
	for i, on := range compile.MayBeOn(p, time.Now()) {
		if on {
			names = append(names, p.Flags()[i].Name)
		}
	}
	if want := []string{
		"on", "some", "some-variant", "split", "unless-off", "without-variant",
	}; !slices.Equal(names, want) {
		t.Errorf("%v may be on, want %v", names, want)
	}
}

// TestMayBeOnIsSound: a flag that some context finds on is never taken for one
// that is off for all, as compiled, specialised and read from a snapshot.
func TestMayBeOnIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawProgram(t)
		c := d.context()
		encoded, err := rules.Encode(d.program, rules.Options{})
		if err != nil {
			t.Skip(err)
		}
		stored, err := rules.Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []*eval.Program{d.program, compile.Specialize(d.program, &eval.Context{}), stored} {
			on := compile.MayBeOn(p, c.Time)
			for i, f := range p.Flags() {
				if !on[i] && p.NewView(&c).Flag(i).Enabled {
					t.Errorf("%s is on for %+v, and MayBeOn says that it is off for all", f.Name, c)
				}
			}
		}
	})
}
