package compile

import (
	"cmp"
	"slices"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// MayBeOn reports for each flag of Flags whether a request at a time may find
// it on. false is certain: the flag is off whatever the context is, because a
// date has passed or is to come, because conditions exclude each other, because
// its share is 0 %, because its parent is off, or because its parent never has
// the variant that it must have. true may be wrong where only a search over
// contexts could decide, and beyond the bounds of the work: it takes linear time.
func MayBeOn(p *eval.Program, at time.Time) []bool {
	r := reach{
		p: p, view: p.NewView(&eval.Context{Time: at}), texts: map[int32][]string{},
		segments: map[*eval.Condition]bool{}, variants: map[int32]map[string]bool{}, left: maxTries,
	}
	on := make([]bool, len(p.Rules))
	// A parent has no parents, so that two passes are enough.
	for _, children := range []bool{false, true} {
		for i := range p.Rules {
			if f := &p.Rules[i]; (len(f.Parents) > 0) == children {
				on[i] = r.parents(f, on) && r.anyStrategy(f)
			}
		}
	}
	return on
}

// reach is the work on one program at one time.
type reach struct {
	p     *eval.Program
	view  *eval.View
	texts map[int32][]string // values of a field by their numbers
	// segments are the large ones that were looked at by themselves, and whether
	// they can hold.
	segments map[*eval.Condition]bool
	variants map[int32]map[string]bool // that a parent may have, by name
	left     int                       // values that may still be tried
}

const (
	// largeSegment is how many conditions a segment may must be looked at
	// together with those of each strategy that uses it.
	largeSegment = 32
	// maxTries is how many values of lists are tried, in all flags together.
	maxTries = 1_000_000
)

// parents reports whether every dependency of a flag can be met.
func (r *reach) parents(f *eval.Rule, on []bool) bool {
	for i := range f.Parents {
		d := &f.Parents[i]
		strategies := r.p.Rules[d.Flag].Strategies
		always := len(strategies) > 0 && strategies[0].Everybody()
		if d.Enabled && !on[d.Flag] || !d.Enabled && always && len(r.p.Rules[d.Flag].Parents) == 0 {
			return false
		}
		if d.Enabled && len(d.Variants) > 0 && !r.mayTake(d) {
			return false
		}
	}
	return true
}

// mayTake reports whether the parent of a dependency may have one of the variants
// that the dependency requires.
func (r *reach) mayTake(d *eval.Parent) bool {
	names, known := r.variants[d.Flag]
	if !known {
		names = r.variantsOf(&r.p.Rules[d.Flag])
		r.variants[d.Flag] = names
	}
	return slices.ContainsFunc(d.Variants, func(name string) bool { return names[name] })
}

// variantsOf returns the names of the variants that an enabled flag may have.
func (r *reach) variantsOf(f *eval.Rule) map[string]bool {
	names := map[string]bool{}
	for i := range f.Strategies {
		s := &f.Strategies[i]
		if !r.mayPass(s) {
			continue
		}
		chosen := cmp.Or(s.Variants, f.Variants)
		if name, constant := chosen.Constant(); constant {
			names[name] = true
			continue
		}
		names[eval.Disabled.Name] = true // where the deciding field is missing
		for j := range chosen.List {
			names[chosen.List[j].Name] = true
		}
	}
	return names
}

func (r *reach) anyStrategy(f *eval.Rule) bool {
	for i := range f.Strategies {
		if r.mayPass(&f.Strategies[i]) {
			return true
		}
	}
	return false
}

// mayPass reports whether some context may pass a strategy.
func (r *reach) mayPass(s *eval.Strategy) bool {
	return (s.Share == nil || s.Share.Percent > 0) && r.canHold(s.Conditions)
}

// canHold reports whether some context may satisfy all conditions. Conditions
// on different fields do not exclude each other.
func (r *reach) canHold(conditions []*eval.Condition) bool {
	if len(conditions) == 1 && conditions[0].Op != eval.OpAll { // most strategies
		k := conditions[0]
		if k.Op == eval.OpDate {
			return r.view.Holds(k)
		}
		return k.Inverted || !k.Never()
	}
	byField := map[int32][]*eval.Condition{}
	if !r.collect(conditions, byField) {
		return false
	}
	for field, list := range byField {
		if len(list) > 1 && !r.together(field, list) {
			return false
		}
	}
	return true
}

// collect sorts conditions by field, with those of segments. It returns false
// when one of them cannot hold by itself.
func (r *reach) collect(conditions []*eval.Condition, byField map[int32][]*eval.Condition) bool {
	for _, k := range conditions {
		switch {
		case k.Op == eval.OpAll && k.Inverted:
			if len(k.All) == 0 {
				return false
			}
		case k.Op == eval.OpAll && len(k.All) > largeSegment:
			if !r.segment(k) {
				return false
			}
		case k.Op == eval.OpAll:
			if !r.collect(k.All, byField) {
				return false
			}
		case k.Op == eval.OpDate:
			if !r.view.Holds(k) {
				return false
			}
		case !k.Inverted && k.Never():
			return false
		default:
			byField[k.Field] = append(byField[k.Field], k)
		}
	}
	return true
}

// segment reports whether a large segment can hold by itself.
func (r *reach) segment(k *eval.Condition) bool {
	holds, known := r.segments[k]
	if !known {
		holds = r.canHold(k.All)
		r.segments[k] = holds
	}
	return holds
}

// together reports whether one value of a field, or its absence, may satisfy
// several conditions.
func (r *reach) together(field int32, list []*eval.Condition) bool {
	var shortest *eval.Condition // of the lists that the value must be in
	for _, k := range list {
		if k.Op == eval.OpIn && !k.Inverted && (shortest == nil || len(k.Items) < len(shortest.Items)) {
			shortest = k
		}
	}
	if shortest == nil {
		return numbersOverlap(list) && versionsOverlap(list)
	}
	for _, item := range shortest.Items {
		if r.left -= len(list); r.left < 0 || r.satisfies(field, item, list) {
			return true
		}
	}
	return false
}

// satisfies reports whether a value of a list satisfies all conditions on its
// field. The text of a hashed value is unknown, and may satisfy any operator
// that looks at the text.
func (r *reach) satisfies(field, item int32, list []*eval.Condition) bool {
	s := &r.view.Slots[field]
	*s = eval.Slot{State: eval.Present, Item: item}
	hashed := r.p.Fields[field].Hashed
	for _, k := range list {
		if k.Op == eval.OpIn {
			if eval.Contains(k.Items, item) == k.Inverted {
				return false
			}
			continue
		}
		if hashed {
			continue
		}
		if s.Value == "" {
			s.Value = r.text(field, item)
		}
		if !r.view.Holds(k) {
			return false
		}
	}
	return true
}

// text returns a value of a field by its number.
func (r *reach) text(field, item int32) string {
	list := r.texts[field]
	if list == nil {
		values := r.p.Fields[field].Values
		list = make([]string, len(values))
		for text, number := range values {
			list[number] = text
		}
		r.texts[field] = list
	}
	return list[item]
}

// bounds are what ordering conditions leave of an order.
type bounds[T any] struct {
	compare           func(a, b T) int
	low, high         T
	hasLow, hasHigh   bool
	lowOpen, highOpen bool
}

// narrow takes a condition into account. An order of "not equal", or of
// everything, excludes no range.
func (b *bounds[T]) narrow(o eval.Order, operand T) {
	if o&eval.Greater == 0 { // at most the operand
		switch c := b.against(b.hasHigh, operand, b.high); {
		case c < 0:
			b.high, b.hasHigh, b.highOpen = operand, true, o&eval.Equal == 0
		case c == 0:
			b.highOpen = b.highOpen || o&eval.Equal == 0
		}
	}
	if o&eval.Less == 0 { // at least the operand
		switch c := b.against(b.hasLow, b.low, operand); {
		case c < 0:
			b.low, b.hasLow, b.lowOpen = operand, true, o&eval.Equal == 0
		case c == 0:
			b.lowOpen = b.lowOpen || o&eval.Equal == 0
		}
	}
}

// against compares two operands; one that does not exist yet gives way.
func (b *bounds[T]) against(exists bool, x, y T) int {
	if !exists {
		return -1
	}
	return b.compare(x, y)
}

// empty reports whether nothing is left.
func (b *bounds[T]) empty() bool {
	if !b.hasLow || !b.hasHigh {
		return false
	}
	c := b.compare(b.low, b.high)
	return c > 0 || c == 0 && (b.lowOpen || b.highOpen)
}

func numbersOverlap(list []*eval.Condition) bool {
	b := bounds[float64]{compare: cmp.Compare[float64]}
	for _, k := range list {
		if k.Op == eval.OpNumber && !k.Inverted {
			b.narrow(k.Order, k.Number)
		}
	}
	return !b.empty()
}

func versionsOverlap(list []*eval.Condition) bool {
	b := bounds[eval.Version]{compare: eval.Version.Compare}
	for _, k := range list {
		if k.Op == eval.OpVersion && !k.Inverted {
			b.narrow(k.Order, k.Version)
		}
	}
	return !b.empty()
}
