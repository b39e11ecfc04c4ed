package eval_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/describe"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/test/need"
)

// repeated writes a list of n elements. format has the number of the element
// for %[1]d, and the mark, by which two documents differ, for %[2]s.
func repeated(n int, format, mark string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i, mark)
	}
	return b.String()
}

// shapes are the ways in which a document can be large. Each gives its flags and
// its segments.
var shapes = map[string]func(n int, mark string) (features, segments string){
	"flags": func(n int, mark string) (string, string) {
		return repeated(n, `{"name":"f%[1]d","enabled":true,"strategies":[],"description":%[2]q}`, mark), ""
	},
	"flags of one name": func(n int, mark string) (string, string) {
		return repeated(n, `{"name":"f","enabled":true,"strategies":[],"description":%[2]q}`, mark), ""
	},
	"members": func(n int, mark string) (string, string) {
		return `{"name":"f","enabled":true,"strategies":[],` + repeated(n, `"m%[1]d":%[2]q`, mark) + `}`, ""
	},
	"members of one name": func(n int, mark string) (string, string) {
		return `{"name":"f","enabled":true,"strategies":[],` + repeated(n, `"m":%[2]q`, mark) + `}`, ""
	},
	"members of the document": func(n int, mark string) (string, string) {
		return "", `],` + repeated(n, `"m%[1]d":%[2]q`, mark) + `,"last":[`
	},
	"parameters": func(n int, mark string) (string, string) {
		return strategyFlag(`{"name":"flexibleRollout","parameters":{"rollout":"50",` +
			repeated(n, `"p%[1]d":%[2]q`, mark) + `}}`), ""
	},
	"parameters of one name": func(n int, mark string) (string, string) {
		return strategyFlag(`{"name":"flexibleRollout","parameters":{"rollout":"50",` + repeated(n, `"p":%[2]q`, mark) +
			`}}`), ""
	},
	"strategies": func(n int, mark string) (string, string) {
		return strategyFlag(
			repeated(n, `{"name":"flexibleRollout","parameters":{"rollout":"50","groupId":"%[2]s%[1]d"}}`, mark)), ""
	},
	"unknown strategies": func(n int, mark string) (string, string) {
		return strategyFlag(repeated(n, `{"name":"%[2]s%[1]d"}`, mark)), ""
	},
	"constraints": func(n int, mark string) (string, string) {
		return constrained(repeated(n, `{"contextName":"x","operator":"IN","values":["%[2]s%[1]d"]}`, mark)), ""
	},
	"fields": func(n int, mark string) (string, string) {
		return constrained(repeated(n, `{"contextName":"x%[1]d","operator":"STR_CONTAINS","values":["%[2]s"]}`, mark)),
			""
	},
	"values": func(n int, mark string) (string, string) {
		return constrained(`{"contextName":"x","operator":"IN","values":[` + repeated(n, `"%[2]s%[1]d"`, mark) + `]}`),
			""
	},
	"one value in many lists": func(n int, mark string) (string, string) {
		return repeated(n,
			`{"name":"f%[1]d","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"x",`+
				`"operator":"IN","values":["v","%[2]s%[1]d"]}]}]}`, mark), ""
	},
	"user ids": func(n int, mark string) (string, string) {
		return strategyFlag(`{"name":"userWithId","parameters":{"userIds":"` +
			strings.ReplaceAll(repeated(n, `%[2]s%[1]d`, mark), `"`, "") + `"}}`), ""
	},
	"segments": func(n int, mark string) (string, string) {
		return strategyFlag(`{"name":"default","segments":[` + repeated(n, `%[1]d`, mark) + `]}`),
			repeated(n,
				`{"id":%[1]d,"constraints":[{"contextName":"x","operator":"NUM_GT","value":"%[1]d"}],"name":%[2]q}`,
				mark)
	},
	"segments of one number": func(n int, mark string) (string, string) {
		return strategyFlag(`{"name":"default","segments":[1]}`),
			repeated(n, `{"id":1,"constraints":[],"name":%[2]q}`, mark)
	},
	"one segment many times": func(n int, mark string) (string, string) {
		return strategyFlag(`{"name":"default","segments":[` + strings.Repeat("1,", n-1) + `1]}`),
			`{"id":1,"constraints":[{"contextName":"x","operator":"IN","values":["` + mark + `"]}]}`
	},
	"a large segment in many flags": func(n int, mark string) (string, string) {
		return repeated(n,
				`{"name":"f%[1]d","enabled":true,"strategies":[{"name":"default","segments":[1]}],"description":%[2]q}`,
				mark),
			`{"id":1,"constraints":[` +
				repeated(n, `{"contextName":"x","operator":"STR_CONTAINS","values":["%[2]s%[1]d"]}`, "x") + `]}`
	},
	"a list that many flags share": func(n int, mark string) (string, string) {
		return repeated(n,
				`{"name":"f%[1]d","enabled":true,"strategies":[{"name":"default","segments":[1]}],"description":%[2]q}`,
				mark),
			`{"id":1,"constraints":[{"contextName":"x","operator":"IN","values":[` + repeated(n, `"%[2]s%[1]d"`, "x") +
				`]}]}`
	},
	"variants": func(n int, mark string) (string, string) {
		return `{"name":"f","enabled":true,"strategies":[],"variants":[` +
			repeated(n, `{"name":"v%[1]d","weight":1,"payload":{"type":"string","value":%[2]q}}`, mark) + `]}`, ""
	},
	"overrides": func(n int, mark string) (string, string) {
		return `{"name":"f","enabled":true,"strategies":[],"variants":[{"name":"v","weight":1},{"name":"w",` +
			`"weight":1,"overrides":[` +
			repeated(n, `{"contextName":"x","values":["%[2]s%[1]d"]}`, mark) + `]}]}`, ""
	},
	"dependencies": func(n int, mark string) (string, string) {
		return `{"name":"f","enabled":true,"strategies":[],"dependencies":[` +
			repeated(n, `{"feature":"p%[1]d","variants":[%[2]q]}`, mark) + `]},` +
			repeated(n,
				`{"name":"p%[1]d","enabled":true,"strategies":[{"name":"flexibleRollout",`+
					`"parameters":{"rollout":"50"}}],"description":%[2]q}`, mark), ""
	},
	"dependencies on nothing": func(n int, mark string) (string, string) {
		return repeated(n, `{"name":"f%[1]d","enabled":true,"strategies":[],"dependencies":[{"feature":"%[2]s"}]}`,
			mark), ""
	},
	"a large parent of many flags": func(n int, mark string) (string, string) {
		return `{"name":"p","enabled":true,"strategies":[` +
			repeated(n, `{"name":"flexibleRollout","parameters":{"rollout":"50","groupId":"%[2]s%[1]d"}}`, "x") +
			`]},` +
			repeated(n,
				`{"name":"f%[1]d","enabled":true,"strategies":[],"dependencies":[{"feature":"p"}],"description":%[2]q}`,
				mark), ""
	},
	"patterns": func(n int, mark string) (string, string) {
		return constrained(repeated(n, `{"contextName":"x","operator":"REGEX","value":"%[2]s%[1]d"}`, mark)), ""
	},
}

// document is a whole answer of upstream. more is one more flag.
func document(shape string, n int, mark string, more bool) []byte {
	features, segments := shapes[shape](n, mark)
	if more {
		features = strings.TrimSuffix(`{"name":"one more","enabled":true,"strategies":[]},`+features, ",")
	}
	return []byte(`{"version":2,"features":[` + features + `],"segments":[` + segments + `]}`)
}

// works are what is done with a document, from reading to comparing. prepare
// does what comes before, and returns the work.
var works = map[string]func(t testing.TB, shape string, n int) func(){
	"Parse": func(_ testing.TB, shape string, n int) func() {
		doc := document(shape, n, "a", false)
		return func() { _, _ = parse.Definitions(doc, "e") }
	},
	"ParseNext": func(t testing.TB, shape string, n int) func() {
		last, next := parsed(t, document(shape, n, "a", false)), document(shape, n, "a", true)
		return func() { _, _ = parse.Next(t.Context(), next, "e", last) }
	},
	"Compile": func(t testing.TB, shape string, n int) func() {
		d := parsed(t, document(shape, n, "a", false))
		return func() { compile.Program(d) }
	},
	"CompileNext": func(t testing.TB, shape string, n int) func() {
		last, _ := compile.Program(parsed(t, document(shape, n, "a", false)))
		next := parsed(t, document(shape, n, "b", false))
		return func() { _, _, _ = compile.Next(t.Context(), next, last) }
	},
	"Specialize": func(t testing.TB, shape string, n int) func() {
		p, _ := compile.Program(parsed(t, document(shape, n, "a", false)))
		return func() {
			compile.Specialize(p, &eval.Context{Fields: map[string]string{"x": "1"}, Absent: []string{"userId"}})
		}
	},
	"Contextual": func(t testing.TB, shape string, n int) func() {
		p, _ := compile.Program(parsed(t, document(shape, n, "a", false)))
		return func() { compile.Contextual(p, &eval.Context{Fields: map[string]string{"x": "1"}}) }
	},
	"EncodeRules": func(t testing.TB, shape string, n int) func() {
		p, _ := compile.Program(parsed(t, document(shape, n, "a", false)))
		return func() {
			_, _ = rules.Encode(p, rules.Options{Identifiers: rules.IdentifiersHash, Fields: []string{"userId"}})
		}
	},
	"DecodeRules": func(t testing.TB, shape string, n int) func() {
		stored := encoded(t, document(shape, n, "a", false))
		return func() { _, _ = rules.Decode(stored) }
	},
	"SizesOfRules": func(t testing.TB, shape string, n int) func() {
		stored := encoded(t, document(shape, n, "a", false))
		return func() { _, _ = rules.SizesOf(stored) }
	},
	"MayBeOn": func(t testing.TB, shape string, n int) func() {
		p, _ := compile.Program(parsed(t, document(shape, n, "a", false)))
		return func() { compile.MayBeOn(p, time.Now()) }
	},
	"Describe": func(t testing.TB, shape string, n int) func() {
		p, _ := compile.Program(parsed(t, document(shape, n, "a", false)))
		return func() {
			d := describe.NewDescriber([]string{"userId"})
			for i := range p.Flags() {
				d.Flag(p, i)
			}
		}
	},
	"Diff": func(t testing.TB, shape string, n int) func() {
		old, is := parsed(t, document(shape, n, "a", false)), parsed(t, document(shape, n, "b", false))
		return func() { flagdiff.Definitions(old, is) }
	},
	"OnFlags": func(t testing.TB, shape string, n int) func() {
		p, _ := compile.Program(parsed(t, document(shape, n, "a", false)))
		s, err := snapshot.Encode(parsed(t, document(shape, n, "a", false)), p, snapshot.Spec{Format: snapshot.Rules1},
			time.Now())
		if err != nil {
			t.Fatal(err)
		}
		stored := s.Seal(1, time.Now())
		return func() { _, _ = snapshot.OnFlags(stored, time.Now()) }
	},
}

func parsed(t testing.TB, doc []byte) *edgecore.Definitions {
	t.Helper()
	d, err := parse.Definitions(doc, "e")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func encoded(t testing.TB, doc []byte) []byte {
	t.Helper()
	p, _ := compile.Program(parsed(t, doc))
	rules, err := rules.Encode(p, rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestWorkIsLinear: ten times as much of anything takes about ten times the time
// and the memory. Where work is quadratic it takes a hundred times.
func TestWorkIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("run by make test-bounds")
	}
	if raceDetector {
		t.Skip("the race detector takes time of its own: make test-bounds runs it without")
	}
	const small, large, most = 500, 5000, 35
	for name, prepare := range works {
		for shape := range shapes {
			t.Run(name+"/"+shape, func(t *testing.T) {
				few, many := prepare(t, shape, small), prepare(t, shape, large)
				if a, b := need.Allocated(few), need.Allocated(many); b > most*max(a, 100_000) {
					t.Errorf("allocates %d bytes for %d, %d for %d", a, small, b, large)
				}
				// On a busy machine the least of some times says what work there is.
				tries, a, b := 0, time.Duration(0), time.Duration(0)
				for ; tries < 5; tries++ {
					if a, b = duration(few), duration(many); b <= most*max(a, 500*time.Microsecond) {
						return
					}
				}
				t.Errorf("takes %s for %d, %s for %d, after %d tries", a, small, b, large, tries)
			})
		}
	}
}

func duration(work func()) time.Duration {
	start := time.Now()
	work()
	return time.Since(start)
}

func BenchmarkWork(b *testing.B) {
	for name, prepare := range works {
		for shape := range shapes {
			for _, n := range []int{1000, 100_000} {
				b.Run(fmt.Sprintf("%s/%s/%d", name, shape, n), func(b *testing.B) {
					work := prepare(b, shape, n)
					b.ReportAllocs()
					for b.Loop() {
						work()
					}
				})
			}
		}
	}
}
