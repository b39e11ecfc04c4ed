package flagdiff

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/flagcast/flagcast/edgecore/eval/describe"
)

// mostCompared is how many strategies, conditions or parents of one flag are
// compared one by one. More are compared in their order, and counted: the work
// grows with the flag, and not with its square.
const mostCompared = 64

// comparison compares the flags of two programs.
type comparison struct {
	// parents are the differences of parents by name: a parent of many flags is
	// compared once.
	parents map[string][]string
}

func newComparison() comparison { return comparison{parents: map[string][]string{}} }

// difference returns what differs between two descriptions of a flag, part by
// part, and nothing if they are equal.
func (c comparison) difference(was, is *describe.Description) []string {
	parts := c.parentParts(was.Parents, is.Parents)
	strategies := strategyParts(was.Strategies, is.Strategies)
	if was.Reach() != is.Reach() && (len(parts) > 0 || !onlyShares(was.Strategies, is.Strategies)) {
		// For whom says more than by what.
		parts, strategies = []string{wholly(was) + " -> " + wholly(is)}, nil
	}
	parts = append(parts, strategies...)
	parts = append(parts, mixParts(was.Variants, is.Variants)...)
	if was.ImpressionData != is.ImpressionData {
		parts = append(parts, "impression data "+onOff(was.ImpressionData)+" -> "+onOff(is.ImpressionData))
	}
	return parts
}

// onlyShares reports whether nothing differs but the share of a strategy.
func onlyShares(was, is []describe.DescribedStrategy) bool {
	return len(was) == 1 && len(is) == 1 && len(conditionParts(was[0].Conditions, is[0].Conditions)) == 0
}

// wholly is a summary without variants of the flag, beside one of a flag that
// is for others.
func wholly(d *describe.Description) string {
	if d.Reach() == describe.Everybody {
		return "on for everyone"
	}
	bare := *d
	bare.Variants = nil
	return summary(&bare)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (c comparison) parentParts(was, is []describe.DescribedParent) (parts []string) {
	named := func(name string) func(d describe.DescribedParent) bool {
		return func(d describe.DescribedParent) bool { return d.Name == name }
	}
	if len(was) == len(is) && slices.EqualFunc(was, is, func(a, b describe.DescribedParent) bool {
		return a.Name == b.Name
	}) {
		for i := range is {
			parts = append(parts, c.demandParts(&was[i], &is[i])...)
		}
		return parts
	}
	if max(len(was), len(is)) > mostCompared {
		return []string{countsChange(len(was), len(is), "parents")}
	}
	for i := range was {
		if !slices.ContainsFunc(is, named(was[i].Name)) {
			parts = append(parts, "parent removed: "+parentText(&was[i]))
		}
	}
	for i := range is {
		j := slices.IndexFunc(was, named(is[i].Name))
		if j < 0 {
			parts = append(parts, "parent added: "+parentText(&is[i]))
			continue
		}
		parts = append(parts, c.demandParts(&was[j], &is[i])...)
	}
	if len(parts) == 0 && len(was) != len(is) {
		parts = append(parts, counted(len(was), "parents")+" -> "+counted(len(is), "parents"))
	}
	return parts
}

// demandParts: what a flag asks of its parent, and what the parent does.
func (c comparison) demandParts(was, is *describe.DescribedParent) []string {
	if was.Enabled != is.Enabled || !slices.Equal(was.Variants, is.Variants) {
		return []string{"parent " + parentText(was) + " -> " + parentText(is)}
	}
	parts, known := c.parents[is.Name]
	if !known {
		parts = c.difference(&was.Flag, &is.Flag)
		c.parents[is.Name] = parts
	}
	if len(parts) > 0 {
		return []string{"parent " + word(is.Name) + ": " + parts[0]}
	}
	return nil
}

// strategyParts compares strategies in order, as far as those that are equal
// leave any. Their order counts only if they give variants.
func strategyParts(was, is []describe.DescribedStrategy) (parts []string) {
	if len(was) == 1 && len(is) == 1 {
		return oneStrategyParts(&was[0], &is[0])
	}
	if max(len(was), len(is)) > mostCompared {
		if slices.EqualFunc(was, is, func(a, b describe.DescribedStrategy) bool {
			return len(oneStrategyParts(&a, &b)) == 0
		}) {
			return nil
		}
		return []string{countsChange(len(was), len(is), "strategies")}
	}
	left, right, inOrder := unmatched(was, is)
	for len(left) > 0 && len(right) > 0 {
		parts = append(parts, numbered(right[0])+": "+several(oneStrategyParts(&was[left[0]], &is[right[0]]), ", "))
		left, right = left[1:], right[1:]
	}
	for _, i := range left {
		text, _ := strategyText(&was[i])
		parts = append(parts, numbered(i)+" removed: "+text)
	}
	for _, i := range right {
		text, _ := strategyText(&is[i])
		parts = append(parts, numbered(i)+" added: "+text)
	}
	ownVariants := func(s describe.DescribedStrategy) bool { return s.Variants != nil }
	if len(parts) == 0 && !inOrder && slices.ContainsFunc(is, ownVariants) {
		parts = append(parts, "order of strategies changed")
	}
	return parts
}

// countsChange is what is said of many: "70 strategies -> 71", or "70 strategies
// changed".
func countsChange(was, is int, what string) string {
	if was == is {
		return counted(was, what) + " changed"
	}
	return counted(was, what) + " -> " + strconv.Itoa(is)
}

func numbered(i int) string { return "strategy " + strconv.Itoa(i+1) }

// unmatched leaves out strategies that are in both lists.
func unmatched(was, is []describe.DescribedStrategy) (left, right []int, inOrder bool) {
	inOrder = true
	taken, last := make([]bool, len(is)), -1
	for i := range was {
		found := -1
		for j := range is {
			if !taken[j] && len(oneStrategyParts(&was[i], &is[j])) == 0 {
				found = j
				break
			}
		}
		if found < 0 {
			left = append(left, i)
			continue
		}
		taken[found] = true
		inOrder = inOrder && found > last
		last = found
	}
	for j := range is {
		if !taken[j] {
			right = append(right, j)
		}
	}
	return left, right, inOrder
}

func oneStrategyParts(was, is *describe.DescribedStrategy) []string {
	shares := shareParts(was.Share, is.Share)
	conditions := conditionParts(was.Conditions, is.Conditions)
	parts := slices.Concat(shares, conditions)
	if len(shares) > 0 && len(conditions) > 0 {
		from, fully := strategyText(&describe.DescribedStrategy{Share: was.Share, Conditions: was.Conditions})
		to, alike := strategyText(&describe.DescribedStrategy{Share: is.Share, Conditions: is.Conditions})
		if fully && alike && from != to {
			parts = []string{from + " -> " + to}
		}
	}
	return append(parts, mixParts(was.Variants, is.Variants)...)
}

func shareParts(was, is *describe.DescribedShare) (parts []string) {
	switch {
	case was == nil && is == nil:
		return nil
	case was == nil:
		return []string{percentText(was) + " -> " + percentText(is) + byText(is.By)}
	case is == nil && was.Percent == 100:
		return []string{percentText(was) + byText(was.By) + " -> everyone"}
	case is == nil:
		return []string{percentText(was) + " -> " + percentText(is)}
	}
	switch from, to := byText(was.By), byText(is.By); {
	case from != to:
		parts = append(parts, percentText(was)+orDefault(from)+" -> "+percentText(is)+orDefault(to))
	case was.Percent != is.Percent:
		parts = append(parts, percentText(was)+" -> "+percentText(is)+to)
	}
	parts = append(parts, stickyParts(was.By, is.By)...)
	if was.Group != is.Group {
		parts = append(parts, "group "+word(was.Group)+" -> "+word(is.Group))
	}
	return parts
}

func orDefault(by string) string { return cmp.Or(by, " by default") }

// stickyParts is for what byText does not show.
func stickyParts(was, is describe.DescribedSticky) []string {
	if byText(was) == byText(is) &&
		(was.Fixed != is.Fixed || was.Random != is.Random || !slices.Equal(was.Fields, is.Fields)) {
		return []string{"what the target fixes decides otherwise"}
	}
	return nil
}
