package describe

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// Texts of explanations.

func parentText(p *eval.Program, d *eval.Parent) string {
	text := "parent " + strconv.Quote(p.List[d.Flag].Name)
	switch {
	case !d.Enabled:
		return text + " is off"
	case len(d.Variants) > 0:
		return text + " is on with variant " + quotedList(d.Variants, 0)
	}
	return text + " is on"
}

func stickyText(p *eval.Program, s *eval.Sticky) string {
	var words []string
	for _, i := range s.Fields {
		words = append(words, p.Fields[i].Name)
	}
	switch {
	case s.Fixed != "":
		words = append(words, strconv.Quote(s.Fixed))
	case s.Random:
		words = append(words, "chance")
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", else ")
}

func shareText(p *eval.Program, s *eval.Share) string {
	return strconv.Itoa(s.Percent) + " % by " + stickyText(p, s.Sticky)
}

// conditionText writes a condition in Unleash's words, with at most a number
// of the values of a list; 0 is all.
func conditionText(p *eval.Program, k *eval.Condition, most int) string {
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
