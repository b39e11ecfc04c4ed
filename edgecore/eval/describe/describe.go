package describe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// Description is what a flag does, to be compared and shown: all that an
// evaluation looks at. Two flags with equal descriptions answer alike.
type Description struct {
	Parents        []DescribedParent
	Strategies     []DescribedStrategy // in order; none: off for everybody
	Variants       *DescribedVariants  // of the flag itself; nil: none
	ImpressionData bool
}

// DescribedParent is one dependency of a flag.
type DescribedParent struct {
	Name     string
	Enabled  bool     // what it must be
	Variants []string // of which it has to have one; empty: any
	// Flag is what the parent does, as far as it counts for its child.
	Flag Description
}

// DescribedStrategy passes when all its conditions hold and its share does.
type DescribedStrategy struct {
	Conditions []*DescribedCondition
	Share      *DescribedShare    // nil: everybody
	Variants   *DescribedVariants // nil: those of the flag
}

// DescribedShare is a part of all ids.
type DescribedShare struct {
	Percent int
	By      DescribedSticky
	Group   string
}

// DescribedSticky says what decides: the first of the fields that has a value,
// else Fixed (of the static context), else a random draw, else nothing.
type DescribedSticky struct {
	Fields []string
	Fixed  string
	Random bool
}

// DescribedVariants are the values of a flag. Variants without any weight are
// none.
type DescribedVariants struct {
	By        DescribedSticky
	Group     string
	List      []eval.Variant
	Weights   []int
	Overrides []DescribedOverride
}

// DescribedOverride gives a variant to whom a condition holds for.
type DescribedOverride struct {
	Variant   string
	Condition *DescribedCondition
}

// DescribedCondition is a comparison, or a segment: a list of them.
type DescribedCondition struct {
	Field    string   // "" for a segment
	Operator string   // such as "IN", "not NUM_GT", "segment"
	AnyCase  bool     // texts are compared without regard to case
	Values   []string // what the field is compared with; sorted
	List     bool     // the operator takes a list
	// Identifies says that Values are ids, or parts of them: to be counted,
	// not shown. Digests says that they are digests of ids.
	Identifies, Digests bool
	// Pattern is the text of a regular expression, of which the value is the
	// program; nil of one that was decoded.
	Pattern *string
	All     []*DescribedCondition // of a segment
}

// Reach says for whom a flag is on.
type Reach uint8

// The reaches of a flag.
const (
	Nobody Reach = iota
	Somebody
	Everybody
)

// Reach of a flag, as far as it is decided: Specialize decides what can be.
func (d *Description) Reach() Reach {
	n := len(d.Strategies)
	switch {
	case n == 0:
		return Nobody
	case len(d.Parents) > 0, len(d.Strategies[n-1].Conditions) > 0, d.Strategies[n-1].Share != nil:
		return Somebody
	}
	return Everybody
}

// Describer describes flags, of one program or of several that are to be
// compared: conditions that are equal are described by the same pointer, and
// others never are. What it returns is shared: do not change it. It is not safe
// for concurrent use.
type Describer struct {
	identifiers []string
	texts       map[*eval.Program]eval.ValueTexts
	conditions  map[*eval.Condition]*DescribedCondition
	known       map[string]*DescribedCondition // by what they say
	parents     map[parentOf]Description
}

// parentOf names what counts of a parent: its variants do if the child asks for
// one.
type parentOf struct {
	program *eval.Program
	flag    int32
	named   bool
}

// NewDescriber returns a describer. identifiers are the context fields that
// hold ids.
func NewDescriber(identifiers []string) *Describer {
	return &Describer{
		identifiers: identifiers, texts: map[*eval.Program]eval.ValueTexts{},
		conditions: map[*eval.Condition]*DescribedCondition{}, known: map[string]*DescribedCondition{},
		parents: map[parentOf]Description{},
	}
}

// Flag describes the flag at a place of Program.Flags.
func (d *Describer) Flag(p *eval.Program, i int) Description {
	f := &p.Rules[i]
	out := d.rules(p, f)
	out.ImpressionData = p.List[i].ImpressionData
	for i := range f.Parents {
		out.Parents = append(out.Parents, d.parent(p, &f.Parents[i]))
	}
	return out
}

// Named is Flag by name; ok is false for a flag that the program does not
// know.
func (d *Describer) Named(p *eval.Program, name string) (out Description, ok bool) {
	i, ok := p.Index[name]
	if !ok {
		return Description{}, false
	}
	return d.Flag(p, int(i)), true
}

// rules describes a flag without parents and impression data. Variants that
// no context gets do not count.
func (d *Describer) rules(p *eval.Program, f *eval.Rule) Description {
	if len(f.Strategies) == 0 {
		return Description{}
	}
	out := Description{Strategies: make([]DescribedStrategy, len(f.Strategies)), Variants: d.variants(p, f.Variants)}
	for i := range f.Strategies {
		s, to := &f.Strategies[i], &out.Strategies[i]
		for _, k := range s.Conditions {
			to.Conditions = append(to.Conditions, d.condition(p, k))
		}
		if s.Share != nil {
			to.Share = &DescribedShare{
				Percent: s.Share.Percent, By: describeSticky(p, s.Share.Sticky), Group: s.Share.Group,
			}
		}
		to.Variants = d.variants(p, s.Variants)
	}
	return out
}

func (d *Describer) parent(p *eval.Program, from *eval.Parent) DescribedParent {
	out := DescribedParent{Name: p.List[from.Flag].Name, Enabled: from.Enabled}
	if from.Enabled {
		out.Variants = from.Variants
	}
	of := parentOf{p, from.Flag, len(out.Variants) > 0}
	flag, known := d.parents[of]
	if !known {
		flag = d.asParent(p, of)
		d.parents[of] = flag
	}
	out.Flag = flag
	return out
}

// asParent: of its variants nothing counts but the names, and those only if the
// child asks for one.
func (d *Describer) asParent(p *eval.Program, of parentOf) Description {
	out := d.rules(p, &p.Rules[of.flag])
	out.Variants = out.Variants.bare(of.named)
	for i := range out.Strategies {
		s := &out.Strategies[i]
		s.Variants = s.Variants.bare(of.named)
	}
	return out
}

// bare drops payloads, or everything.
func (v *DescribedVariants) bare(named bool) *DescribedVariants {
	if v == nil || !named {
		return nil
	}
	out := *v
	out.List = slices.Clone(v.List)
	for i := range out.List {
		out.List[i].Payload = nil
	}
	return &out
}

func describeSticky(p *eval.Program, s *eval.Sticky) DescribedSticky {
	out := DescribedSticky{Fixed: s.Fixed, Random: s.Random && s.Fixed == ""}
	for _, i := range s.Fields {
		out.Fields = append(out.Fields, p.Fields[i].Name)
	}
	return out
}

func (d *Describer) variants(p *eval.Program, v *eval.Variants) *DescribedVariants {
	if v == nil || v.Total == 0 {
		return nil
	}
	out := &DescribedVariants{List: v.List, Weights: v.Weights}
	if v.Only < 0 {
		out.By, out.Group = describeSticky(p, v.Sticky), v.Group
	}
	for _, o := range v.Overrides {
		out.Overrides = append(out.Overrides, DescribedOverride{v.List[o.Variant].Name, d.condition(p, o.Condition)})
	}
	return out
}

func (d *Describer) condition(p *eval.Program, k *eval.Condition) *DescribedCondition {
	if out, ok := d.conditions[k]; ok {
		return out
	}
	out := d.describe(p, k)
	key := out.key()
	if known, ok := d.known[key]; ok {
		out = known
	}
	d.known[key], d.conditions[k] = out, out
	return out
}

// key is a text that no condition of another meaning has.
func (c *DescribedCondition) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %v %v", c.Field, c.Operator, c.AnyCase, c.Digests)
	for _, value := range c.Values {
		b.WriteString(strconv.Itoa(len(value)) + ":" + value)
	}
	keys := make([]string, len(c.All))
	for i, one := range c.All {
		keys[i] = one.key()
	}
	slices.Sort(keys) // their order does not count
	for _, key := range keys {
		b.WriteString("(" + key + ")")
	}
	return b.String()
}

func (d *Describer) describe(p *eval.Program, k *eval.Condition) *DescribedCondition {
	out := &DescribedCondition{Operator: k.UnleashOperator(), AnyCase: k.Fold, List: true}
	switch k.Op {
	case eval.OpAll:
		for _, one := range k.All {
			out.All = append(out.All, d.condition(p, one))
		}
		return out
	case eval.OpDate:
		out.Field, out.List = "currentTime", false
		out.Values = []string{time.UnixMilli(k.Instant).UTC().Format(time.RFC3339Nano)}
		return out
	}
	out.Field = p.Fields[k.Field].Name
	out.Identifies = k.Identifies() && slices.Contains(d.identifiers, out.Field)
	switch k.Op {
	case eval.OpIn:
		out.Digests = p.Fields[k.Field].Hashed
		if d.texts[p] == nil {
			d.texts[p] = eval.ValueTexts{}
		}
		out.Values = d.texts[p].List(p, k)
	case eval.OpStartsWith, eval.OpEndsWith, eval.OpContains:
		out.Values = slices.Clone(k.Texts)
	case eval.OpCIDR:
		for _, prefix := range k.Prefixes {
			out.Values = append(out.Values, prefix.String())
		}
	default:
		out.Values, out.List = []string{operand(k)}, false
		if p, ok := k.Pattern.(*eval.Pattern); ok {
			text := p.Expression.String()
			out.Pattern = &text
		}
	}
	slices.Sort(out.Values)
	return out
}

// operand is what an operator without a list compares with.
func operand(k *eval.Condition) string {
	switch k.Op {
	case eval.OpNumber:
		return eval.FormatNumber(k.Number)
	case eval.OpVersion:
		return k.Version.String()
	default:
		return fmt.Sprint(k.MachineOf().Code)
	}
}
