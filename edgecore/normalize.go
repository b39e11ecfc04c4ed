package edgecore

import (
	"cmp"
	"slices"
	"strings"
)

// Normalize returns definitions in a form that does not depend on how they came: flags
// sorted by name and segments by ID, with the text of last where the meaning is the same.
// Where nothing differs in meaning, it returns last. last may be nil.
func Normalize(last, next *Definitions) *Definitions {
	normal := *next
	normal.Features = sortedBy(next.Features, compareFeatures)
	normal.Segments = sortedBy(next.Segments, compareSegments)
	if last != nil {
		if last.Equal(&normal) {
			return last
		}
		normal.Features = adopt(last.Features, normal.Features, next.Features, compareFeatures,
			func(f *Feature) (Digest, *string) { return f.Digest, &f.Raw })
		normal.Segments = adopt(last.Segments, normal.Segments, next.Segments, compareSegments,
			func(s *Segment) (Digest, *string) { return s.Digest, &s.Raw })
	}
	if same(normal.Features, next.Features) && same(normal.Segments, next.Segments) {
		return next
	}
	return &normal
}

// same reports whether two lists are one.
func same[T any](a, b []T) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

func compareFeatures(a, b *Feature) int { return strings.Compare(a.Name, b.Name) }

func compareSegments(a, b *Segment) int { return cmp.Compare(a.ID, b.ID) }

// sortedBy returns a sorted list: the same one where it is sorted already. Elements are
// large, so that their addresses are sorted first.
func sortedBy[T any](list []T, compare func(a, b *T) int) []T {
	sorted := true
	places := make([]*T, len(list))
	for i := range list {
		places[i] = &list[i]
		sorted = sorted && (i == 0 || compare(places[i-1], places[i]) <= 0)
	}
	if sorted {
		return list
	}
	slices.SortFunc(places, compare)
	out := make([]T, len(list))
	for i, p := range places {
		out[i] = *p
	}
	return out
}

// adopt returns next, sorted, with the elements of last whose meaning is the same. given
// is what the caller has, which is not changed: next may be the same list.
func adopt[T any](last, next, given []T, compare func(a, b *T) int, of func(*T) (Digest, *string)) []T {
	copied := !same(next, given)
	i := 0
	for j := range next {
		for i < len(last) && compare(&last[i], &next[j]) < 0 {
			i++
		}
		if i == len(last) || compare(&last[i], &next[j]) != 0 {
			continue
		}
		was, text := of(&last[i])
		is, other := of(&next[j])
		if was != is || *text == *other {
			continue
		}
		if !copied {
			next, copied = slices.Clone(next), true
		}
		next[j] = last[i]
	}
	return next
}
