package eval_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

// sizesOf returns the sizes by flag, and by shared part.
func sizesOf(t tb, stored []byte) (flags, shared map[string]int) {
	t.Helper()
	sizes, err := rules.SizesOf(stored)
	if err != nil {
		t.Fatalf("sizes: %v", err)
	}
	flags, shared = map[string]int{}, map[string]int{}
	for _, f := range sizes.Flags {
		flags[f.Name] = f.Bytes
	}
	for _, part := range sizes.Shared {
		shared[part.Name] = part.Bytes
	}
	return flags, shared
}

// lostWithout is how much shorter the stored of a program are without a flag.
func lostWithout(t tb, p *eval.Program, name string) int {
	t.Helper()
	return len(encodeRules(t, p)) - len(encodeRules(t, compile.Select(p, func(f eval.Flag) bool {
		return f.Name != name
	})))
}

// sharing has flags that share values, a segment, a shape of variants and a
// hidden parent, and flags that share nothing.
const sharing = `{"version":2,"features":[
	{"name":"alone","enabled":true,"strategies":[{"name":"default","constraints":[
		{"contextName":"plan","operator":"IN","values":["free","pro","team-\"quoted\""]},
		{"contextName":"version","operator":"SEMVER_GT","value":"1.2.3"}]}]},
	{"name":"child","enabled":true,"impressionData":true,"strategies":[],"dependencies":[{"feature":"hidden"}]},
	{"name":"half","enabled":true,"strategies":[{"name":"default","constraints":[
		{"contextName":"country","operator":"IN","values":["cn","us","a-country-of-its-own"]}]}]},
	{"name":"hidden","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"50",
		"groupId":"a group of its own"}}]},
	{"name":"off","enabled":false,"strategies":[]},
	{"name":"one","enabled":true,"strategies":[{"name":"default","segments":[1]}],"variants":[{"name":"red","weight":1},
		{"name":"blue","weight":1}]},
	{"name":"two","enabled":true,"strategies":[{"name":"default","segments":[1]}],"variants":[{"name":"red","weight":1},
		{"name":"blue","weight":1}]}
	],"segments":[{"id":1,"constraints":[
		{"contextName":"country","operator":"IN","values":["cn","us"]},{"contextName":"userId","operator":"IN",
			"values":[%s]}]}]}`

// A flag has the size of what the stored lose without it, but for some commas,
// and what several flags share is counted once.
func TestSizes(t *testing.T) {
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = fmt.Sprintf(`"user-%03d"`, i)
	}
	p := compile.Select(compileDocument(t, fmt.Sprintf(sharing, strings.Join(ids, ","))), func(f eval.Flag) bool {
		return f.Name != "hidden"
	})
	flags, shared := sizesOf(t, encodeRules(t, p))
	for _, f := range p.Flags() {
		got, counted := flags[f.Name]
		if counted == f.Hidden {
			t.Errorf("%s: hidden %v, counted %v", f.Name, f.Hidden, counted)
		} else if lost := lostWithout(t, p, f.Name); !f.Hidden && (got < lost-2 || got > lost+5) {
			t.Errorf("%s: %d bytes, without it the stored have %d less", f.Name, got, lost)
		}
	}
	if len(shared) != 3 || shared["values of userId"] < 50*12 || shared["values of userId"] > 50*13 ||
		shared["values of country"] > 20 || shared["other rules"] > 150 {
		t.Errorf("shared: %v", shared)
	}
}

// Every byte of stored counts once.
func TestSizesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProgram(t).program
		stored := encodeRules(t, p)
		total := len(encodeRules(t, compile.Select(p, func(eval.Flag) bool { return false })))
		flags, shared := sizesOf(t, stored)
		for _, parts := range []map[string]int{flags, shared} {
			for _, bytes := range parts {
				total += bytes
			}
		}
		// A list with elements has a comma less than elements.
		if d := total - len(stored); d < 0 || d > 10 {
			t.Fatalf("the parts have %d bytes, the stored %d: %s", total, len(stored), stored)
		}
		if len(flags) != len(p.Flags()) {
			t.Fatalf("%d flags of %d", len(flags), len(p.Flags()))
		}
	})
}

// Rules of another writer have sizes, or an error.
func TestSizesOfOtherRules(t *testing.T) {
	// The list of variants of strategies is longer than that of strategies: no
	// reader looks at the second.
	const long = `{"names":"a","flags":[[[1],0,[0,[9]]]],"fields":[],"values":[],"stickies":[],"shares":[],` +
		`"conditions":[],"shapes":[],"impressions":[],"hidden":[]}`
	if flags, shared := sizesOf(t, []byte(long)); flags["a"] < 10 || len(shared) > 0 {
		t.Errorf("%v, shared %v", flags, shared)
	}
	for _, stored := range []string{"", "[", `{"names":"a","flags":[[1,7]]}`} {
		if got, err := rules.SizesOf([]byte(stored)); err == nil {
			t.Errorf("%q has %v", stored, cmp.Diff(rules.Sizes{}, got))
		}
	}
}
