package flagdiff

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval/describe"
)

// mixText writes variants as "red:blue 50:50", in percent; a single one by its
// name alone.
func mixText(v *describe.DescribedVariants) string {
	switch n := len(names(v)); {
	case n == 0:
		return "none"
	case n == 1:
		return word(v.List[0].Name)
	case n > mostVariants:
		return counted(n, "variants")
	}
	return namesText(v) + " " + strings.Join(percents(v), ":")
}

func names(v *describe.DescribedVariants) (out []string) {
	if v != nil {
		for i := range v.List {
			out = append(out, v.List[i].Name)
		}
	}
	return out
}

func namesText(v *describe.DescribedVariants) string {
	words := names(v)
	for i := range words {
		words[i] = word(words[i])
	}
	return strings.Join(words, ":")
}

func percents(v *describe.DescribedVariants) []string {
	total := 0
	for _, weight := range v.Weights {
		total += weight
	}
	out := make([]string, len(v.Weights))
	for i, weight := range v.Weights {
		out[i] = strconv.FormatFloat(100*float64(weight)/float64(max(total, 1)), 'g', 4, 64)
	}
	return out
}

// mixParts says what differs between the variants of two flags, or of two
// strategies. Of payloads it names the variant alone.
func mixParts(was, is *describe.DescribedVariants) (parts []string) {
	switch {
	case was == nil && is == nil:
		return nil
	case was == nil, is == nil, !slices.Equal(names(was), names(is)):
		what := "variants "
		if len(names(was)) <= 1 && len(names(is)) <= 1 {
			what = "variant "
		}
		from, to := mixText(was), mixText(is)
		if from == to {
			to = counted(fresh(names(was), names(is)), "names") + " new"
		}
		return []string{what + from + " -> " + to}
	case !slices.Equal(was.Weights, is.Weights):
		parts = append(parts, weightsChange(was, is))
	}
	if from, to := byText(was.By), byText(is.By); from != to {
		parts = append(parts, "variants"+orDefault(from)+" ->"+orDefault(to))
	}
	parts = append(parts, stickyParts(was.By, is.By)...)
	if was.Group != is.Group {
		parts = append(parts, "group of variants "+word(was.Group)+" -> "+word(is.Group))
	}
	var payloads []string
	for i := range is.List {
		a, b := was.List[i].Payload, is.List[i].Payload
		if (a == nil) != (b == nil) || a != nil && *a != *b {
			payloads = append(payloads, is.List[i].Name)
		}
	}
	if len(payloads) > 0 {
		parts = append(parts, "payload of "+listText(payloads, "variants")+" changed")
	}
	return append(parts, overrideParts(was.Overrides, is.Overrides)...)
}

// weightsChange shows weights as they are where percentages show nothing, since
// the total decides who gets what, too.
func weightsChange(was, is *describe.DescribedVariants) string {
	if len(is.List) > mostVariants {
		return "weights of " + counted(len(is.List), "variants") + " changed"
	}
	from, to := strings.Join(percents(was), ":"), strings.Join(percents(is), ":")
	if from == to {
		from, to = weights(was), weights(is)
	}
	return namesText(is) + " " + from + " -> " + to
}

func weights(v *describe.DescribedVariants) string {
	words := make([]string, len(v.Weights))
	for i, weight := range v.Weights {
		words[i] = strconv.Itoa(weight)
	}
	return strings.Join(words, ":")
}

func overrideParts(was, is []describe.DescribedOverride) []string {
	if len(was) != len(is) || !slices.EqualFunc(was, is, func(a, b describe.DescribedOverride) bool {
		return a.Variant == b.Variant && a.Condition.Field == b.Condition.Field
	}) {
		return []string{
			counted(len(was), "overrides") + " -> " +
				joint(len(was) == len(is), "others", counted(len(is), "overrides")),
		}
	}
	var parts []string
	for i := range is {
		if was[i].Condition != is[i].Condition {
			parts = append(parts, "override of "+word(is[i].Variant)+": "+
				conditionChange(was[i].Condition, is[i].Condition))
		}
	}
	return parts
}
