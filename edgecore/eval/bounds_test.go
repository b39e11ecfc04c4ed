package eval_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/test/need"
)

// ending is a context that ends when it has been asked some times.
type ending struct {
	context.Context
	left, after atomic.Int64
}

func (c *ending) Err() error {
	if c.left.Add(-1) >= 0 {
		return nil
	}
	c.after.Add(1)
	return context.Canceled
}

// What is compiled ends soon after its context, wherever it is, and the program
// before it stays good.
func TestCompileNextEndsWithItsContext(t *testing.T) {
	for _, shape := range []string{"flags", "strategies", "constraints", "segments", "patterns", "dependencies"} {
		t.Run(shape, func(t *testing.T) {
			const n = 20_000
			d, next := parsed(t, document(shape, n, "a", false)), parsed(t, document(shape, n, "b", false))
			last, _ := compile.Program(d)
			for _, last := range []*eval.Program{nil, last} {
				ctx := &ending{Context: t.Context()}
				ctx.left.Store(2)
				p, problems, err := compile.Next(ctx, next, last)
				if !errors.Is(err, context.Canceled) || p != nil || problems != nil || ctx.after.Load() > 10 {
					t.Errorf("%v, %d problems; asked %d times after the end", err, len(problems), ctx.after.Load())
				}
			}
			again, _ := compile.Program(d)
			for _, c := range probes() {
				was, is := last.NewView(&c), again.NewView(&c)
				for i := range last.Flags() {
					if was.Flag(i).Enabled != is.Flag(i).Enabled {
						t.Fatalf("flag %d under %v", i, c)
					}
				}
			}
		})
	}
}

func TestProblemsOfCompilingAreBounded(t *testing.T) {
	const n = 100_000
	d := parsed(t, document("unknown strategies", n, "a", false))
	p, problems := compile.Program(d)
	if last := problems[len(problems)-1]; len(problems) != edgecore.MaxProblems+1 ||
		!strings.Contains(last.What, fmt.Sprintf("%d more problems", n-edgecore.MaxProblems)) {
		t.Errorf("%d problems, the last is %q", len(problems), last)
	}
	// A flag whose problem is not listed is compiled again.
	next := *d
	next.Features = slices.Clone(d.Features)
	next.Features[0].Raw += " "
	_, again, err := compile.Next(t.Context(), &next, p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(problems, again); diff != "" {
		t.Errorf("(-Compile +CompileNext)\n%s", diff)
	}
}

// A regular expression of a few bytes takes up to a hundred kilobytes: all of a
// document have a bound together, and none takes much while it is refused.
func TestPatternsAreBounded(t *testing.T) {
	var flags []string
	for i := range 5000 {
		pattern := fmt.Sprintf(`%d.{450}`, i)
		if i%2 == 1 {
			pattern = fmt.Sprintf(`%d\\pL\\pL`, i)
		}
		flags = append(flags,
			fmt.Sprintf(
				`{"name":"f%04d","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"x",`+
					`"operator":"REGEX","value":"%s"}]}]}`, i, pattern))
	}
	d := mustParse(t, strings.Join(flags, ","), "")
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, problems := compile.Program(d)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 48<<20 {
		t.Errorf("the program takes %d bytes", grown)
	}
	if !strings.Contains(fmt.Sprint(problems),
		"the regular expressions of all flags together take more than 200000 instructions") {
		t.Errorf("%d problems: %.200v", len(problems), problems)
	}
	if !p.Evaluate("f0000", &eval.Context{Fields: map[string]string{"x": "0" + strings.Repeat("a", 450)}}).Enabled {
		t.Error("the first flag is off")
	}
	runtime.KeepAlive(p)

	// The same expression is counted and held once.
	same := slices.Repeat([]string{strings.Replace(flags[0], "f0000", "f%04d", 1)}, 2000)
	for i := range same {
		same[i] = fmt.Sprintf(same[i], i)
	}
	if _, problems := compile.Program(mustParse(t, strings.Join(same, ","), "")); len(problems) > 0 {
		t.Errorf("%v", problems[0])
	}

	for name, pattern := range map[string]string{
		"repetitions":               strings.Repeat(`.{1000}`, 500),
		"in parentheses":            strings.Repeat(`(.{500})`, 500),
		"classes":                   `(` + strings.Repeat(`\\pL`, 400) + `){1,90}`,
		"not too many alternatives": `(` + strings.Repeat(`.{9}|`, 600) + `){1,100}`,
		"not too many":              `.{499}`,
		"within counting":           `((.{10}){10}){4}`,
	} {
		d := mustParse(t, constrained(`{"contextName":"x","operator":"REGEX","value":"`+pattern+`"}`), "")
		var problems []edgecore.Problem
		used := need.Allocated(func() { _, problems = compile.Program(d) })
		if used > 8<<20 || (len(problems) == 0) != strings.HasPrefix(name, "not") &&
			(len(problems) == 0) != strings.HasPrefix(name, "within") {
			t.Errorf("%s: %d bytes allocated, %.300v", name, used, problems)
		}
	}
}

// TestDecodeRulesIsBounded: what is stored is not trusted. No reference of a
// few bytes makes a copy of what it refers to.
func TestDecodeRulesIsBounded(t *testing.T) {
	const size = 1 << 20
	list := func(n int, element string) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `%06x\u007f`, i)
		}
		return strings.TrimSuffix(b.String(), `\u007f`)
	}
	texts := list(10_000, `"v"`)
	const n = 10_000
	for name, members := range map[string]string{
		"a posting for each condition": `"fields":["x"],"values":["\u007fv\u0080` + strings.Repeat("$", size) +
			`\u007f"],"conditions":[[0,0]]`,
		"postings for conditions": `"fields":["x"],"values":["\u007fv\u0080` + strings.Repeat("$", size/8) +
			`\u007f"],"conditions":[` + list(size/8, `[0,0]`) + `]`,
		"far postings": `"fields":["x"],"values":["\u007fv\u0080` +
			strings.Repeat("~~~~~~~~~$", size/10) + `\u007f"],"conditions":[[0,0]]`,
		"values of many fields": `"fields":[` + list(size/16, `"x"`) + `],"values":[` +
			list(size/16, `"\u007fv\u0080$\u007f"`) + `],"conditions":[[0,0]]`,
		"opposites": `"fields":["x"],"values":[""],"conditions":[[0,0]],"names":"a",` +
			`"flags":[[1,` + list(size/3, "-1") + `]]`,
		"opposites in a segment": `"fields":["x"],"values":[""],"conditions":[[0,0],[12,` +
			list(size/3, "-1") + `]]`,
		"a large shape of many flags": `"stickies":[[]],"names":"` + names(n) + `","flags":[` +
			list(n, `[[1],[0]]`) + `],"shapes":[[0,0,[` + texts + `],[` + list(10_000, "1") + `]]]`,
		"a large shape with payloads": `"stickies":[[]],"names":"` + names(n) + `","flags":[` +
			list(n, `[[1],[0,"p"]]`) + `],"shapes":[[0,0,[` + texts + `],[` + list(10_000, "1") + `]]]`,
		"a large shape of many strategies": `"stickies":[[]],"names":"a","flags":[[[` + list(n, "1") + `],0,[` +
			list(n, `[0]`) + `]]],"shapes":[[0,0,[` + texts + `],[` + list(10_000, "1") + `]]]`,
		"strategies without their variants": `"names":"` + names(n) + `","flags":[` +
			list(n, `[[1,1,1,1,1,1,1,1],0,[]]`) + `]`,
		"flags":   `"names":"` + names(size/8) + `","flags":[` + list(size/8, "1") + `]`,
		"names":   `"names":"` + strings.Repeat(`\u007f`, size/6) + `"`,
		"numbers": `"flags":[` + list(size/2, "0") + `]`,
		"lists":   `"conditions":[` + list(size/3, "[]") + `]`,
		"instructions": `"fields":["x"],"values":[""],"conditions":[` +
			list(size/1000, `[10,0,`+list(150, "[3,0]")+`]`) + `]`,
		"impressions":               `"names":"a","flags":[1],"impressions":[` + list(size/2, "0") + `]`,
		"a long value for a number": `"names":"a","flags":["` + strings.Repeat("x", size) + `"]`,
		"a long list for a number":  `"names":"a","flags":[[[` + list(size/2, "1") + `]]]`,
		"groups": `"stickies":[[]],"shares":[[2,"` + strings.Repeat("g", 1000) + `"]],"names":"` +
			names(n) + `","flags":[` + list(n, "-1") + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			document := []byte("{" + members + "}")
			var err error
			used := need.Allocated(func() { _, err = rules.Decode(document) })
			if used > 100*int64(len(document))+8<<20 {
				t.Errorf("%d bytes allocated for %d (%d times): %.200v", used, len(document), used/int64(len(document)),
					err)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("an error of %d bytes: %.200s", len(err.Error()), err)
			}
		})
	}
}
