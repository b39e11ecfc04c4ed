package compare

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/cover"
)

// Frontend is the comparison of the frontend API.
type Frontend struct {
	// Path is what was asked: /api/frontend/all where both servers have it.
	Path     string          `json:"path"`
	Contexts int             `json:"contexts"`
	Branches *cover.Coverage `json:"branches"` // of the flags, taken by the contexts; null: without definitions
	// Answers is how many pairs of answers were compared, and Different how
	// many of them differ.
	Answers   int `json:"answers"`
	Different int `json:"different"`
	// LeftOut are flags that were not compared, in no context or not in all.
	LeftOut     []LeftOut          `json:"leftOut"`
	Differences []AnswerDifference `json:"differences"`
}

// LeftOut says why a flag was not compared.
type LeftOut struct {
	Flag     string `json:"flag"`
	Why      string `json:"why"`
	Contexts int    `json:"contexts"` // in how many
}

// AnswerDifference is a flag for which two servers give different answers in
// one context: the toggles of the frontend API, null where one does not list
// the flag.
type AnswerDifference struct {
	Flag    string            `json:"flag"`
	Context map[string]string `json:"context"`
	A       any               `json:"a"`
	B       any               `json:"b"`

	relevant []string // the fields that decide the flag
}

// Why a flag is left out.
const (
	drawn = "drawn by chance"
	fixed = "depends on appName or environment, which the Unleash server fixes"
)

// atOnce bounds the requests to one server at a time.
const atOnce = 4

// answers asks both servers for every context.
func answers(ctx context.Context, o Options, s *sampler) (*Frontend, error) {
	f := &Frontend{Path: "/api/frontend/all", LeftOut: []LeftOut{}, Differences: []AnswerDifference{}}
	if s.plain {
		f.Path = "/api/frontend"
	}
	contexts, coverage := s.draw(o.Samples)
	if f.Contexts = len(contexts); len(s.programs) > 0 {
		f.Branches = &coverage
	}
	a, err := ask(ctx, o.A, f.Path, contexts)
	if err != nil {
		return nil, err
	}
	b, err := ask(ctx, o.B, f.Path, contexts)
	if err != nil {
		return nil, err
	}
	needs := s.needs()
	fields := fieldsOf(needs)
	wavering := map[string]bool{}
	if len(s.programs) == 0 {
		again, err := ask(ctx, o.A, f.Path, contexts)
		if err != nil {
			return nil, err
		}
		waver(a, again, wavering)
	}
	leftOut := map[LeftOut]int{}
	known := map[string]any{} // a flag that neither lists is off on both
	for name := range needs {
		known[name] = nil
	}
	for i := range contexts {
		chance := s.byChance(&contexts[i], fields)
		for _, name := range slices.Sorted(maps.Keys(merge(known, a[i], b[i]))) {
			switch {
			case s.plain && slices.ContainsFunc(needs[name], func(field string) bool { return ownFields[field] }):
				leftOut[LeftOut{Flag: name, Why: fixed}]++
				continue
			case chance[name], wavering[name]:
				leftOut[LeftOut{Flag: name, Why: drawn}]++
				continue
			}
			f.Answers++
			if x, y := common(a[i][name], b[i][name]); !equal(x, y) {
				f.Different++
				f.Differences = append(f.Differences, AnswerDifference{
					Flag: name, Context: contexts[i].Fields, A: x, B: y, relevant: needs[name],
				})
			}
		}
	}
	for l, n := range leftOut {
		l.Contexts = n
		f.LeftOut = append(f.LeftOut, l)
	}
	slices.SortFunc(f.LeftOut, func(a, b LeftOut) int { return compareText(a.Flag+a.Why, b.Flag+b.Why) })
	slices.SortStableFunc(f.Differences, func(a, b AnswerDifference) int { return compareText(a.Flag, b.Flag) })
	return f, nil
}

// ask returns the toggles by name for each context.
func ask(ctx context.Context, s *Server, path string, contexts []eval.Context) ([]map[string]any, error) {
	answers := make([]map[string]any, len(contexts))
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range contexts {
		group.Go(func() (err error) {
			answers[i], err = s.toggles(asking, path, &contexts[i])
			return err
		})
	}
	return answers, group.Wait()
}

// waver collects the flags for which one server gives two answers in one
// context: where the definitions are not known, that shows chance.
func waver(first, second []map[string]any, flags map[string]bool) {
	for i := range first {
		for _, name := range union(first[i], second[i]) {
			if !equal(first[i][name], second[i][name]) {
				flags[name] = true
			}
		}
	}
}

// fieldsOf lists the context fields that any flag looks at.
func fieldsOf(needs map[string][]string) []string {
	all := map[string]bool{}
	for _, fields := range needs {
		for _, field := range fields {
			all[field] = true
		}
	}
	delete(all, compile.RandomDraw)
	return slices.Sorted(maps.Keys(all))
}

// common leaves out what only some servers write: the old spelling of
// impressionData, and in a variant whether the flag is on.
func common(a, b any) (_, _ any) {
	x, okX := a.(map[string]any)
	y, okY := b.(map[string]any)
	if !okX || !okY {
		return a, b
	}
	x, y = maps.Clone(x), maps.Clone(y)
	delete(x, "impression_data")
	delete(y, "impression_data")
	v, okV := x["variant"].(map[string]any)
	w, okW := y["variant"].(map[string]any)
	if okV && okW {
		v, w = maps.Clone(v), maps.Clone(w)
		for _, name := range []string{"feature_enabled", "featureEnabled"} {
			if v[name] == nil || w[name] == nil {
				delete(v, name)
				delete(w, name)
			}
		}
		x["variant"], y["variant"] = v, w
	}
	return x, y
}
