package cover

import (
	"math/rand/v2"
	"testing"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/test/gen"
)

// TestCoverAgainstChance: many contexts that are drawn at random take few
// branches that Cover has not taken with far fewer. What none takes are
// lists of nothing and conditions that contradict each other.
func TestCoverAgainstChance(t *testing.T) {
	const most, drawn = 64, 500
	taken, missed, contexts := 0, 0, 0
	for seed := range uint64(100) {
		s := rand.New(rand.NewPCG(seed, 1))
		state := gen.Definitions(s, gen.Options{})
		d, err := parse.Definitions(state.Document, "test")
		if err != nil {
			t.Fatal(err)
		}
		p, _ := compile.Program(d)
		c := newSearch(p, most)
		contexts += len(c.run())
		before := c.coverage()
		for range drawn {
			given := state.Context(s)
			c.walk(&eval.Context{Fields: given.Fields, Time: given.Time}, 0)
		}
		taken += before.Taken
		missed += c.coverage().Taken - before.Taken
	}
	t.Logf("%d branches taken by %d contexts, %d more by %d drawn ones", taken, contexts, missed, 100*drawn)
	if missed*10 > taken {
		t.Errorf("%d branches are missed, and %d taken", missed, taken)
	}
}
