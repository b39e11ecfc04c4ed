package eval

import (
	"maps"
	"slices"
)

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

// RandomDraw stands in what DependsOn returns for a draw.
const RandomDraw = "a random draw"

// DependsOn tells what the result of each flag needs that a static context does
// not hold: context fields, sorted, and then RandomDraw. There is none for a
// flag that is not Contextual.
func (p *Program) DependsOn(static *Context) [][]string {
	rest := p.fold(static, true)
	out := make([][]string, len(rest.flags))
	for i := range rest.flags {
		needs := needs{p: rest, fields: map[string]bool{}}
		needs.flag(&rest.flags[i])
		out[i] = slices.Sorted(maps.Keys(needs.fields))
		if needs.draw {
			out[i] = append(out[i], RandomDraw)
		}
	}
	return out
}

// needs collects what flags look at.
type needs struct {
	p      *Program
	fields map[string]bool
	draw   bool
}

func (n *needs) flag(f *flag) {
	for i := range f.parents {
		n.flag(&n.p.flags[f.parents[i].flag])
	}
	for i := range f.strategies {
		s := &f.strategies[i]
		for _, k := range s.conditions {
			n.condition(k)
		}
		if s.share != nil {
			n.sticky(s.share.sticky)
		}
		n.variants(s.variants)
	}
	n.variants(f.variants)
}

func (n *needs) condition(k *condition) {
	for _, one := range k.all {
		n.condition(one)
	}
	if k.op != opAll && k.op != opDate {
		n.fields[n.p.fields[k.field].name] = true
	}
}

func (n *needs) sticky(s *sticky) {
	for _, i := range s.fields {
		n.fields[n.p.fields[i].name] = true
	}
	n.draw = n.draw || s.random && s.fixed == ""
}

func (n *needs) variants(v *variants) {
	if v == nil || v.total == 0 {
		return
	}
	for _, o := range v.overrides {
		n.condition(o.condition)
	}
	if v.only < 0 {
		n.sticky(v.sticky)
	}
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
