package flagdiff

import (
	"fmt"
	"slices"
)

// HasEffect reports whether the flag may answer otherwise than before.
func (c Change) HasEffect() bool { return c.Text != noEffect }

// rank orders changes: those for a second look are first, those without effect
// last.
func (c Change) rank() int {
	switch {
	case c.Sign == NeedsReview:
		return 0
	case c.HasEffect():
		return 1
	}
	return 2
}

// Foremost returns changes with those for a second look first and those without
// effect last, else in their order.
func Foremost(changes []Change) []Change {
	list := slices.Clone(changes)
	slices.SortStableFunc(list, func(a, b Change) int { return a.rank() - b.rank() })
	return list
}

// Lines returns changes in words, one a line, in the order of Foremost. Several
// without effect are one line, and there are at most n lines, at least 3: one of
// them counts what is left out.
func Lines(changes []Change, n int) []string {
	var lines, last []string
	quiet := 0
	for _, c := range Foremost(changes) {
		if c.HasEffect() {
			lines = append(lines, c.String())
			continue
		}
		quiet++
		last = []string{c.String()}
	}
	if quiet > 1 {
		last = []string{fmt.Sprintf("%s %d flags %s", Changed, quiet, noEffect)}
	}
	if shown := n - len(last) - 1; len(lines) > shown+1 {
		last = append([]string{fmt.Sprintf("… and %d more flags", len(lines)-shown)}, last...)
		lines = lines[:shown]
	}
	return append(lines, last...)
}
