package differential_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/test/gen"
	"github.com/flagcast/flagcast/test/need"
)

const wantedWorkerQueries = 40_000

// TestAgainstWorker asks the worker's evaluator for every flag of random
// snapshots: each context is dealt out at random to the target's static
// context and the request. There are no exceptions here: what chance decides,
// and what is odd, has the same answer, too.
func TestAgainstWorker(t *testing.T) {
	seed := need.Seed(t)
	worker := startOracle(t, need.File(t, "workers/test/evaluator.mjs"))
	run := workerComparison{t: t, s: rand.New(rand.NewPCG(seed, 2))}
	for run.queries < wantedWorkerQueries && run.differences < 5 {
		run.state(worker, gen.Options{Odd: run.states%4 == 3})
	}
	fmt.Printf("Go and the worker: %d queries of %d snapshots, %d differences (FLAGCAST_SEED=%d)\n", run.queries,
		run.snapshots, run.differences, seed)
}

type workerComparison struct {
	t                                       *testing.T
	s                                       *rand.Rand
	states, snapshots, queries, differences int
}

type workerQuery struct {
	flag    string
	context eval.Context
	split   gen.Split
	rules   []byte
}

func (run *workerComparison) state(worker *oracle, o gen.Options) {
	run.states++
	o.Flags = 12
	state := gen.Definitions(run.s, o)
	d, err := parse.Definitions(state.Document, "test")
	if err != nil {
		return // odd enough to be no definitions
	}
	p, _ := compile.Program(d)
	var lines bytes.Buffer
	var queries []workerQuery
	for range 6 {
		drawn := state.Context(run.s)
		split := gen.SplitFields(run.s, drawn.Fields, state.Fields)
		stored := run.snapshot(d, p, split, drawn)
		line(&lines, map[string]any{"snapshot": string(stored)})
		queries = append(queries, workerQuery{})
		run.snapshots++
		context := eval.Context{Fields: drawn.Fields, Time: drawn.Time, Seed: fmt.Sprint(run.s.IntN(1000))}
		if run.s.IntN(8) == 0 {
			context.Seed = ""
		}
		for _, flag := range state.Flags {
			line(&lines, map[string]any{
				"context": split.Request, "toggle": flag, "time": drawn.Time.UnixMilli(), "seed": context.Seed,
			})
			queries = append(queries, workerQuery{flag, context, split, stored})
		}
	}
	for i, a := range worker.ask(run.t, lines.Bytes(), len(queries)) {
		q := &queries[i]
		if q.rules == nil {
			if !a.OK {
				run.t.Fatalf("the worker does not take a snapshot: %s\n%s", a.Error, state.Document)
			}
			continue
		}
		run.queries++
		want := p.Evaluate(q.flag, &q.context)
		if a.same(want) {
			continue
		}
		if run.differences++; run.differences <= 5 {
			run.t.Errorf("(-Go +worker) %s%s\nflag %q under %+v, dealt out %+v\n%s\n%s", a.Error,
				cmp.Diff(want, a.result()), q.flag, q.context, q.split, describe(d, q.flag), q.rules)
		}
	}
}

// snapshot is what a target stores, of some with hashed ids.
func (run *workerComparison) snapshot(d *edgecore.Definitions, p *eval.Program, split gen.Split, c gen.Context) []byte {
	spec := snapshot.Spec{
		Format: snapshot.Rules1, Environment: "test", Target: "t", Static: eval.Context{
			Fields: split.Known, Absent: split.Absent,
		},
	}
	if run.s.IntN(4) == 0 {
		spec.Rules = rules.Options{
			Identifiers: rules.IdentifiersHash, Fields: []string{"userId", "sessionId", "größe"}, Salt: "salt",
		}
	}
	s, err := snapshot.Encode(d, p, spec, c.Time)
	if err != nil { // a hashed id in something else than a list
		spec.Rules = rules.Options{}
		if s, err = snapshot.Encode(d, p, spec, c.Time); err != nil {
			run.t.Fatal(err)
		}
	}
	return s.Seal(1, c.Time)
}
