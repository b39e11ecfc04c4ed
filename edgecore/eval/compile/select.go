package compile

import (
	"maps"
	"slices"

	"github.com/flagcast/flagcast/edgecore/eval"
)

// Contextual reports whether the result of a flag needs what a static context
// does not hold: a field that is neither in Fields nor in Absent, or a random
// draw. The time is taken as given. It is asked of all flags at once, in the
// order of Flags.
func Contextual(p *eval.Program, static *eval.Context) []bool {
	rest := foldStatic(p, static, true)
	out := make([]bool, len(rest.Rules))
	for i := range rest.Rules {
		f := &rest.Rules[i]
		switch {
		case len(f.Strategies) == 0:
		case len(f.Parents) > 0, len(f.Strategies) > 1, !f.Strategies[0].Everybody():
			out[i] = true
		default:
			chosen := f.Strategies[0].Variants
			if chosen == nil {
				chosen = f.Variants
			}
			_, fixed := chosen.Constant()
			out[i] = !fixed
		}
	}
	return out
}

// RandomDraw is the name of a draw in what DependsOn returns.
const RandomDraw = "a random draw"

// DependsOn says what the result of each flag needs that a static context does
// not hold: context fields, sorted, and then RandomDraw. There is none for a
// flag that is not Contextual.
func DependsOn(p *eval.Program, static *eval.Context) [][]string {
	rest := foldStatic(p, static, true)
	out := make([][]string, len(rest.Rules))
	for i := range rest.Rules {
		needs := needs{p: rest, fields: map[string]bool{}}
		needs.flag(&rest.Rules[i])
		out[i] = slices.Sorted(maps.Keys(needs.fields))
		if needs.draw {
			out[i] = append(out[i], RandomDraw)
		}
	}
	return out
}

// needs collects what flags look at.
type needs struct {
	p      *eval.Program
	fields map[string]bool
	draw   bool
}

func (n *needs) flag(f *eval.Rule) {
	for i := range f.Parents {
		n.flag(&n.p.Rules[f.Parents[i].Flag])
	}
	for i := range f.Strategies {
		s := &f.Strategies[i]
		for _, k := range s.Conditions {
			n.condition(k)
		}
		if s.Share != nil {
			n.sticky(s.Share.Sticky)
		}
		n.variants(s.Variants)
	}
	n.variants(f.Variants)
}

func (n *needs) condition(k *eval.Condition) {
	for _, one := range k.All {
		n.condition(one)
	}
	if k.Op != eval.OpAll && k.Op != eval.OpDate {
		n.fields[n.p.Fields[k.Field].Name] = true
	}
}

func (n *needs) sticky(s *eval.Sticky) {
	for _, i := range s.Fields {
		n.fields[n.p.Fields[i].Name] = true
	}
	n.draw = n.draw || s.Random && s.Fixed == ""
}

func (n *needs) variants(v *eval.Variants) {
	if v == nil || v.Total == 0 {
		return
	}
	for _, o := range v.Overrides {
		n.condition(o.Condition)
	}
	if v.Only < 0 {
		n.sticky(v.Sticky)
	}
}

// Select returns the program of the flags that keep accepts. Parents of those
// stay, hidden: their children would be off without them.
func Select(p *eval.Program, keep func(eval.Flag) bool) *eval.Program {
	wanted := make([]bool, len(p.Rules))
	needed := make([]bool, len(p.Rules))
	for i, f := range p.List {
		wanted[i] = !f.Hidden && keep(f)
		if wanted[i] {
			for _, d := range p.Rules[i].Parents {
				needed[d.Flag] = true
			}
		}
	}
	out := &eval.Program{Fields: p.Fields, Index: map[string]int32{}, Flips: p.Flips, Salt: p.Salt}
	number := make([]int32, len(p.Rules))
	for i, f := range p.List {
		if !wanted[i] && !needed[i] {
			continue
		}
		number[i] = int32(len(out.List))
		f.Hidden = !wanted[i]
		out.Index[f.Name] = number[i]
		out.List = append(out.List, f)
		out.Rules = append(out.Rules, p.Rules[i])
	}
	for i := range out.Rules {
		from := out.Rules[i].Parents
		out.Rules[i].Parents = nil
		for _, d := range from {
			d.Flag = number[d.Flag]
			out.Rules[i].Parents = append(out.Rules[i].Parents, d)
		}
	}
	return out.Finish()
}
