package compile

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
)

// constraints returns false when no context passes one of them.
func (c *compiler) constraints(list []edgecore.Constraint, where string) (out []*eval.Condition, ok bool) {
	out, ok = c.references.take(len(list))[:0], true
	for i := range list {
		if !c.goOn() {
			return nil, false
		}
		k, fault := c.constraint(&list[i], where)
		if fault != "" {
			c.problem(where, "constraint %d on %q: %s; the strategy passes for no user", i, list[i].ContextName, fault)
			ok = false
			continue
		}
		if k.Op == eval.OpDate {
			c.program.Flips = append(c.program.Flips, flipOf(k))
		}
		out = append(out, k)
	}
	return out, ok
}

// flipOf is the instant from which the answer of a DATE constraint is another.
func flipOf(k *eval.Condition) time.Time {
	at := k.Instant
	if k.Order == eval.Greater {
		at++
	}
	return time.UnixMilli(at).UTC()
}

// constraint returns a fault instead of a condition for what the Unleash
// server would not have accepted.
func (c *compiler) constraint(d *edgecore.Constraint, where string) (k *eval.Condition, fault string) {
	op, order, ok := eval.ParseOperator(d.Operator)
	switch {
	case !ok:
		return nil, "the operator " + strconv.Quote(d.Operator) + " is unknown" +
			didYouMean(d.Operator, eval.OperatorNames)
	case d.ContextName == "" && op != eval.OpDate:
		return nil, "it names no context field"
	}
	k = c.condition(eval.Condition{Op: op, Order: order, Inverted: d.Inverted})
	if op != eval.OpDate {
		k.Field = c.field(d.ContextName)
	}
	switch op {
	case eval.OpIn, eval.OpStartsWith, eval.OpEndsWith, eval.OpContains, eval.OpCIDR:
		if d.Values == nil {
			return nil, d.Operator + " has no list of values"
		}
		k.Inverted = k.Inverted != (d.Operator == "NOT_IN")
		k.Fold = d.CaseInsensitive && op != eval.OpIn && op != eval.OpCIDR // the SDKs ignore it for IN and NOT_IN
		c.setList(k, d.Values, where)
	case eval.OpNumber:
		k.Number, ok = eval.ParseNumber(d.Value)
		if !ok || math.IsInf(k.Number, 0) {
			return nil, strconv.Quote(d.Value) + " is not a number"
		}
	case eval.OpDate:
		instant, zoned, ok := eval.ParseInstant(d.Value)
		if !ok {
			return nil, strconv.Quote(d.Value) + " is not a date such as 2026-01-31T12:00:00Z"
		}
		if !zoned {
			c.problem(where, "the date %q has no time zone; it is read as UTC, as the Unleash server reads it", d.Value)
		}
		k.Instant = instant.UnixMilli()
	case eval.OpVersion:
		k.Version, ok = eval.ParseVersion(strings.TrimPrefix(eval.Trim(d.Value), "v"))
		if !ok {
			return nil, strconv.Quote(d.Value) + " is not a semantic version such as 1.2.3"
		}
	case eval.OpRegex:
		return k, c.setPattern(k, d.Value, d.CaseInsensitive)
	}
	return k, ""
}

// setList drops empty values and then trims the rest, as Node's SDK does: one
// of nothing but blanks becomes empty, which is in every text.
func (c *compiler) setList(k *eval.Condition, values []string, where string) {
	switch k.Op {
	case eval.OpIn:
		k.Items = c.items(k.Field, trimmed(values), where)
	case eval.OpCIDR:
		for _, value := range trimmed(values) {
			if prefix, ok := eval.ParsePrefix(value); ok {
				k.Prefixes = append(k.Prefixes, prefix)
			} else {
				c.problem(where, "%q is neither an address nor a CIDR range; it matches nothing", value)
			}
		}
	default:
		k.Texts = trimmed(values)
		if k.Fold {
			for i := range k.Texts {
				k.Texts[i] = eval.Fold(k.Texts[i])
			}
		}
	}
}

func trimmed(values []string) []string {
	out := make([]string, 0, len(values))
	for _, value := range values {
		if value != "" {
			out = append(out, eval.Trim(value))
		}
	}
	return out
}

// items gives the values of a list the numbers that they have in the lists of
// a field, sorted and once each.
func (c *compiler) items(at int32, values []string, where string) []int32 {
	f := &c.program.Fields[at]
	if f.Values == nil {
		f.Values = map[string]int32{}
	}
	out := c.items32.take(len(values))[:0]
	for _, value := range values {
		item, ok := f.Values[value]
		if !ok {
			if !eval.Separable(value) {
				c.problem(where, "the value %q holds the control character U+007F or U+0080; it matches nothing", value)
				continue
			}
			if int(at) < len(c.lent) && c.lent[at] {
				f.Values, c.lent[at] = maps.Clone(f.Values), false
			}
			c.added++
			item = int32(len(f.Values))
			f.Values[value] = item
		}
		out = append(out, item)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// setPattern reads a regular expression as RE2, which is what Unleash means.
func (c *compiler) setPattern(k *eval.Condition, pattern string, fold bool) (fault string) {
	if len(pattern) > eval.MaxPatternBytes {
		return "the regular expression has " + strconv.Itoa(len(pattern)) + " bytes, the limit is " +
			strconv.Itoa(eval.MaxPatternBytes)
	}
	if fold {
		pattern = "(?i)" + pattern
	}
	known := c.patterns[pattern]
	if known == nil {
		var fault string
		if c.patternsTake < eval.MaxPatterns {
			var size int
			known, size, fault = eval.NewPattern(pattern)
			c.patternsTake += size
		}
		if c.patternsTake >= eval.MaxPatterns {
			return fmt.Sprintf(
				"the regular expressions of all flags together take more than %d instructions and ranges of characters",
				eval.MaxPatterns)
		}
		if fault != "" {
			return fault
		}
		c.patterns[pattern] = known
	}
	k.Pattern = known
	return ""
}
