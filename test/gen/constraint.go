package gen

import (
	"strconv"
	"time"
)

var operators = []string{
	"IN", "IN", "NOT_IN", "NOT_IN", "STR_STARTS_WITH", "STR_ENDS_WITH", "STR_CONTAINS",
	"NUM_EQ", "NUM_GT", "NUM_GTE", "NUM_LT", "NUM_LTE", "DATE_AFTER", "DATE_BEFORE",
	"SEMVER_EQ", "SEMVER_GT", "SEMVER_LT", "SEMVER_GTE", "SEMVER_LTE", "REGEX", "REGEX", "IN_CIDR",
}

func (g *generator) constraints(most int) list {
	out := list{}
	for range 1 + g.IntN(most) {
		out = append(out, g.constraint())
	}
	return out
}

func (g *generator) constraint() object {
	operator, name := pick(g, operators), g.field()
	c := object{{"contextName", name}, {"operator", operator}}
	fold := g.chance(25)
	switch operator {
	case "IN", "NOT_IN", "STR_STARTS_WITH", "STR_ENDS_WITH", "STR_CONTAINS":
		c.add("values", g.values(name, fold))
	case "IN_CIDR":
		values := append(some(g, ranges4, 3), some(g, ranges6, 2)...)
		if g.may(LooseAddress) && g.chance(20) {
			values = append(values, pick(g, looseRanges))
		}
		if g.chance(20) {
			values = append(values, pick(g, notRanges))
		}
		g.compares(name, byAddress, values...)
		c.add("values", values)
	case "REGEX":
		pattern := g.regex()
		g.compares(name, 0, pattern.matches...)
		if g.may(LongInput) && g.chance(10) {
			g.compares(name, 0, longInputs...)
		}
		c.add("value", pattern.text)
	case "DATE_AFTER", "DATE_BEFORE":
		if g.chance(80) {
			c[0].value = "currentTime"
		}
		c.add("value", g.date())
	case "SEMVER_EQ", "SEMVER_GT", "SEMVER_LT", "SEMVER_GTE", "SEMVER_LTE":
		version := pick(g, versions)
		if g.may(VersionText) && g.chance(10) {
			version = pick(g, versionTexts)
		}
		g.compares(name, byVersion, version)
		c.add("value", version)
	default:
		c.add("value", g.number(name))
	}
	if g.chance(30) {
		// The server keeps an empty list beside a value, for old SDKs.
		if operand := c[len(c)-1]; operand.key == "value" {
			c.add("values", list{})
		}
	}
	if inverted := g.chance(25); inverted || g.chance(50) {
		c.add("inverted", inverted)
	}
	if fold || g.chance(30) {
		c.add("caseInsensitive", fold)
	}
	return c
}

// values of lists: with blanks around them, empty ones, and every kind of
// letter.
func (g *generator) values(name string, fold bool) []string {
	out := some(g, texts, 4)
	if fold && g.may(Sigma) {
		out = append(out, some(g, sigmas, 2)...)
	}
	for i, text := range out {
		if g.chance(8) {
			out[i] = pick(g, blankTexts) + text + pick(g, blankTexts)
		}
	}
	if g.may(Separator) && g.chance(3) {
		out = append(out, "x"+pick(g, separators)+"y")
	}
	if g.chance(3) {
		for i := range 12 + g.IntN(60) {
			out = append(out, "user-"+itoa(i*i))
		}
	}
	if g.chance(5) {
		out = append(out, pick(g, numbers), pick(g, versions), pick(g, addresses4))
	}
	how := kind(0)
	if fold {
		how = byCase
	}
	g.compares(name, how, out...)
	return out
}

// number is an operand: text, or a JSON number.
func (g *generator) number(name string) any {
	text := pick(g, numbers)
	if g.chance(10) {
		text = strconv.Itoa(g.IntN(2000) - 1000)
	}
	g.compares(name, byNumber, text)
	if g.chance(15) {
		return raw(pick(g, []string{"5", "-3.50", "1e3", "0", "0.1", "9007199254740993"}))
	}
	return text
}

// noon is an instant in whose neighbourhood all times and dates lie.
func noon() time.Time { return time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC) }

var distances = []time.Duration{
	0, 0, time.Millisecond, -time.Millisecond, time.Second, -time.Minute, time.Hour, -time.Hour, 12 * time.Hour,
	-12 * time.Hour,
	40 * 24 * time.Hour, -400 * 24 * time.Hour,
}

func (g *generator) date() string {
	at := noon().Add(pick(g, distances))
	if g.chance(4) {
		at = pick(g, []time.Time{
			time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(2032, 2, 29, 0, 0, 0, 0, time.UTC),
		})
	}
	g.state.instants = append(g.state.instants, at.UnixMilli())
	layout := pick(g, []string{
		"2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05Z07:00",
		"2006-01-02T15:04:05.000000999Z07:00",
		"2006-01-02T15:04Z07:00", "2006-01-02", "2006-01-02T15:04:05", "2006-01-02 15:04:05.000",
		"2006-01-02T15:04:05Z0700", "2006-01-02 15:04Z07:00",
	})
	if layout != "2006-01-02" && g.chance(30) {
		at = at.In(time.FixedZone("", pick(g, []int{3600, -8*3600 - 1800, 14 * 3600})))
	}
	return at.Format(layout)
}
