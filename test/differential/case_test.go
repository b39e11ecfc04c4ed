package differential_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/test/need"
)

// lowerCases prints each character whose lower case is another for this engine,
// with that, in hexadecimal.
const lowerCases = `
for (let c = 0; c < 0x110000; c++) {
  const text = String.fromCodePoint(c)
  const lower = text.toLowerCase()
  if (lower !== text) console.log(c.toString(16) + ' ' + lower.codePointAt(0).toString(16))
}`

// TestCaseOfEveryCharacter: every character that has a lower case for Go or for
// the worker's engine, whose versions of Unicode differ, answers alike.
func TestCaseOfEveryCharacter(t *testing.T) {
	worker := startOracle(t, need.File(t, "workers/test/evaluator.mjs"))
	pairs := map[rune]rune{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if lower := unicode.ToLower(r); lower != r {
			pairs[r] = lower
		}
	}
	printed, err := exec.Command(need.Node(t), "-e", lowerCases).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(printed)) {
		var r, lower rune
		if _, err := fmt.Sscanf(line, "%x %x", &r, &lower); err != nil {
			t.Fatal(err)
		}
		pairs[r] = lower
	}
	var features []string
	for r, lower := range pairs {
		for i, operand := range []rune{r, lower} {
			features = append(features, fmt.Sprintf(`{"name":"%x-%d","enabled":true,"strategies":[{"name":"default",
				"constraints":[
				{"contextName":"x","operator":"STR_ENDS_WITH","values":["b%c"],
					"caseInsensitive":true}]}]}`, r, i, operand))
		}
	}
	d, err := parse.Definitions([]byte(`{"version":2,"features":[`+strings.Join(features, ",")+`]}`), "test")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := compile.Program(d)
	s, err := snapshot.Encode(d, p, snapshot.Spec{Format: snapshot.Rules1, Environment: "test", Target: "t"},
		time.UnixMilli(1))
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	line(&lines, map[string]any{"snapshot": string(s.Seal(1, time.UnixMilli(1)))})
	var want []bool
	for r, lower := range pairs {
		for i := range 2 {
			for _, letter := range []rune{r, lower} {
				value, flag := "aB"+string(letter), fmt.Sprintf("%x-%d", r, i)
				line(&lines, map[string]any{
					"context": map[string]string{"x": value}, "toggle": flag, "time": 0, "seed": "",
				})
				want = append(want, p.Evaluate(flag, &eval.Context{Fields: map[string]string{"x": value}}).Enabled)
			}
		}
	}
	on := 0
	for i, a := range worker.ask(t, lines.Bytes(), 1+len(want))[1:] {
		if a.Enabled != want[i] || a.Error != "" {
			t.Errorf("query %d: %+v, Go says %v", i, a, want[i])
		}
		if a.Enabled {
			on++
		}
	}
	fmt.Printf("case of %d characters in Go and the worker: %d queries, %d on\n", len(pairs), len(want), on)
	if len(pairs) < 1433 || on < 4*1433 {
		t.Errorf("%d characters, %d on: that is no comparison", len(pairs), on)
	}
}
