package delta

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

// Fold returns the definitions that events make of normalized ones, in their order. The
// result is normalized, and last is not changed. last is nil for no definitions. The
// environment, and the members that we do not know, are those of last.
func Fold(last *edgecore.Definitions, env edgecore.Environment, events []Event) *edgecore.Definitions {
	if last == nil {
		last = &edgecore.Definitions{Environment: env}
	}
	out := *last
	out.Lines = nil
	var features change[string, edgecore.Feature]
	var segments change[int, edgecore.Segment]
	problems, others := map[string][]edgecore.Problem{}, []edgecore.Problem(nil) // of flags by name, and others
	for i := range events {
		e := &events[i]
		out.Revision = max(out.Revision, e.ID)
		switch e.Kind {
		case Hydration:
			all := edgecore.Normalize(last, e.All)
			features, segments = change[string, edgecore.Feature]{}, change[int, edgecore.Segment]{}
			clear(problems)
			others = nil
			out.Features, out.Segments, out.Problems = all.Features, all.Segments, all.Problems
		case FeatureUpdated:
			features.set(e.Feature.Name, e.Feature)
			problems[e.Feature.Name] = e.Problems
		case FeatureRemoved:
			features.set(e.Name, nil)
			problems[e.Name] = e.Problems
		case SegmentUpdated:
			segments.set(e.Segment.ID, e.Segment)
			others = append(others, e.Problems...)
		case SegmentRemoved:
			segments.set(e.SegmentID, nil)
		default:
			others = append(others, e.Problems...)
		}
	}
	out.Features = features.apply(out.Features, func(f *edgecore.Feature) string { return f.Name },
		func(a, b *edgecore.Feature) bool { return a.Digest == b.Digest })
	out.Segments = segments.apply(out.Segments, func(s *edgecore.Segment) int { return s.ID },
		func(a, b *edgecore.Segment) bool { return a.Digest == b.Digest })
	out.Problems = foldProblems(out.Problems, problems, others)
	return &out
}

// change is what becomes of some elements of a sorted list: nil for those that go.
type change[K cmp.Ordered, T any] struct{ of map[K]*T }

func (c *change[K, T]) set(key K, element *T) {
	if c.of == nil {
		c.of = map[K]*T{}
	}
	c.of[key] = element
}

// apply returns a list with the change. An element of the same meaning stays as it was.
func (c *change[K, T]) apply(list []T, key func(*T) K, same func(a, b *T) bool) []T {
	if len(c.of) == 0 {
		return list
	}
	keys := slices.Sorted(maps.Keys(c.of))
	out := make([]T, 0, len(list)+len(keys))
	from := 0
	for _, k := range keys {
		at := from + sort.Search(len(list)-from, func(i int) bool { return key(&list[from+i]) >= k })
		found := at < len(list) && key(&list[at]) == k
		out = append(out, list[from:at]...)
		from = at
		element := c.of[k]
		if found {
			from++
			if element != nil && same(element, &list[at]) {
				element = &list[at]
			}
		}
		if element != nil {
			out = append(out, *element)
		}
	}
	return append(out, list[from:]...)
}

// foldProblems replaces the problems of flags that events name, and those of older events.
func foldProblems(
	last []edgecore.Problem, of map[string][]edgecore.Problem, others []edgecore.Problem,
) []edgecore.Problem {
	var list edgecore.ProblemList
	for _, p := range last {
		_, replaced := of[p.Feature]
		if old := p.Feature == "" && strings.HasPrefix(p.Where, "events["); !replaced && !old {
			list.Add(p)
		}
	}
	for _, p := range others {
		list.Add(p)
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		for _, p := range of[name] {
			list.Add(p)
		}
	}
	return list.List()
}
