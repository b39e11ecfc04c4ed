package eval

// View evaluates flags of a program for one context: one time, one seed, and
// each field of the context is looked up once. It is not safe for concurrent
// use. The zero View is ready for Reset; a View that is reset again and again
// allocates nothing.
type View struct {
	p     *Program
	c     *Context
	slots []slot // by field

	// The sticky that was asked for last, which is nearly always the next,
	// and what decider has found.
	sticky *sticky
	id     string
	drawn  bool
	ok     bool
}

// slot is the value of one field in the context.
type slot struct {
	state slotState
	item  int32 // number of the value in the lists of the field, -1: in none
	value string
}

type slotState uint8

const (
	unread slotState = iota
	missing
	present
)

// NewView returns a view of a program for a context.
func (p *Program) NewView(c *Context) *View {
	v := &View{}
	v.Reset(p, c)
	return v
}

// Reset makes the view one of another context, maybe of another program.
func (v *View) Reset(p *Program, c *Context) {
	n := len(p.fields)
	if n > cap(v.slots) {
		v.slots = make([]slot, n)
	}
	v.slots = v.slots[:n]
	clear(v.slots)
	v.p, v.c, v.sticky = p, c, nil
}

// Evaluate decides one flag by name. A flag that the program does not know is
// off.
func (v *View) Evaluate(name string) Result {
	i, ok := v.p.index[name]
	if !ok {
		return off
	}
	return v.Flag(int(i))
}

// Flag decides the flag at a place of Program.Flags.
func (v *View) Flag(i int) Result {
	h := &v.p.heads[i]
	// Few branches: what is on and what is off follow each other at random.
	switch on := h.kind == headOn; {
	case h.kind <= headOn:
		return Result{Enabled: on, Variant: &disabled}
	case h.kind == headShare:
		id, _, ok := v.decider(h.sticky)
		return Result{Enabled: ok && h.prefix.percent(id) <= int(h.percent), Variant: &disabled}
	}
	return v.decide(&v.p.flags[i])
}

func (v *View) decide(f *flag) Result {
	if len(f.parents) > 0 && !v.parentsMet(f) {
		return off
	}
	for i := range f.strategies {
		s := &f.strategies[i]
		if len(s.conditions) > 0 && !v.allHold(s.conditions) || s.share != nil && !v.shares(s.share) {
			continue
		}
		chosen := s.variants
		if chosen == nil {
			if chosen = f.variants; chosen == nil {
				return Result{Enabled: true, Variant: &disabled}
			}
		}
		return Result{Enabled: true, Variant: v.choose(chosen)}
	}
	return off
}

// parentsMet: dependencies have one level, so that this does not go deeper.
func (v *View) parentsMet(f *flag) bool {
	for i := range f.parents {
		d := &f.parents[i]
		r := v.Flag(int(d.flag))
		if r.Enabled != d.enabled || d.enabled && !d.takes(r.Variant.Name) {
			return false
		}
	}
	return true
}

// takes tells whether a variant of the enabled parent satisfies the dependency.
func (d *parent) takes(variant string) bool {
	if len(d.variants) == 0 {
		return true
	}
	for _, v := range d.variants {
		if v == variant {
			return true
		}
	}
	return false
}

func (v *View) allHold(conditions []*condition) bool {
	for _, k := range conditions {
		if !v.holds(k) {
			return false
		}
	}
	return true
}

// field returns the value of a field, which is looked up at its first use.
func (v *View) field(i int32) *slot {
	s := &v.slots[i]
	if s.state == unread {
		v.read(s, i)
	}
	return s
}

func (v *View) read(s *slot, i int32) {
	f := &v.p.fields[i]
	value, ok := v.c.Fields[f.name]
	if !ok {
		s.state = missing
		return
	}
	s.state, s.value, s.item = present, value, -1
	if f.values == nil {
		return
	}
	if f.hashed {
		value = digest(v.p.salt, value)
	}
	if item, ok := f.values[value]; ok {
		s.item = item
	}
}
