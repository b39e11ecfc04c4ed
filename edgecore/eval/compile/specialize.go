package compile

import "github.com/flagcast/flagcast/edgecore/eval"

// Specialize returns the program that is left when a part of the context is
// fixed: it answers for every request as p does for the request with the
// static context over it. A field is known (static.Fields), known to be absent
// (static.Absent) or unknown; what the known ones decide is decided. Time and
// random draws are never taken as known, so that static.Time and static.Seed
// do not matter.
//
// The rest does not look at known fields any more.
func Specialize(p *eval.Program, static *eval.Context) *eval.Program {
	return foldStatic(p, static, false)
}

// Fold is Specialize; with the time as a further known thing if timed.
func foldStatic(p *eval.Program, static *eval.Context, timed bool) *eval.Program {
	s := specializer{
		p: p, timed: timed, known: make([]bool, len(p.Fields)),
		conditions: map[*eval.Condition]folded{}, stickies: map[*eval.Sticky]*eval.Sticky{},
		variantsOf: map[*eval.Variants]*eval.Variants{},
	}
	fixed := eval.Context{Fields: map[string]string{}, Time: static.Time}
	for name, value := range static.Fields {
		fixed.Fields[name] = value
	}
	for _, name := range static.Absent {
		delete(fixed.Fields, name)
	}
	for i, f := range p.Fields {
		_, has := fixed.Fields[f.Name]
		s.known[i] = has
	}
	for _, name := range static.Absent {
		for i, f := range p.Fields {
			s.known[i] = s.known[i] || f.Name == name
		}
	}
	s.view.Reset(p, &fixed)
	out := &eval.Program{Fields: p.Fields, List: p.List, Index: p.Index, Flips: p.Flips, Salt: p.Salt}
	if timed {
		out.Flips = nil
	}
	out.Rules = make([]eval.Rule, len(p.Rules))
	s.out = out
	// A parent has no parents, so that two passes are enough.
	for _, children := range []bool{false, true} {
		for i := range p.Rules {
			if (len(p.Rules[i].Parents) > 0) == children {
				out.Rules[i] = s.flag(&p.Rules[i])
			}
		}
	}
	return out.Finish()
}

// truth is three-valued: what a condition is under a context of which only a
// part is known.
type truth int8

const (
	no truth = iota
	maybe
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

type specializer struct {
	p, out *eval.Program
	view   eval.View // of what is known
	known  []bool
	timed  bool
	// What several flags share is folded once, and stays shared.
	conditions map[*eval.Condition]folded
	stickies   map[*eval.Sticky]*eval.Sticky
	variantsOf map[*eval.Variants]*eval.Variants
}

type folded struct {
	is   truth
	rest *eval.Condition // while is maybe
}

func (s *specializer) flag(f *eval.Rule) eval.Rule {
	var out eval.Rule
	for i := range f.Parents {
		switch s.parent(&f.Parents[i]) {
		case no:
			return eval.Rule{}
		case maybe:
			out.Parents = append(out.Parents, f.Parents[i])
		}
	}
	for i := range f.Strategies {
		one, is := s.strategy(&f.Strategies[i])
		if is == no {
			continue
		}
		out.Strategies = append(out.Strategies, one)
		if is == yes {
			break // the others are not reached
		}
	}
	// What passes only some before everybody passes makes no difference,
	// unless it gives other variants.
	for n := len(out.Strategies); n >= 2 && out.Strategies[n-1].Everybody() &&
		out.Strategies[n-2].Variants == out.Strategies[n-1].Variants; n-- {
		out.Strategies = append(out.Strategies[:n-2], out.Strategies[n-1])
	}
	if len(out.Strategies) == 0 {
		return eval.Rule{}
	}
	for i := range out.Strategies {
		if out.Strategies[i].Variants == nil {
			out.Variants = s.variants(f.Variants)
		}
	}
	return out
}

// parent reports whether a dependency is met. The parent is folded already.
func (s *specializer) parent(d *eval.Parent) truth {
	f := &s.out.Rules[d.Flag]
	enabled := maybe
	switch n := len(f.Strategies); {
	case n == 0:
		enabled = no
	case f.Strategies[n-1].Everybody():
		enabled = yes
	}
	switch {
	case enabled == maybe:
		return maybe
	case (enabled == yes) != d.Enabled:
		return no
	case !d.Enabled || len(d.Variants) == 0:
		return yes
	}
	if len(f.Strategies) > 1 {
		return maybe
	}
	chosen := f.Strategies[0].Variants
	if chosen == nil {
		chosen = f.Variants
	}
	name, fixed := chosen.Constant()
	if !fixed {
		return maybe
	}
	return truthOf(d.Takes(name))
}

func (s *specializer) strategy(from *eval.Strategy) (eval.Strategy, truth) {
	is := yes
	var out eval.Strategy
	for _, k := range from.Conditions {
		f := s.condition(k)
		is = min(is, f.is)
		if f.is == maybe {
			out.Conditions = append(out.Conditions, f.rest)
		}
	}
	if is == no {
		return out, no
	}
	if from.Share != nil {
		rest, f := s.share(from.Share)
		is = min(is, f)
		if f == maybe {
			out.Share = rest
		}
	}
	if is == no {
		return out, no
	}
	out.Variants = s.variants(from.Variants)
	return out, is
}

func (s *specializer) condition(k *eval.Condition) folded {
	if f, ok := s.conditions[k]; ok {
		return f
	}
	f := folded{maybe, k}
	switch {
	case k.Op == eval.OpAll:
		f = s.all(k)
	case k.Op == eval.OpDate && s.timed, k.Op != eval.OpDate && (s.known[k.Field] || k.Never()):
		f = folded{is: truthOf(s.view.Holds(k))}
	}
	s.conditions[k] = f
	return f
}

func (s *specializer) all(k *eval.Condition) folded {
	rest := &eval.Condition{Op: eval.OpAll, Inverted: k.Inverted}
	is := yes
	for _, one := range k.All {
		f := s.condition(one)
		is = min(is, f.is)
		if f.is == maybe {
			rest.All = append(rest.All, f.rest)
		}
	}
	switch {
	case is == maybe && len(rest.All) == 1 && !k.Inverted:
		return folded{maybe, rest.All[0]}
	case is == maybe && len(rest.All) == len(k.All):
		return folded{maybe, k}
	case is == maybe:
		return folded{maybe, rest}
	}
	return folded{is: truthOf((is == yes) != k.Inverted)}
}

func (s *specializer) share(from *eval.Share) (*eval.Share, truth) {
	by := s.sticky(from.Sticky)
	decided := len(by.Fields) == 0
	switch {
	case from.Percent <= 0, decided && by.Fixed == "" && !by.Random:
		return nil, no
	case from.Percent >= 100 && (by.Fixed != "" || by.Random):
		return nil, yes
	case decided && by.Fixed != "":
		return nil, truthOf(from.Prefix.Percent(by.Fixed) <= from.Percent)
	}
	rest := *from
	rest.Sticky = by
	return &rest, maybe
}

// sticky drops the fields that are known to have no value; one that has one
// ends the list.
func (s *specializer) sticky(from *eval.Sticky) *eval.Sticky {
	if out, ok := s.stickies[from]; ok {
		return out
	}
	out := &eval.Sticky{Random: from.Random, Fixed: from.Fixed}
	for _, i := range from.Fields {
		if !s.known[i] {
			out.Fields = append(out.Fields, i)
			continue
		}
		if value := s.view.Field(i).Value; value != "" {
			out.Fixed, out.Random = value, false
			break
		}
	}
	s.stickies[from] = out
	return out
}

func (s *specializer) variants(from *eval.Variants) *eval.Variants {
	if from == nil {
		return nil
	}
	if out, ok := s.variantsOf[from]; ok {
		return out
	}
	out := s.foldVariants(from)
	s.variantsOf[from] = out
	return out
}

func (s *specializer) foldVariants(from *eval.Variants) *eval.Variants {
	if from.Total == 0 {
		return from
	}
	by := s.sticky(from.Sticky)
	only := from.Only
	if only < 0 && len(by.Fields) == 0 && by.Fixed != "" {
		target := from.Prefix.Bucket(by.Fixed, from.Total)
		for i, weight := range from.Weights {
			if target -= weight; target <= 0 {
				only = i
				break
			}
		}
	}
	var kept []eval.Override
	for _, o := range from.Overrides {
		f := s.condition(o.Condition)
		if f.is == maybe {
			kept = append(kept, eval.Override{Condition: f.rest, Variant: o.Variant})
		}
		if f.is == yes {
			only = o.Variant
			break
		}
	}
	if only < 0 {
		rest := *from
		rest.Sticky, rest.Overrides = by, kept
		return &rest
	}
	return reduced(from, only, kept)
}

// reduced keeps one variant for everybody, and those of overrides.
func reduced(v *eval.Variants, only int, overrides []eval.Override) *eval.Variants {
	out := &eval.Variants{
		List: []eval.Variant{v.List[only]}, Weights: []int{1}, Total: 1, Sticky: &eval.Sticky{}, Group: v.Group,
		Prefix: v.Prefix,
	}
	number := map[int]int{only: 0}
	for _, o := range overrides {
		n, ok := number[o.Variant]
		if !ok {
			n = len(out.List)
			number[o.Variant] = n
			out.List, out.Weights = append(out.List, v.List[o.Variant]), append(out.Weights, 0)
		}
		out.Overrides = append(out.Overrides, eval.Override{Condition: o.Condition, Variant: n})
	}
	return out
}
