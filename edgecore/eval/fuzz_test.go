package eval_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/gen"
	"github.com/flagcast/flagcast/test/need"
)

// probes are contexts for programs of which nothing is known: without
// anything, and with the same value in every field that occurs in tests.
func probes() []eval.Context {
	list := []eval.Context{{}}
	for i, value := range []string{"", "1", "a", "10.0.0.1", "1.2.3", "user-7"} {
		c := eval.Context{
			Fields: map[string]string{}, Time: time.UnixMilli(1896091200000 + int64(i)), Seed: fmt.Sprint(i),
		}
		for _, name := range []string{
			"userId", "sessionId", "remoteAddress", "environment", "country", "plan", "x", "__proto__",
		} {
			c.Fields[name] = value
		}
		list = append(list, c)
	}
	return list
}

// sameAnswers compares all that two programs answer.
func sameAnswers(t *testing.T, a, b *eval.Program) {
	t.Helper()
	if diff := cmp.Diff(len(a.Flags()), len(b.Flags())); diff != "" {
		t.Fatalf("flags: %s", diff)
	}
	for _, c := range probes() {
		for _, f := range a.Flags() {
			want := a.Evaluate(f.Name, &c)
			if diff := cmp.Diff(want, b.Evaluate(f.Name, &c)); diff != "" {
				t.Fatalf("%q under %+v:\n%s", f.Name, c, diff)
			}
			if diff := cmp.Diff(want, describe.Explain(a, f.Name, &c).Result); diff != "" {
				t.Fatalf("%q under %+v is explained otherwise:\n%s", f.Name, c, diff)
			}
		}
	}
}

// sameWhenKnown compares a program with what is left of it when some fields
// are known.
func sameWhenKnown(t *testing.T, p *eval.Program) {
	t.Helper()
	for _, c := range probes() {
		static := eval.Context{Fields: map[string]string{}, Absent: []string{"absent"}}
		for _, name := range []string{"userId", "country", "x"} {
			if value, has := c.Fields[name]; has {
				static.Fields[name] = value
			} else {
				static.Absent = append(static.Absent, name)
			}
		}
		rest := compile.Specialize(p, &static)
		for _, f := range p.Flags() {
			if diff := cmp.Diff(p.Evaluate(f.Name, &c), rest.Evaluate(f.Name, &c)); diff != "" {
				t.Fatalf("%q under %+v of %+v:\n%s", f.Name, c, static, diff)
			}
		}
	}
}

// FuzzCompile: whatever definitions hold, they compile, and rules/1 answers as
// the program does.
func FuzzCompile(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(gen.Definitions(rand.New(rand.NewPCG(seed, 0)), gen.Options{Odd: seed%2 == 1}).Document)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		d, err := parse.Definitions(document, "test")
		if err != nil {
			return
		}
		p, _ := compile.Program(d)
		sameAnswers(t, p, throughRules(t, p, &eval.Context{}))
		sameWhenKnown(t, p)
	})
}

// FuzzDecodeRules: what is accepted can be written again, and answers alike
// then.
func FuzzDecodeRules(f *testing.F) {
	for seed := range uint64(20) {
		s := rand.New(rand.NewPCG(seed, 0))
		d, err := parse.Definitions(gen.Definitions(s, gen.Options{}).Document, "test")
		if err != nil {
			f.Fatal(err)
		}
		p, _ := compile.Program(d)
		for _, o := range []rules.Options{
			{}, {Identifiers: rules.IdentifiersHash, Fields: []string{"userId"}, Salt: "salt"},
		} {
			if stored, err := rules.Encode(p, o); err == nil {
				f.Add(stored)
			}
		}
	}
	// The opposite of a segment is nothing that Compile makes.
	f.Add([]byte(`{"names":"a","flags":[[1,-4]],"fields":["country","x"],"values":["\u007fno\u0080$\u007f",
		"\u007f1\u0080%\u007f"],"stickies":[],"shares":[],
		"conditions":[[0,0],[0,1],[12,0],[12,0,1]],"shapes":[],"impressions":[],"hidden":[]}`))
	f.Add([]byte(strings.Repeat("[", 1<<20)))
	f.Add([]byte(`{"flags":` + strings.Repeat("[", 1<<20)))
	f.Add([]byte(`{"names":"a","flags":[[` + strings.Repeat("1,", 1<<17) + `1]]}`))
	f.Add([]byte(`{"names":"a","flags":[1],"stickies":[[]],"shapes":[[0,0,[` + strings.Repeat(`"v",`, 1<<12) +
		`"v"],[` + strings.Repeat("1,", 1<<12) + `1]]]}`))
	f.Fuzz(func(t *testing.T, stored []byte) {
		var p *eval.Program
		var err error
		if used := need.Allocated(func() { p, err = rules.Decode(stored) }); used > 256*int64(len(stored))+8<<20 {
			t.Errorf("%d bytes allocated for %d", used, len(stored))
		}
		if err != nil {
			return
		}
		compile.MayBeOn(p, time.Now())
		describer := describe.NewDescriber(nil)
		for i := range p.Flags() {
			describer.Flag(p, i)
		}
		sameAnswers(t, p, throughRules(t, p, &eval.Context{}))
		sameWhenKnown(t, p)
	})
}
