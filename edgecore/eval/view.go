package eval

// View evaluates flags of a program for one context: one time, one seed, and
// each field of the context is looked up once. It is not safe for concurrent
// use. The zero View is ready for Reset; a View that is reset again and again
// allocates nothing.
type View struct {
	P     *Program
	C     *Context
	Slots []Slot // by field

	// The sticky that was asked for last, which is nearly always the next,
	// and what decider has found.
	sticky *Sticky
	id     string
	drawn  bool
	ok     bool
}

// Slot is the value of one field in the context.
type Slot struct {
	State slotState
	Item  int32 // number of the value in the lists of the field, -1: in none
	Value string
}

type slotState uint8

// What a view has read of a field: Missing and Present say whether the context
// has it.
const (
	unread slotState = iota
	Missing
	Present
)

// NewView returns a view of a program for a context.
func (p *Program) NewView(c *Context) *View {
	v := &View{}
	v.Reset(p, c)
	return v
}

// Reset makes the view one of another context, maybe of another program.
func (v *View) Reset(p *Program, c *Context) {
	n := len(p.Fields)
	if n > cap(v.Slots) {
		v.Slots = make([]Slot, n)
	}
	v.Slots = v.Slots[:n]
	clear(v.Slots)
	v.P, v.C, v.sticky = p, c, nil
}

// Evaluate decides one flag by name. A flag that the program does not know is
// off.
func (v *View) Evaluate(name string) Result {
	i, ok := v.P.Index[name]
	if !ok {
		return Off
	}
	return v.Flag(int(i))
}

// Flag decides the flag at a place of Program.Flags.
func (v *View) Flag(i int) Result {
	h := &v.P.heads[i]
	// Few branches: what is on and what is off follow each other at random.
	switch on := h.kind == headOn; {
	case h.kind <= headOn:
		return Result{Enabled: on, Variant: &Disabled}
	case h.kind == headShare:
		id, _, ok := v.StickyValue(h.sticky)
		return Result{Enabled: ok && h.prefix.Percent(id) <= int(h.percent), Variant: &Disabled}
	}
	return v.decide(&v.P.Rules[i])
}

func (v *View) decide(f *Rule) Result {
	if len(f.Parents) > 0 && !v.ParentsMet(f) {
		return Off
	}
	for i := range f.Strategies {
		s := &f.Strategies[i]
		if len(s.Conditions) > 0 && !v.allHold(s.Conditions) || s.Share != nil && !v.InShare(s.Share) {
			continue
		}
		chosen := s.Variants
		if chosen == nil {
			if chosen = f.Variants; chosen == nil {
				return Result{Enabled: true, Variant: &Disabled}
			}
		}
		return Result{Enabled: true, Variant: v.Choose(chosen)}
	}
	return Off
}

// ParentsMet: dependencies have one level, so that this does not go deeper.
func (v *View) ParentsMet(f *Rule) bool {
	for i := range f.Parents {
		d := &f.Parents[i]
		r := v.Flag(int(d.Flag))
		if r.Enabled != d.Enabled || d.Enabled && !d.Takes(r.Variant.Name) {
			return false
		}
	}
	return true
}

// Takes reports whether a variant of the enabled parent satisfies the dependency.
func (d *Parent) Takes(variant string) bool {
	if len(d.Variants) == 0 {
		return true
	}
	for _, v := range d.Variants {
		if v == variant {
			return true
		}
	}
	return false
}

func (v *View) allHold(conditions []*Condition) bool {
	for _, k := range conditions {
		if !v.Holds(k) {
			return false
		}
	}
	return true
}

// Field returns the value of a field, which is looked up at its first use.
func (v *View) Field(i int32) *Slot {
	s := &v.Slots[i]
	if s.State == unread {
		v.Read(s, i)
	}
	return s
}

// Read implements io.Reader.
func (v *View) Read(s *Slot, i int32) {
	f := &v.P.Fields[i]
	value, ok := v.C.Fields[f.Name]
	if !ok {
		s.State = Missing
		return
	}
	s.State, s.Value, s.Item = Present, value, -1
	if f.Values == nil {
		return
	}
	if f.Hashed {
		value = Digest(v.P.Salt, value)
	}
	if item, ok := f.Values[value]; ok {
		s.Item = item
	}
}
