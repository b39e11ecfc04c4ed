package eval

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/flagcast/flagcast/edgecore"
)

func (c *compiler) constraints(list []edgecore.Constraint, where string) []constraint {
	out := make([]constraint, len(list))
	for i := range list {
		k, fault := compileConstraint(&list[i])
		if fault != "" {
			c.problem(where, "constraint %d on %q: %s; the strategy passes for nobody", i, list[i].ContextName, fault)
			k = constraint{op: opNever}
		}
		if k.op == opDate {
			c.program.flips = append(c.program.flips, k.flip())
		}
		out[i] = k
	}
	return out
}

// flip is the instant from which the answer of a DATE constraint is another.
func (k *constraint) flip() time.Time {
	if k.order == greater {
		return k.instant.Add(time.Millisecond)
	}
	return k.instant
}

// operatorOf says what an operator of the protocol compares, and which
// outcomes of an ordering it accepts.
func operatorOf(name string) (operator, order, bool) {
	switch name {
	case "IN":
		return opIn, 0, true
	case "NOT_IN":
		return opNotIn, 0, true
	case "STR_STARTS_WITH":
		return opStartsWith, 0, true
	case "STR_ENDS_WITH":
		return opEndsWith, 0, true
	case "STR_CONTAINS":
		return opContains, 0, true
	case "REGEX":
		return opRegex, 0, true
	case "IN_CIDR":
		return opCIDR, 0, true
	case "DATE_AFTER":
		return opDate, greater, true
	case "DATE_BEFORE":
		return opDate, less, true
	}
	kind, relation, _ := strings.Cut(name, "_")
	accepted, ok := map[string]order{"EQ": equal, "GT": greater, "LT": less, "GTE": greater | equal, "LTE": less | equal}[relation]
	switch {
	case ok && kind == "NUM":
		return opNumber, accepted, true
	case ok && kind == "SEMVER":
		return opVersion, accepted, true
	}
	return opNever, 0, false
}

// compileConstraint returns a fault instead of a constraint that the Unleash
// server would not have accepted.
func compileConstraint(d *edgecore.Constraint) (k constraint, fault string) {
	op, order, ok := operatorOf(d.Operator)
	if !ok {
		return k, "the operator " + strconv.Quote(d.Operator) + " is unknown"
	}
	k = constraint{field: d.ContextName, op: op, order: order, inverted: d.Inverted, fold: d.CaseInsensitive}
	if d.ContextName == "" && op != opDate {
		return k, "it names no context field"
	}
	switch op {
	case opIn, opNotIn, opStartsWith, opEndsWith, opContains, opCIDR:
		if d.Values == nil {
			return k, d.Operator + " has no list of values"
		}
		return k, k.setList(d.Values)
	case opNumber:
		k.number, ok = parseNumber(d.Value)
		if !ok {
			return k, strconv.Quote(d.Value) + " is no number"
		}
	case opDate:
		k.instant, ok = parseInstant(d.Value)
		if !ok {
			return k, strconv.Quote(d.Value) + " is no date such as 2026-01-31T12:00:00Z"
		}
	case opVersion:
		version, err := semver.StrictNewVersion(strings.TrimPrefix(strings.TrimSpace(d.Value), "v"))
		if err != nil {
			return k, strconv.Quote(d.Value) + " is no semantic version such as 1.2.3"
		}
		k.version = version
	case opRegex:
		return k, k.setPattern(d.Value)
	}
	return k, ""
}

// setList trims the values and drops empty ones, as Node's SDK does.
func (k *constraint) setList(values []string) (fault string) {
	for _, value := range values {
		value = strings.Trim(value, blanks)
		if value == "" {
			continue
		}
		if k.op == opCIDR {
			if prefix, ok := parsePrefix(value); ok {
				k.prefixes = append(k.prefixes, prefix)
			}
			continue
		}
		// The SDKs ignore caseInsensitive for IN and NOT_IN.
		if k.fold && k.op != opIn && k.op != opNotIn {
			value = strings.ToLower(value)
		}
		k.list = append(k.list, value)
	}
	if k.op == opIn || k.op == opNotIn {
		slices.Sort(k.list)
		k.list = slices.Compact(k.list)
	}
	return ""
}

func (k *constraint) setPattern(pattern string) (fault string) {
	if len(pattern) > maxPatternBytes {
		return "the regular expression has " + strconv.Itoa(len(pattern)) + " bytes, the limit is " + strconv.Itoa(maxPatternBytes)
	}
	if k.fold {
		pattern = "(?i)" + pattern
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return "it is no RE2 regular expression: " + err.Error()
	}
	k.pattern = compiled
	return ""
}

// parseNumber reads a decimal number, with a fraction or an exponent if need
// be, and blanks around it. One rule for all numbers written as text: no
// hexadecimal, no "Infinity", and nothing is not zero.
func parseNumber(text string) (float64, bool) {
	text = strings.Trim(text, blanks)
	if text == "" || strings.ContainsAny(text, "xXpP_iInN") {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil && !math.IsInf(number, 0)
}

// parseInstant reads RFC 3339, with a date alone taken as midnight UTC, and
// keeps milliseconds, as JavaScript does.
func parseInstant(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Millisecond), true
		}
	}
	return time.Time{}, false
}
