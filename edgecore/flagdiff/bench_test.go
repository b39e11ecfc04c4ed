package flagdiff_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/flagdiff"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

// manyFlags are definitions with rollouts, lists, variants and a large segment
// of ids; changed of them have another rollout.
func manyFlags(tb testing.TB, n, changed int) *edgecore.Definitions {
	tb.Helper()
	var features, ids []string
	for i := range n {
		rollout := 10
		if i < changed {
			rollout = 25
		}
		features = append(features, fmt.Sprintf(`{"name":"flag-%d","enabled":%v,"project":"default","strategies":[
			{"name":"flexibleRollout","parameters":{"rollout":"%d","stickiness":"userId","groupId":"flag-%d"},
			 "constraints":[{"contextName":"country","operator":"IN","values":["cn","us","v%d","w%d","x%d"]}]},
			{"name":"default","segments":[1]}],
			"variants":[{"name":"red","weight":500,"payload":{"type":"string","value":"payload-%d"}},{"name":"blue",
				"weight":500}]}`,
			i, i%3 > 0, rollout, i, i%100, i%90, i%80, i))
	}
	for i := range 1000 {
		ids = append(ids, fmt.Sprintf(`"user-%d"`, i))
	}
	d, err := parse.Definitions(
		fmt.Appendf(nil,
			`{"features":[%s],"segments":[{"id":1,"constraints":[{"contextName":"userId","operator":"IN",`+
				`"values":[%s]}]}]}`,
			strings.Join(features, ","), strings.Join(ids, ",")), "production")
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// BenchmarkDiff is what serve computes at each change, and what a restart does
// once: 1,000 flags of which 10 changed.
func BenchmarkDiff(b *testing.B) {
	old, next := manyFlags(b, 1000, 0), manyFlags(b, 1000, 10)
	b.Run("definitions", func(b *testing.B) {
		for b.Loop() {
			if len(flagdiff.Definitions(old, next)) != 10 {
				b.Fatal("wrong")
			}
		}
	})
	b.Run("all changed", func(b *testing.B) {
		all := manyFlags(b, 1000, 1000)
		for b.Loop() {
			flagdiff.Definitions(old, all)
		}
	})
	before, _ := compile.Program(old)
	after, _ := compile.Program(next)
	for _, format := range snapshot.Formats() {
		spec := snapshot.Spec{Format: format, Static: eval.Context{Fields: map[string]string{"userId": "user-1"}}}
		if format == snapshot.Rules1 {
			spec.Static = eval.Context{}
		}
		was, err := snapshot.Encode(old, before, spec, now)
		if err != nil {
			b.Fatal(err)
		}
		is, err := snapshot.Encode(next, after, spec, now)
		if err != nil {
			b.Fatal(err)
		}
		stored := was.Seal(1, now)
		b.Run(string(format), func(b *testing.B) {
			for b.Loop() {
				flagdiff.Stored(&is, stored)
			}
		})
		b.Run("flags on in "+string(format), func(b *testing.B) {
			for b.Loop() {
				is.On(now)
			}
		})
		b.Run("flags on in stored "+string(format), func(b *testing.B) {
			for b.Loop() {
				if _, err := snapshot.OnFlags(stored, now); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("sizes of "+string(format), func(b *testing.B) {
			for b.Loop() {
				snapshot.SizesOf(stored)
			}
		})
	}
}
