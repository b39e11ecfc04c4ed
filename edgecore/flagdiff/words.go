package flagdiff

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/flagcast/flagcast/edgecore/eval/describe"
)

// How much of a flag is put into words.
const (
	mostParts      = 4  // of what changed
	mostValues     = 3  // of a list
	mostListed     = 40 // characters of a list
	mostConditions = 2  // of a strategy
	mostStrategies = 3  // of a flag
	mostVariants   = 5  // of a flag
)

// flag returns what became of a flag; nil is a flag that is not there. differs is
// false when nothing did that an evaluation could see.
func (c comparison) flag(name string, was, is *describe.Description) (change Change, differs bool) {
	change = Change{Sign: Changed, Flag: name}
	switch {
	case was == nil && is == nil:
		return change, false
	case was == nil:
		change.Sign, change.Text = Added, summary(is)
	case is == nil && was.Reach() == describe.Nobody:
		change.Sign = Removed
	case is == nil:
		change.Sign, change.Text = NeedsReview, "removed while it was "+reachText(was)
	case was.Reach() != describe.Nobody && is.Reach() == describe.Nobody:
		change.Sign, change.Text = NeedsReview, reachText(was)+" -> OFF for everyone"
	case was.Reach() == describe.Nobody && is.Reach() != describe.Nobody:
		change.Text = "off -> " + summary(is)
	default:
		change.Text = several(c.difference(was, is), "; ")
	}
	return change, change.Sign != Changed || change.Text != ""
}

func reachText(d *describe.Description) string {
	switch d.Reach() {
	case describe.Nobody:
		return "off"
	case describe.Everybody:
		return "on"
	default:
		return "on for some"
	}
}

// several joins what changed.
func several(parts []string, separator string) string {
	if len(parts) > mostParts {
		parts = append(slices.Clone(parts[:mostParts]), "and "+strconv.Itoa(len(parts)-mostParts)+" more")
	}
	return strings.Join(parts, separator)
}

// summary says in a few words for whom a flag is on, and with what.
func summary(d *describe.Description) string {
	text := "off"
	switch n := len(d.Strategies); {
	case n > mostStrategies:
		text = "on by " + strconv.Itoa(n) + " strategies"
	case n > 0:
		words := make([]string, n)
		for i := range d.Strategies {
			words[i], _ = strategyText(&d.Strategies[i])
		}
		text = strings.Join(words, " or ")
		if d.Reach() == describe.Everybody {
			text = "on"
		}
	}
	for i := range d.Parents {
		text += joint(i == 0, " if ", " and ") + parentText(&d.Parents[i])
	}
	if d.Variants != nil && len(d.Strategies) > 0 {
		text += " (" + mixText(d.Variants) + ")"
	}
	return text
}

func joint(first bool, one, other string) string {
	if first {
		return one
	}
	return other
}

// strategyText describes a strategy; whole is false when it leaves something
// out.
func strategyText(s *describe.DescribedStrategy) (text string, whole bool) {
	text, whole = "on", true
	if s.Share != nil {
		text = percentText(s.Share) + byText(s.Share.By)
	}
	words := make([]string, len(s.Conditions))
	for i, k := range s.Conditions {
		var told bool
		words[i], told = conditionText(k)
		whole = whole && told
	}
	switch {
	case len(words) > mostConditions:
		text += " under " + strconv.Itoa(len(words)) + " conditions"
		whole = false
	case len(words) > 0:
		text += " if " + strings.Join(words, " and ")
	}
	if s.Variants != nil {
		text += " (" + mixText(s.Variants) + ")"
	}
	return text, whole
}

func percentText(s *describe.DescribedShare) string {
	if s == nil {
		return "100 %"
	}
	return strconv.Itoa(s.Percent) + " %"
}

// byText says by what ids are chosen, and nothing for what Unleash does by
// default: by userId, else sessionId, else (of variants) remoteAddress, else
// chance.
func byText(by describe.DescribedSticky) string {
	standard := describe.DefaultIdentifierFields()
	words := make([]string, len(by.Fields))
	for i, name := range by.Fields {
		words[i] = word(name)
	}
	switch n := len(words); {
	case by.Random && (n == 2 || n == 3) && slices.Equal(by.Fields, standard[:n]):
		return ""
	case n == 0 && by.Random:
		return " at random"
	case n == 0 && by.Fixed != "":
		return " by what the target fixes"
	case n == 0:
		return ""
	case by.Fixed != "":
		words = append(words, "what the target fixes")
	}
	return " by " + strings.Join(words, ", else ")
}

func parentText(d *describe.DescribedParent) string {
	switch {
	case !d.Enabled:
		return word(d.Name) + " is off"
	case len(d.Variants) > 0:
		return word(d.Name) + " is " + listText(d.Variants, "variants")
	}
	return word(d.Name) + " is on"
}

// word shows a name or value: as it is where it cannot be mistaken, else
// quoted.
func word(text string) string {
	plain := text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.IsSpace(r) || strings.ContainsRune(`,;"'()`, r)
	})
	if plain {
		return text
	}
	return strconv.Quote(text)
}

// listText shows a short list, and counts a long one.
func listText(values []string, what string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = word(v)
	}
	if text := strings.Join(words, ", "); len(words) > 0 && len(words) <= mostValues &&
		len([]rune(text)) <= mostListed {
		return text
	}
	return counted(len(values), what)
}

// counted writes a number of things, of which the word is in the plural.
func counted(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + strings.TrimSuffix(what, "s")
	}
	return strconv.Itoa(n) + " " + what
}
