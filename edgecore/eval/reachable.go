package eval

import (
	"cmp"
	"time"
)

// MayBeOn reports for each flag of Flags whether a request at a time may find
// it on. false is certain: the flag is off whatever the context is, because a
// date has passed or is to come, because conditions exclude each other, because
// its share is 0 %, or because its parent is off. true may be wrong where only a
// search over contexts could decide, and beyond the bounds of the work: it takes
// linear time.
func (p *Program) MayBeOn(at time.Time) []bool {
	r := reach{p: p, view: p.NewView(&Context{Time: at}), texts: map[int32][]string{}, segments: map[*condition]bool{}, left: maxTries}
	on := make([]bool, len(p.flags))
	// A parent has no parents, so that two passes are enough.
	for _, children := range []bool{false, true} {
		for i := range p.flags {
			if f := &p.flags[i]; (len(f.parents) > 0) == children {
				on[i] = r.parents(f, on) && r.anyStrategy(f)
			}
		}
	}
	return on
}

// reach is the work on one program at one time.
type reach struct {
	p     *Program
	view  *View
	texts map[int32][]string // values of a field by their numbers
	// segments are the large ones that were looked at by themselves, and whether
	// they can hold.
	segments map[*condition]bool
	left     int // values that may still be tried
}

const (
	// largeSegment is how many conditions a segment may have to be looked at
	// together with those of each strategy that uses it.
	largeSegment = 32
	// maxTries is how many values of lists are tried, in all flags together.
	maxTries = 1_000_000
)

// parents reports whether every dependency of a flag can be met.
func (r *reach) parents(f *flag, on []bool) bool {
	for i := range f.parents {
		d := &f.parents[i]
		strategies := r.p.flags[d.flag].strategies
		always := len(strategies) > 0 && strategies[0].everybody()
		if d.enabled && !on[d.flag] || !d.enabled && always && len(r.p.flags[d.flag].parents) == 0 {
			return false
		}
	}
	return true
}

func (r *reach) anyStrategy(f *flag) bool {
	for i := range f.strategies {
		if s := &f.strategies[i]; (s.share == nil || s.share.percent > 0) && r.canHold(s.conditions) {
			return true
		}
	}
	return false
}

// canHold reports whether some context may satisfy all conditions. Conditions
// on different fields do not exclude each other.
func (r *reach) canHold(conditions []*condition) bool {
	if len(conditions) == 1 && conditions[0].op != opAll { // most strategies
		k := conditions[0]
		if k.op == opDate {
			return r.view.holds(k)
		}
		return k.inverted || !k.never()
	}
	byField := map[int32][]*condition{}
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
func (r *reach) collect(conditions []*condition, byField map[int32][]*condition) bool {
	for _, k := range conditions {
		switch {
		case k.op == opAll && k.inverted:
			if len(k.all) == 0 {
				return false
			}
		case k.op == opAll && len(k.all) > largeSegment:
			if !r.segment(k) {
				return false
			}
		case k.op == opAll:
			if !r.collect(k.all, byField) {
				return false
			}
		case k.op == opDate:
			if !r.view.holds(k) {
				return false
			}
		case !k.inverted && k.never():
			return false
		default:
			byField[k.field] = append(byField[k.field], k)
		}
	}
	return true
}

// segment reports whether a large segment can hold by itself.
func (r *reach) segment(k *condition) bool {
	holds, known := r.segments[k]
	if !known {
		holds = r.canHold(k.all)
		r.segments[k] = holds
	}
	return holds
}

// together reports whether one value of a field, or its absence, may satisfy
// several conditions.
func (r *reach) together(field int32, list []*condition) bool {
	var shortest *condition // of the lists that the value has to be in
	for _, k := range list {
		if k.op == opIn && !k.inverted && (shortest == nil || len(k.items) < len(shortest.items)) {
			shortest = k
		}
	}
	if shortest == nil {
		return numbersOverlap(list) && versionsOverlap(list)
	}
	for _, item := range shortest.items {
		if r.left -= len(list); r.left < 0 || r.satisfies(field, item, list) {
			return true
		}
	}
	return false
}

// satisfies reports whether a value of a list satisfies all conditions on its
// field. The text of a hashed value is unknown, and may satisfy any operator
// that looks at the text.
func (r *reach) satisfies(field, item int32, list []*condition) bool {
	s := &r.view.slots[field]
	*s = slot{state: present, item: item}
	hashed := r.p.fields[field].hashed
	for _, k := range list {
		if k.op == opIn {
			if contains(k.items, item) == k.inverted {
				return false
			}
			continue
		}
		if hashed {
			continue
		}
		if s.value == "" {
			s.value = r.text(field, item)
		}
		if !r.view.holds(k) {
			return false
		}
	}
	return true
}

// text returns a value of a field by its number.
func (r *reach) text(field, item int32) string {
	list := r.texts[field]
	if list == nil {
		values := r.p.fields[field].values
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
func (b *bounds[T]) narrow(o order, operand T) {
	if o&greater == 0 { // at most the operand
		switch c := b.against(b.hasHigh, operand, b.high); {
		case c < 0:
			b.high, b.hasHigh, b.highOpen = operand, true, o&equal == 0
		case c == 0:
			b.highOpen = b.highOpen || o&equal == 0
		}
	}
	if o&less == 0 { // at least the operand
		switch c := b.against(b.hasLow, b.low, operand); {
		case c < 0:
			b.low, b.hasLow, b.lowOpen = operand, true, o&equal == 0
		case c == 0:
			b.lowOpen = b.lowOpen || o&equal == 0
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

func numbersOverlap(list []*condition) bool {
	b := bounds[float64]{compare: cmp.Compare[float64]}
	for _, k := range list {
		if k.op == opNumber && !k.inverted {
			b.narrow(k.order, k.number)
		}
	}
	return !b.empty()
}

func versionsOverlap(list []*condition) bool {
	b := bounds[version]{compare: version.Compare}
	for _, k := range list {
		if k.op == opVersion && !k.inverted {
			b.narrow(k.order, k.version)
		}
	}
	return !b.empty()
}
