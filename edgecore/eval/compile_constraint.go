package eval

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore"
)

// constraints returns false when nobody passes one of them.
func (c *compiler) constraints(list []edgecore.Constraint, where string) (out []*condition, ok bool) {
	out, ok = c.references.take(len(list))[:0], true
	for i := range list {
		if !c.goOn() {
			return nil, false
		}
		k, fault := c.constraint(&list[i], where)
		if fault != "" {
			c.problem(where, "constraint %d on %q: %s; the strategy passes for nobody", i, list[i].ContextName, fault)
			ok = false
			continue
		}
		if k.op == opDate {
			c.program.flips = append(c.program.flips, k.flip())
		}
		out = append(out, k)
	}
	return out, ok
}

// flip is the instant from which the answer of a DATE constraint is another.
func (k *condition) flip() time.Time {
	at := k.instant
	if k.order == greater {
		at++
	}
	return time.UnixMilli(at).UTC()
}

// constraint returns a fault instead of a condition for what the Unleash
// server would not have accepted.
func (c *compiler) constraint(d *edgecore.Constraint, where string) (k *condition, fault string) {
	op, order, ok := operatorOf(d.Operator)
	switch {
	case !ok:
		return nil, "the operator " + strconv.Quote(d.Operator) + " is unknown" + didYouMean(d.Operator, operators)
	case d.ContextName == "" && op != opDate:
		return nil, "it names no context field"
	}
	k = c.condition(condition{op: op, order: order, inverted: d.Inverted})
	if op != opDate {
		k.field = c.field(d.ContextName)
	}
	switch op {
	case opIn, opStartsWith, opEndsWith, opContains, opCIDR:
		if d.Values == nil {
			return nil, d.Operator + " has no list of values"
		}
		k.inverted = k.inverted != (d.Operator == "NOT_IN")
		k.fold = d.CaseInsensitive && op != opIn && op != opCIDR // the SDKs ignore it for IN and NOT_IN
		c.setList(k, d.Values, where)
	case opNumber:
		k.number, ok = parseNumber(d.Value)
		if !ok || math.IsInf(k.number, 0) {
			return nil, strconv.Quote(d.Value) + " is no number"
		}
	case opDate:
		instant, zoned, ok := parseInstant(d.Value)
		if !ok {
			return nil, strconv.Quote(d.Value) + " is no date such as 2026-01-31T12:00:00Z"
		}
		if !zoned {
			c.problem(where, "the date %q has no time zone; it is read as UTC, as the Unleash server reads it", d.Value)
		}
		k.instant = instant.UnixMilli()
	case opVersion:
		k.version, ok = parseVersion(strings.TrimPrefix(trim(d.Value), "v"))
		if !ok {
			return nil, strconv.Quote(d.Value) + " is no semantic version such as 1.2.3"
		}
	case opRegex:
		return k, c.setPattern(k, d.Value, d.CaseInsensitive)
	}
	return k, ""
}

// setList drops empty values and then trims the rest, as Node's SDK does: one
// of nothing but blanks becomes empty, which is in every text.
func (c *compiler) setList(k *condition, values []string, where string) {
	switch k.op {
	case opIn:
		k.items = c.items(k.field, trimmed(values), where)
	case opCIDR:
		for _, value := range trimmed(values) {
			if prefix, ok := parsePrefix(value); ok {
				k.prefixes = append(k.prefixes, prefix)
			} else {
				c.problem(where, "%q is neither an address nor a CIDR range; it matches nobody", value)
			}
		}
	default:
		k.texts = trimmed(values)
		if k.fold {
			for i := range k.texts {
				k.texts[i] = fold(k.texts[i])
			}
		}
	}
}

func trimmed(values []string) []string {
	out := make([]string, 0, len(values))
	for _, value := range values {
		if value != "" {
			out = append(out, trim(value))
		}
	}
	return out
}

// items gives the values of a list the numbers that they have in the lists of
// a field, sorted and once each.
func (c *compiler) items(at int32, values []string, where string) []int32 {
	f := &c.program.fields[at]
	if f.values == nil {
		f.values = map[string]int32{}
	}
	out := c.items32.take(len(values))[:0]
	for _, value := range values {
		item, ok := f.values[value]
		if !ok {
			if !separable(value) {
				c.problem(where, "the value %q holds the control character U+007F or U+0080; it matches nobody", value)
				continue
			}
			if int(at) < len(c.lent) && c.lent[at] {
				f.values, c.lent[at] = maps.Clone(f.values), false
			}
			c.added++
			item = int32(len(f.values))
			f.values[value] = item
		}
		out = append(out, item)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// setPattern reads a regular expression as RE2, which is what Unleash means.
func (c *compiler) setPattern(k *condition, pattern string, fold bool) (fault string) {
	if len(pattern) > maxPatternBytes {
		return "the regular expression has " + strconv.Itoa(len(pattern)) + " bytes, the limit is " + strconv.Itoa(maxPatternBytes)
	}
	if fold {
		pattern = "(?i)" + pattern
	}
	known := c.patterns[pattern]
	if known == nil {
		var fault string
		if c.patternsTake < maxPatterns {
			var size int
			known, size, fault = newPattern(pattern)
			c.patternsTake += size
		}
		if c.patternsTake >= maxPatterns {
			return fmt.Sprintf("the regular expressions of all flags together take more than %d instructions and ranges of characters", maxPatterns)
		}
		if fault != "" {
			return fault
		}
		c.patterns[pattern] = known
	}
	k.pattern = known
	return ""
}
