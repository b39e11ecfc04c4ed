package gen

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Context is a flat context. Its time is in whole milliseconds; where it has
// the field currentTime, that is the time.
type Context struct {
	Fields map[string]string
	Time   time.Time
}

// Context draws a context whose fields often have values that the definitions
// ask for.
func (st *State) Context(s Source) Context {
	g := &generator{Source: s, o: st.options, state: st}
	c := Context{Fields: map[string]string{}, Time: noon().Add(pick(s, distances))}
	if len(st.instants) > 0 && g.chance(60) {
		c.Time = time.UnixMilli(pick(s, st.instants) + int64(g.IntN(3)) - 1).UTC()
	}
	for _, name := range st.Fields {
		switch {
		case name == "currentTime":
			if g.chance(40) {
				c.Fields[name] = c.Time.Format("2006-01-02T15:04:05.000Z07:00")
			}
		case g.chance(70):
			c.Fields[name] = g.value(name)
		}
	}
	return c
}

// Value draws a value for a field, as Context does.
func (st *State) Value(s Source, name string) string {
	g := &generator{Source: s, o: st.options, state: st}
	return g.value(name)
}

func (g *generator) value(name string) string {
	if operands := g.state.operands[name]; len(operands) > 0 && g.chance(60) {
		return g.safe(name, g.near(pick(g, operands)))
	}
	return g.safe(name, g.any(name))
}

func (g *generator) any(name string) string {
	switch n := g.IntN(13); {
	case name == "remoteAddress" && n < 8, n == 0:
		return g.address()
	case n == 1:
		return pick(g, numbers)
	case n == 2:
		return pick(g, notNumbers)
	case n == 3:
		return pick(g, numberTexts)
	case n == 4:
		return pick(g, versions)
	case n == 5:
		return pick(g, notVersions)
	case n == 6:
		return pick(g, versionTexts)
	case n == 7:
		return pick(g, g.regex().matches)
	case n == 8:
		return pick(g, sigmas)
	case n == 9:
		return ""
	default:
		return pick(g, texts)
	}
}

func (g *generator) address() string {
	switch n := g.IntN(10); {
	case n < 5:
		return pick(g, addresses4)
	case n < 7:
		return pick(g, addresses6)
	case n < 8:
		return pick(g, looseAddresses)
	case n < 9:
		return pick(g, blankAddresses)
	default:
		return pick(g, notAddresses)
	}
}

// near is an operand, or a text that is almost the same.
func (g *generator) near(operand string) string {
	switch g.IntN(10) {
	case 0:
		return operand + pick(g, texts)
	case 1:
		return pick(g, texts) + operand
	case 2:
		return strings.ToUpper(operand)
	case 3:
		return strings.ToLower(operand)
	case 4:
		return strings.TrimSpace(operand)
	case 5:
		address, _, _ := strings.Cut(operand, "/")
		return address
	default:
		return operand
	}
}

// safe replaces a value that a field with such comparisons must not have.
func (g *generator) safe(name, text string) string {
	how := g.state.kinds[name]
	switch {
	case how&byNumber != 0 && !g.may(NumberText) && numberOfJavaScript(text):
		return "16"
	case how&byVersion != 0 && !g.may(VersionText) && slices.Contains(versionTexts, strings.ToLower(text)):
		return "1.2.3"
	case how&byAddress != 0 && !g.may(LooseAddress) && loose(text):
		return "10.0.0.1"
	case how&byAddress != 0 && !g.may(WideAddress) && spelled(text):
		return "2001:db8::1"
	case how&byCase != 0 && !g.may(Sigma) && strings.ContainsAny(text, "Σσς"):
		return "sigma"
	}
	return text
}

// numberOfJavaScript reports whether a text is nothing, or a number in another
// base than ten.
func numberOfJavaScript(text string) bool {
	text = strings.Trim(text, trimmed)
	return text == "" || len(text) > 1 && text[0] == '0' && strings.ContainsAny(text[1:2], "xXoObB")
}

// loose reports whether a text is an address with a mask or a zone.
func loose(text string) bool {
	before, _, mask := strings.Cut(text, "/")
	address, err := netip.ParseAddr(before)
	return err == nil && (mask || address.Zone() != "")
}

// spelled reports whether a text is an address, but not as it is written as a
// rule.
func spelled(text string) bool {
	address, err := netip.ParseAddr(text)
	return err == nil && address.String() != text
}

// trimmed is what JavaScript trims.
const trimmed = "\t\n\v\f\r " +
	"\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

// Split is a context dealt out to a target and its requests. The static part
// wins over the request, which may say otherwise.
type Split struct {
	Known   map[string]string // static: values
	Absent  []string          // static: fields that no request has
	Request map[string]string
}

// SplitFields deals out the fields of a context, and those that it lacks of
// some names.
func SplitFields(s Source, fields map[string]string, names []string) Split {
	out := Split{Known: map[string]string{}, Request: map[string]string{}}
	for _, name := range names {
		value, has := fields[name]
		fixed := s.IntN(2) == 1
		switch {
		case fixed && has:
			out.Known[name] = value
		case fixed:
			out.Absent = append(out.Absent, name)
		case has:
			out.Request[name] = value
		}
		// What says otherwise about currentTime would set another time.
		if fixed && name != "currentTime" && s.IntN(2) == 1 {
			out.Request[name] = pick(s, texts)
		}
	}
	return out
}
