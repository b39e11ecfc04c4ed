package flagdiff

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval/describe"
)

// conditionText describes a condition; whole is false when it leaves something
// out.
func conditionText(k *describe.DescribedCondition) (text string, whole bool) {
	if k.Field == "" {
		return segmentText(k)
	}
	values, whole := valuesText(k)
	return strings.TrimRight(subject(k)+" "+values, " "), whole
}

// subject is a condition without its values: "country IN".
func subject(k *describe.DescribedCondition) string {
	if k.Field == "" {
		return k.Operator
	}
	text := word(k.Field) + " " + k.Operator
	if k.AnyCase {
		text += " (any case)"
	}
	return text
}

func segmentText(k *describe.DescribedCondition) (text string, whole bool) {
	words, whole := make([]string, len(k.All)), true
	for i, one := range k.All {
		var told bool
		words[i], told = conditionText(one)
		whole = whole && told
	}
	if len(words) == 0 || len(words) > mostConditions {
		return k.Operator + " of " + counted(len(words), "conditions"), false
	}
	return k.Operator + " (" + strings.Join(words, " and ") + ")", whole
}

// valuesText shows values that are few, and counts the others and all ids.
func valuesText(k *describe.DescribedCondition) (text string, whole bool) {
	switch {
	case k.Digests || k.Identifies:
		return counted(len(k.Values), "values"), false
	case strings.HasSuffix(k.Operator, "REGEX"):
		return shownPattern(k.Pattern), false
	}
	text = listText(k.Values, "values")
	return text, text != counted(len(k.Values), "values")
}

// shownPattern is nothing for a pattern that was decoded, or is long.
func shownPattern(pattern *string) string {
	if pattern == nil || len([]rune(*pattern)) > mostListed {
		return ""
	}
	return word(*pattern)
}

// conditionParts compares conditions, of which the order does not count.
func conditionParts(was, is []*describe.DescribedCondition) (parts []string) {
	if slices.Equal(was, is) {
		return nil
	}
	if max(len(was), len(is)) > mostCompared {
		if sameConditions(was, is) {
			return nil
		}
		return []string{countsChange(len(was), len(is), "conditions")}
	}
	left, right := slices.Clone(was), []*describe.DescribedCondition{}
	for _, k := range is {
		if i := slices.Index(left, k); i >= 0 {
			left = slices.Delete(left, i, i+1)
			continue
		}
		right = append(right, k)
	}
	// Of what is left, conditions on one field belong together; first those
	// with the same operator.
	for _, alike := range []func(a, b *describe.DescribedCondition) bool{
		func(a, b *describe.DescribedCondition) bool { return a.Field == b.Field && subject(a) == subject(b) },
		func(a, b *describe.DescribedCondition) bool { return a.Field == b.Field },
	} {
		right = slices.DeleteFunc(right, func(k *describe.DescribedCondition) bool {
			i := slices.IndexFunc(left, func(o *describe.DescribedCondition) bool { return alike(o, k) })
			if i >= 0 {
				parts = append(parts, conditionChange(left[i], k))
				left = slices.Delete(left, i, i+1)
			}
			return i >= 0
		})
	}
	for _, k := range left {
		text, _ := conditionText(k)
		parts = append(parts, "condition removed: "+text)
	}
	for _, k := range right {
		text, _ := conditionText(k)
		parts = append(parts, "condition added: "+text)
	}
	return parts
}

// sameConditions reports whether two lists have the same conditions, in any
// order.
func sameConditions(was, is []*describe.DescribedCondition) bool {
	count := map[*describe.DescribedCondition]int{}
	for _, k := range was {
		count[k]++
	}
	for _, k := range is {
		if count[k]--; count[k] < 0 {
			return false
		}
	}
	return len(was) == len(is)
}

// conditionChange says what differs between two conditions on one field.
func conditionChange(was, is *describe.DescribedCondition) string {
	if subject(was) != subject(is) {
		from, _ := conditionText(was)
		to, _ := conditionText(is)
		return from + " -> " + strings.TrimPrefix(to, word(is.Field)+" ")
	}
	if is.Field == "" {
		return is.Operator + ": " + strings.Join(conditionParts(was.All, is.All), ", ")
	}
	return subject(is) + valuesChange(was, is)
}

// valuesChange shows or counts the values of both.
func valuesChange(was, is *describe.DescribedCondition) string {
	from, _ := valuesText(was)
	to, _ := valuesText(is)
	switch {
	case was.Digests != is.Digests:
		return " " + from + " " + digestsText(was) + " -> " + digestsText(is)
	case from != to && from != "" && to != "":
		return " " + from + " -> " + to
	case !is.List:
		return " changed"
	case len(is.Values) == 1:
		return " " + to + ", a new one"
	default:
		return " " + to + ", " + strconv.Itoa(fresh(was.Values, is.Values)) + " of them new"
	}
}

func digestsText(k *describe.DescribedCondition) string {
	if k.Digests {
		return "hashed"
	}
	return "in clear"
}

// fresh counts what is new.
func fresh(was, is []string) (n int) {
	stood := map[string]bool{}
	for _, text := range was {
		stood[text] = true
	}
	for _, text := range is {
		if !stood[text] {
			n++
		}
	}
	return n
}
