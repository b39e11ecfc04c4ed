package eval

// Contextual tells whether the result of a flag needs what a static context
// does not hold: a field that is neither in Fields nor in Absent, or a random
// draw. The time is taken as given. It is asked of all flags at once, in the
// order of Flags.
func (p *Program) Contextual(static *Context) []bool {
	rest := p.fold(static, true)
	out := make([]bool, len(rest.flags))
	for i := range rest.flags {
		f := &rest.flags[i]
		switch {
		case len(f.strategies) == 0:
		case len(f.parents) > 0, len(f.strategies) > 1, !f.strategies[0].everybody():
			out[i] = true
		default:
			chosen := f.strategies[0].variants
			if chosen == nil {
				chosen = f.variants
			}
			_, fixed := chosen.constant()
			out[i] = !fixed
		}
	}
	return out
}

// Select returns the program of the flags that keep accepts. Parents of those
// stay, hidden: their children would be off without them.
func (p *Program) Select(keep func(Flag) bool) *Program {
	wanted := make([]bool, len(p.flags))
	needed := make([]bool, len(p.flags))
	for i, f := range p.list {
		wanted[i] = !f.Hidden && keep(f)
		if wanted[i] {
			for _, d := range p.flags[i].parents {
				needed[d.flag] = true
			}
		}
	}
	out := &Program{fields: p.fields, index: map[string]int32{}, flips: p.flips, salt: p.salt}
	number := make([]int32, len(p.flags))
	for i, f := range p.list {
		if !wanted[i] && !needed[i] {
			continue
		}
		number[i] = int32(len(out.list))
		f.Hidden = !wanted[i]
		out.index[f.Name] = number[i]
		out.list = append(out.list, f)
		out.flags = append(out.flags, p.flags[i])
	}
	for i := range out.flags {
		from := out.flags[i].parents
		out.flags[i].parents = nil
		for _, d := range from {
			d.flag = number[d.flag]
			out.flags[i].parents = append(out.flags[i].parents, d)
		}
	}
	return out.finish()
}
