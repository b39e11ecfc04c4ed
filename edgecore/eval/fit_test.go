package eval_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

func regexFlag(name, pattern string, more string) string {
	value, _ := json.Marshal(pattern)
	return fmt.Sprintf(`{"name":%q,"enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"x",`+
		`"operator":"REGEX","value":%s}]}%s]}`,
		name, value, more)
}

// What rules cannot hold is off there alone, and is a problem of the caller that stores
// them.
func TestFit(t *testing.T) {
	huge := "^" + strings.Repeat(`[a-z]{1,999}-`, 6)
	for _, tc := range []struct {
		name, pattern, more string
		x                   string
		problem             string
		enabled             bool // through rules
	}{
		{"letters of names", `^[\p{L} '-]{2,30}$`, "", "Anne", "", true},
		{"no shorter values than can match", `^[a-z]{1,600}$`, "", strings.Repeat("a", 600), "", true},
		{
			"shorter values than can match", `^[a-z]{1,1000}$`, "", strings.Repeat("a", 1000),
			`REGEX on "x": the regular expression takes 2002 instructions; in a rules snapshot a value of more than ` +
				`523 characters does not match`, false,
		},
		{
			"shorter values than usual", `[a-z]{1,999}!`, "", strings.Repeat("a", 600) + "!",
			"a value of more than 524 characters does not match", false,
		},
		{
			"too many instructions", huge, "", strings.Repeat("a-", 6),
			`REGEX on "x": the regular expression takes 11990 instructions, a rules snapshot holds 8192; the ` +
				`strategy passes for no user there`, false,
		},
		{
			"with a sibling", huge, `,{"name":"userWithId","parameters":{"userIds":"1"}}`, strings.Repeat("a-", 6),
			"passes for no user there", true,
		},
		{
			"in a segment", huge, `,{"name":"default","segments":[1]}`, strings.Repeat("a-", 6),
			"passes for no user there", false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := mustParse(t, regexFlag("f", tc.pattern, tc.more),
				`{"id":1,"constraints":[{"contextName":"x","operator":"REGEX","value":"`+huge+`","inverted":true}]}`)
			p, problems := compile.Program(d)
			if len(problems) > 0 {
				t.Fatalf("the core has problems: %v", problems)
			}
			c := eval.Context{Fields: map[string]string{"x": tc.x, "userId": "1"}}
			if !p.Evaluate("f", &c).Enabled {
				t.Error("it is off in the core")
			}
			fitting, problems := rules.Fit(p)
			if (tc.problem == "") != (len(problems) == 0) || tc.problem != "" &&
				(len(problems) != 1 || !strings.Contains(problems[0].String(), tc.problem)) {
				t.Errorf("problems %v, want %q", problems, tc.problem)
			}
			if tc.problem != "" && problems[0].Feature != "f" {
				t.Errorf("problem of flag %q", problems[0].Feature)
			}
			if again, problems := rules.Fit(fitting); again != fitting ||
				strings.Contains(fmt.Sprint(problems), "nobody") {
				t.Errorf("what fits does not: %v", problems)
			}
			if got := throughRules(t, p, &eval.Context{}).Evaluate("f", &c).Enabled; got != tc.enabled {
				t.Errorf("through rules: %v", got)
			}
		})
	}
}

// A class that is in a pattern many times is stored once.
func TestSharedRanges(t *testing.T) {
	sizes := map[int]int{}
	for _, n := range []int{5, 30, 60} {
		p, _ := compile.Program(mustParse(t, regexFlag("f", fmt.Sprintf(`^[\p{L} '-]{2,%d}$`, n), ""), ""))
		sizes[n] = len(encodeRules(t, p))
	}
	t.Logf("bytes of rules by repetitions: %v", sizes)
	if sizes[30]-sizes[5] > 25*30 || sizes[60]-sizes[30] > 30*30 {
		t.Errorf("sizes %v: a repetition takes more than 30 bytes", sizes)
	}
}

// The largest pattern takes little memory.
func TestPatternMemory(t *testing.T) {
	d := mustParse(t, regexFlag("f", strings.Repeat(`(?:\pL?){999}`, 8), ""), "")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p, problems := compile.Program(d)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if bytes := int64(after.HeapAlloc) - int64(before.HeapAlloc); bytes > 4<<20 {
		t.Errorf("a pattern holds %d bytes", bytes)
	}
	runtime.KeepAlive(p)
}
