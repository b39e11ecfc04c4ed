package edgecore

// Part returns the flags that keep keeps, and the segments that they use. A list of which
// everything stays is shared.
func (d *Definitions) Part(keep func(*Feature) bool) *Definitions {
	part, used := *d, map[int]bool{}
	part.Features = filter(d.Features, keep)
	for i := range part.Features {
		for j := range part.Features[i].Strategies {
			for _, id := range part.Features[i].Strategies[j].Segments {
				used[id] = true
			}
		}
	}
	part.Segments = filter(d.Segments, func(s *Segment) bool { return used[s.ID] })
	return &part
}

func filter[T any](list []T, keep func(*T) bool) []T {
	first := 0
	for first < len(list) && keep(&list[first]) {
		first++
	}
	if first == len(list) {
		return list
	}
	out := append([]T{}, list[:first]...)
	for i := first + 1; i < len(list); i++ {
		if keep(&list[i]) {
			out = append(out, list[i])
		}
	}
	return out
}
