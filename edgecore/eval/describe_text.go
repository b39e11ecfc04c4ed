package eval

import (
	"fmt"
	"strconv"
	"strings"
)

// Texts of explanations.

func (p *Program) parentText(d *parent) string {
	text := "parent " + strconv.Quote(p.list[d.flag].Name)
	switch {
	case !d.enabled:
		return text + " is off"
	case len(d.variants) > 0:
		return text + " is on with variant " + quotedList(d.variants, 0)
	}
	return text + " is on"
}

func (p *Program) stickyText(s *sticky) string {
	var words []string
	for _, i := range s.fields {
		words = append(words, p.fields[i].name)
	}
	switch {
	case s.fixed != "":
		words = append(words, strconv.Quote(s.fixed))
	case s.random:
		words = append(words, "chance")
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", else ")
}

func (p *Program) shareText(s *share) string {
	return strconv.Itoa(s.percent) + " % by " + p.stickyText(s.sticky)
}

// conditionText writes a condition in Unleash's words, with at most a number
// of the values of a list; 0 is all.
func (p *Program) conditionText(k *condition, most int) string {
	return NewDescriber(nil).condition(p, k).text(most)
}

func (c *DescribedCondition) text(most int) string {
	if c.Field == "" {
		words := make([]string, len(c.All))
		for i, one := range c.All {
			words[i] = one.text(most)
		}
		return c.Operator + " (" + strings.Join(words, " and ") + ")"
	}
	operator, inverted := strings.CutPrefix(c.Operator, "not ")
	text := c.Field + " " + operator + " "
	if inverted {
		text = "not " + text
	}
	switch {
	case c.List:
		text += quotedList(c.Values, most)
	case c.Pattern != nil:
		text += strconv.Quote(*c.Pattern)
	default:
		text += c.Values[0]
	}
	if c.AnyCase {
		text += " (any case)"
	}
	return text
}

// quotedList shows at most a number of texts; 0 is all.
func quotedList(texts []string, most int) string {
	shown := texts
	if most > 0 && len(shown) > most {
		shown = shown[:most]
	}
	words := make([]string, len(shown))
	for i, text := range shown {
		words[i] = strconv.Quote(text)
	}
	list := "[" + strings.Join(words, ", ")
	if len(shown) < len(texts) {
		list += fmt.Sprintf(", … %d in all", len(texts))
	}
	return list + "]"
}
