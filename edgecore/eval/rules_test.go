package eval_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

// A reader takes what the format allows, also where Compile writes none of it.
func TestDecodeRulesOfOthers(t *testing.T) {
	// "a" is on outside the segment country=no and x=1; "b" outside of country=no.
	p, err := rules.Decode([]byte(`{"names":"a\u007fb","flags":[[1,-4],[1,-3]],"fields":["country","x"],
		"values":["\u007fno\u0080$\u007f","\u007f1\u0080%\u007f"],"stickies":[],"shares":[],
		"conditions":[[0,0],[0,1],[12,0],[12,0,1]],"shapes":[],"impressions":[],"hidden":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		country, x string
		a, b       bool
	}{{"no", "1", false, false}, {"no", "2", true, false}, {"se", "1", true, true}} {
		whole := &eval.Context{Fields: map[string]string{"country": tc.country, "x": tc.x}}
		for what, q := range map[string]*eval.Program{
			"decoded":           p,
			"written again":     throughRules(t, p, &eval.Context{}),
			"country is static": throughRules(t, p, &eval.Context{Fields: map[string]string{"country": tc.country}}),
			"x is static":       throughRules(t, p, &eval.Context{Fields: map[string]string{"x": tc.x}}),
			"both are":          throughRules(t, p, whole),
		} {
			if a, b := q.Evaluate("a", whole).Enabled, q.Evaluate("b", whole).Enabled; a != tc.a || b != tc.b {
				t.Errorf("%s, %+v: a %v, b %v", what, tc, a, b)
			}
		}
	}
}

// What is not a program is an error that names the place.
func TestDecodeRulesErrors(t *testing.T) {
	const sound = `{"names":"a\u007fb","flags":[[[[1,0]],[0]],2],"fields":["x","userId"],` +
		`"values":["\u007f1\u0080$\u007f",""],"stickies":[[],[1,-1]],` +
		`"shares":[[52,"g"]],"conditions":[[0,0],[7,0,2,5]],"shapes":[[1,0,["a","b"],[1,1]]],"impressions":[0],` +
		`"hidden":[1]}`
	if _, err := rules.Decode([]byte(sound)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ old, new, want string }{
		{`{"names"`, `{`, "decode rules: "},
		{`"hidden":[1]}`, `"hidden":[1]} x`, "there is more behind the object"},
		{`a\u007fb`, `a`, "names: there are 1 for 2 flags"},
		{`a\u007fb`, `b\u007fa`, `"a" is behind "b"`},
		{`a\u007fb`, `a\u007fa`, `"a" is behind "a"`},
		{`[[[1,0]],[0]],2]`, `[[[1,2]],[0]],2]`, "flags[0]: 2 should be a whole number from -2 to 1"},
		{`[[[1,0]],[0]],2]`, `[[[1,-3]],[0]],2]`, "flags[0]: -3 should be a whole number from -2 to 1"},
		{`[[[1,0]],[0]],2]`, `[[[1,0]],[1]],2]`, "flags[0]: 1 should be a whole number from 0 to 0"},
		{`[[[1,0]],[0]],2]`, `[[[1,0]],[0],0,[[0,1]]],2]`, "flags[0]: its parent has parents"},
		{`[[[1,0]],[0]],2]`, `[[[1,0]],[0],0,[[2,1]]],2]`, "flags[0]: 2 should be a whole number from 0 to 1"},
		{`[[[1,0]],[0]],2]`, `[[[1,0]],[0]],204]`, "flags[1]: 204 should be a whole number from -1 to 203"},
		{`[[[1,0]],[0]],2]`, `[[[1,0]],[0]],-2]`, "flags[1]: -2 should be"},
		{`[[[1,0]],[0]],2]`, `[[[1,0]],[0]],"2"]`, "flags[1]: 2 should be"},
		{`\u0080$`, `\u0080%`, "values[0]: a value is listed by condition 1, which is not a list of this field"},
		{`\u0080$`, `\u0080!`, `values[0]: the entry of "1" cannot be read`},
		{`"\u007f1`, `"1`, "values[0]: does not begin and end with U+007F"},
		{`[[],[1,-1]]`, `[[],[2,-1]]`, "stickies[1]: 2 should be a whole number from 0 to 1"},
		{`[7,0,2,5]`, `[7,0,8,5]`, "conditions[1]: 8 should be a whole number from 1 to 7"},
		{`[7,0,2,5]`, `[7,0,2,"5"]`, "conditions[1]: 5 should be a number"},
		{`[7,0,2,5]`, `[14,0]`, "conditions[1]: 14 should be a whole number from 0 to 13"},
		{`[7,0,2,5]`, `[12,1]`, "conditions[1]: 1 should be a whole number from -1 to 0"},
		{`[7,0,2,5]`, `[12],[12,1]`, "conditions[2]: a segment holds another one"},
		{`[7,0,2,5]`, `[9,0,2,1,2,3,"01"]`, `conditions[1]: "1.2.3-01" is not a version`},
		{
			`[7,0,2,5]`, `[9,0,2,1,2,3,["01234567890123456"]]`,
			`conditions[1]: "1.2.3-01234567890123456" is not a version`,
		},
		{`[7,0,2,5]`, `[9,0,2,1,2,3,[]]`, "conditions[1]: should be a list of at least 1"},
		{`[7,0,2,5]`, `[10,0]`, "conditions[1]: a pattern has 1 to 8192 instructions"},
		{`[7,0,2,5]`, `[13,0]`, "conditions[1]: a pattern has 1 to 8192 instructions"},
		{`[7,0,2,5]`, `[13,0,[3,1,0],[0]]`, "conditions[1]: 0 should be a whole number from 0 to -1"},
		{
			`[7,0,2,5]`, `[13,0,[1,1,1],[3,2,0],[0]]`,
			"conditions[1]: refers to an instruction without ranges of characters",
		},
		{`[7,0,2,5]`, `[10,0,[1,0,1]]`, "conditions[1]: 1 should be a whole number from 0 to 0"},
		{`[7,0,2,5]`, `[10,0,[3,0,1]]`, "conditions[1]: ranges of characters come in pairs"},
		{`[7,0,2,5]`, `[11,0,[33,1]]`, "conditions[1]: 33 should be a whole number from 0 to 32"},
		{`[7,0,2,5]`, `[11,0,[8,1,2]]`, "conditions[1]: an address has one word or four"},
		{`["a","b"],[1,1]`, `["a","b"],[1]`, "flags[0]: the variants of shape 0 do not fit together"},
		{`["a","b"],[1,1]`, `["a","b"],[1,-1]`, "flags[0]: -1 should be a whole number from 0 to 2147483647"},
		{`"impressions":[0]`, `"impressions":[2]`, "impressions: there is no flag 2"},
		{`"hidden":[1]`, `"hidden":[-1]`, "hidden: there is no flag -1"},
	} {
		document := strings.Replace(sound, tc.old, tc.new, 1)
		if document == sound {
			t.Fatalf("%s is not in the document", tc.old)
		}
		p, err := rules.Decode([]byte(document))
		if err == nil || p != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s for %s: %v, want %s", tc.new, tc.old, err, tc.want)
		}
	}
}

// Readers in JavaScript search the names of flags, so that they are sorted as
// JavaScript sorts.
func TestFlagsAreSortedByUTF16(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runes := rapid.SampledFrom([]rune{
			'a', 'b', 0, 0x7e, 0xe9, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff,
		})
		d := &edgecore.Definitions{}
		for _, name := range rapid.SliceOfDistinct(rapid.StringOfN(runes, 1, 4, -1), rapid.ID[string]).Draw(t,
			"names") {
			d.Features = append(d.Features, edgecore.Feature{Name: name})
		}
		p, _ := compile.Program(d)
		if len(p.Flags()) != len(d.Features) || !slices.IsSortedFunc(p.Flags(), func(a, b eval.Flag) int {
			return slices.Compare(utf16.Encode([]rune(a.Name)), utf16.Encode([]rune(b.Name)))
		}) {
			t.Errorf("%+v", p.Flags())
		}
	})
}
