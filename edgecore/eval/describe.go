package eval

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Describe says in a few words for whom a flag is on, such as "10 %" or "on
// under conditions", and then everything about it: two flags with the same
// details answer alike.
func (p *Program) Describe(name string) (summary, details string) {
	i, ok := p.index[name]
	if !ok {
		return "", ""
	}
	f := &p.flags[i]
	words := make([]string, len(f.strategies))
	var all strings.Builder
	for i := range f.parents {
		fmt.Fprintf(&all, "%s\n", p.parentText(&f.parents[i]))
	}
	for i := range f.strategies {
		s := &f.strategies[i]
		words[i] = s.summary()
		fmt.Fprintf(&all, "strategy %d\n", i+1)
		for _, k := range s.conditions {
			fmt.Fprintf(&all, " %s\n", p.conditionText(k, 0))
		}
		if s.share != nil {
			fmt.Fprintf(&all, " %s of group %q\n", p.shareText(s.share), s.share.group)
		}
		if s.variants != nil {
			all.WriteString(p.variantsText(s.variants))
		}
	}
	all.WriteString(p.variantsText(f.variants))
	if p.list[i].ImpressionData {
		all.WriteString("impressions\n")
	}
	if summary = strings.Join(words, " or "); summary == "" {
		summary = "off"
	}
	return summary, all.String()
}

func (s *strategy) summary() string {
	words := "on"
	if s.share != nil {
		words = strconv.Itoa(s.share.percent) + " %"
	}
	if len(s.conditions) > 0 {
		words += " under conditions"
	}
	return words
}

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

func (p *Program) variantsText(v *variants) string {
	if v == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, " variants by %s of group %q\n", p.stickyText(v.sticky), v.group)
	for _, o := range v.overrides {
		fmt.Fprintf(&b, "  override %q %s\n", v.list[o.variant].Name, p.conditionText(o.condition, 0))
	}
	for i := range v.list {
		fmt.Fprintf(&b, "  %q %d of %d", v.list[i].Name, v.weights[i], v.total)
		if payload := v.list[i].Payload; payload != nil {
			fmt.Fprintf(&b, " %s %q", payload.Type, payload.Value)
		}
		b.WriteByte('\n')
	}
	return b.String()
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
	inverted := ""
	if k.inverted && k.op != opIn {
		inverted = "not "
	}
	switch k.op {
	case opAll:
		words := make([]string, len(k.all))
		for i, one := range k.all {
			words[i] = p.conditionText(one, most)
		}
		return inverted + "segment (" + strings.Join(words, " and ") + ")"
	case opDate:
		return inverted + "currentTime " + map[order]string{less: "DATE_BEFORE", greater: "DATE_AFTER"}[k.order] + " " + time.UnixMilli(k.instant).UTC().Format(time.RFC3339Nano)
	}
	return inverted + p.fields[k.field].name + " " + p.operandText(k, most)
}

func (p *Program) operandText(k *condition, most int) string {
	folded := ""
	if k.fold {
		folded = " (any case)"
	}
	switch k.op {
	case opIn:
		word := "IN "
		if k.inverted {
			word = "NOT_IN "
		}
		return word + quotedList(p.itemTexts(k), most)
	case opStartsWith:
		return "STR_STARTS_WITH " + quotedList(k.texts, most) + folded
	case opEndsWith:
		return "STR_ENDS_WITH " + quotedList(k.texts, most) + folded
	case opContains:
		return "STR_CONTAINS " + quotedList(k.texts, most) + folded
	case opNumber:
		return "NUM_" + k.order.String() + " " + strconv.FormatFloat(k.number, 'g', -1, 64)
	case opVersion:
		return "SEMVER_" + k.order.String() + " " + k.version.String()
	case opRegex:
		if pattern, ok := k.pattern.(*pair); ok {
			return "REGEX " + strconv.Quote(pattern.String())
		}
		return fmt.Sprintf("REGEX %v", k.machineOf().code)
	default:
		texts := make([]string, len(k.prefixes))
		for i, prefix := range k.prefixes {
			texts[i] = prefix.String()
		}
		return "IN_CIDR " + quotedList(texts, most)
	}
}

func (o order) String() string {
	return map[order]string{equal: "EQ", greater: "GT", less: "LT", greater | equal: "GTE", less | equal: "LTE"}[o]
}

// itemTexts are the values of a list, sorted.
func (p *Program) itemTexts(k *condition) []string {
	texts := make([]string, 0, len(k.items))
	for text, item := range p.fields[k.field].values {
		if _, listed := slices.BinarySearch(k.items, item); listed {
			texts = append(texts, text)
		}
	}
	slices.Sort(texts)
	return texts
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
