package differential_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/gen"
	"github.com/flagcast/flagcast/test/need"
)

// exceptions are the places where docs/evaluation.md does not follow
// unleash-client. A class is not generated here; where there is none, the
// oracle is made to agree, or the generator has no such input at all. The
// vectors in test/vectors fix our own answer for each of them.
var exceptions = []struct {
	class gen.Class
	what  string
	why   string
}{
	{
		"", "oracle: hashes UTF-8",
		"SDKs in JavaScript hash the low bytes of UTF-16 units; yggdrasil and Go hash UTF-8, and so do we",
	},
	{
		"", "oracle: own properties only",
		"to the SDK a missing field \"constructor\" has a value, and a present one \"toString\" may not",
	},
	{"", "oracle: no appName, no environment", "the SDK adds them to every context from its configuration"},
	{
		"", "oracle: a clock and draws of its own",
		"the SDK asks Date and Math.random; package eval gets both from the caller",
	},
	{"", "oracle: a host without a name", "applicationHostname means nothing at a CDN and passes for no user"},
	{
		"", "generator: valid definitions",
		"what the server refuses makes the SDK throw, or pass when inverted; here it turns its strategy off and is a " +
			"Problem",
	},
	{"", "generator: no field \"properties\"", "it is where the SDK keeps the other fields"},
	{gen.EmptyAddress, "remoteAddress by equal text", "the SDK lets \"foo\" match \"foo\"; only addresses match"},
	{
		gen.WideAddress, "IPv6 in remoteAddress",
		"the SDK knows IPv4 ranges only, compares IPv6 as text, and does not trim the list",
	},
	{
		gen.LooseAddress, "masks and zones in contexts",
		"the SDK takes 10.0.0.0/8 and fe80::1%eth0 for addresses; an address is one address",
	},
	{
		gen.Sigma, "lower case of sigma",
		"JavaScript lets the neighbours of a sigma decide, so that a text may not contain itself in another case",
	},
	{
		gen.NumberText, "numbers as text",
		"to JavaScript nothing is 0, and 0x10 is a number; one decimal rule holds everywhere",
	},
	{
		gen.VersionText, "versions",
		"node-semver takes \" v1.2.3\" in a context, and compares numbers beyond 2^53 in prereleases as if they were " +
			"exact",
	},
	{gen.LongInput, "input of regular expressions", "it is capped at 2,048 code points"},
	{gen.LargePattern, "size of regular expressions", "it is capped"},
	{gen.Separator, "U+007F and U+0080", "a rules snapshot separates texts by them"},
	{gen.NoParameters, "strategies without parameters", "the SDK throws; no parameters are empty parameters"},
}

func TestEveryExceptionHasItsReason(t *testing.T) {
	for _, class := range gen.Classes() {
		n := 0
		for _, e := range exceptions {
			if e.class == class && e.what != "" && e.why != "" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q is %d times in the table", class, n)
		}
	}
}

func classes() (list []gen.Class) {
	for _, e := range exceptions {
		if e.class != "" {
			list = append(list, e.class)
		}
	}
	return list
}

const (
	wantedQueries   = 100_000
	contextsOfState = 24
)

// TestAgainstUnleashClient asks both for every flag of random states under
// random contexts. What chance decides cannot be compared: those are counted,
// and both have to say that they are such.
func TestAgainstUnleashClient(t *testing.T) {
	seed := need.Seed(t)
	need.Module(t, "unleash-client")
	node := startOracle(t, filepath.Join(need.Root(), "test", "oracle", "unleash.mjs"))
	run := comparison{t: t, s: rand.New(rand.NewPCG(seed, 1))}
	for run.queries < wantedQueries && run.differences < 5 {
		run.state(node)
	}
	fmt.Printf(
		"Go and unleash-client 6.12.1: %d queries, %d differences; %d more decided by chance (FLAGCAST_SEED=%d)\n",
		run.queries, run.differences, run.drawn, seed)
	if run.drawn > run.queries/3 {
		t.Errorf("%d of %d queries are decided by chance: that is no comparison", run.drawn, run.queries+run.drawn)
	}
	if on := run.on * 100 / max(run.queries, 1); on < 20 || on > 80 {
		t.Errorf("%d %% of the answers are on: the definitions are one-sided", on)
	}
}

type comparison struct {
	t                               *testing.T
	s                               *rand.Rand
	queries, differences, drawn, on int
}

// query is one flag under one context.
type query struct {
	flag    string
	context eval.Context
	open    bool // chance decides, says Contextual
}

func (run *comparison) state(node *oracle) {
	state := gen.Definitions(run.s, gen.Options{Flags: 14, Without: classes()})
	d, err := parse.Definitions(state.Document, "test")
	if err != nil {
		run.t.Fatalf("%v\n%s", err, state.Document)
	}
	p, problems := compile.Program(d)
	run.check(append(d.Problems, problems...))
	var lines bytes.Buffer
	line(&lines, map[string]any{"state": json.RawMessage(state.Document)})
	queries := []query{{}}
	for range contextsOfState {
		drawn := state.Context(run.s)
		known := eval.Context{Fields: drawn.Fields, Time: drawn.Time}
		for _, name := range state.Fields {
			if _, ok := drawn.Fields[name]; !ok {
				known.Absent = append(known.Absent, name)
			}
		}
		open := compile.Contextual(p, &known)
		for _, flag := range state.Flags {
			line(&lines, map[string]any{"context": drawn.Fields, "toggle": flag, "time": drawn.Time.UnixMilli()})
			q := query{flag: flag, context: known}
			if i := slices.IndexFunc(p.Flags(), func(f eval.Flag) bool { return f.Name == flag }); i >= 0 {
				q.open = open[i]
			}
			queries = append(queries, q)
		}
	}
	answers := node.ask(run.t, lines.Bytes(), len(queries))
	if !answers[0].OK {
		run.t.Fatalf("the oracle does not take the definitions: %s\n%s", answers[0].Error, state.Document)
	}
	for i := range queries[1:] {
		run.compare(p, d, &queries[i+1], &answers[i+1])
	}
}

// check: valid definitions have no problems but those of hosts, strategies,
// segments and parents that are not there.
func (run *comparison) check(problems []edgecore.Problem) {
	expected := []string{
		"applicationHostname", "not one of Unleash's own", "is missing", "does not exist", "has a parent of its own",
		"neither an address", "has no time zone",
	}
	for _, p := range problems {
		if !slices.ContainsFunc(expected, func(text string) bool {
			return bytes.Contains([]byte(p.What), []byte(text))
		}) {
			run.t.Errorf("valid definitions have a problem: %s", p)
		}
	}
}

func (run *comparison) compare(p *eval.Program, d *edgecore.Definitions, q *query, a *answer) {
	difference := func(format string, args ...any) {
		run.differences++
		if run.differences > 5 {
			return
		}
		run.t.Errorf("%s\nflag %q under %q at %s\n%s", fmt.Sprintf(format, args...), q.flag, q.context.Fields,
			q.context.Time, describe(d, q.flag))
	}
	if q.open {
		run.drawn++
		if !a.Drew {
			difference("Contextual says that chance decides, unleash-client (%+v) did not ask it", a)
		}
		return
	}
	run.queries++
	if a.Enabled {
		run.on++
	}
	if a.Open {
		difference("chance makes a difference for unleash-client, Contextual says that it does not")
		return
	}
	for _, seed := range []string{"", "1", "ab"} {
		q.context.Seed = seed
		if got := p.Evaluate(q.flag, &q.context); !a.same(got) {
			difference("(-unleash-client +Go, seed %q) %s\n%s", seed, a.Error, cmp.Diff(a.result(), got))
			return
		}
	}
}
