package eval

// Specialize returns the program that is left when a part of the context is
// fixed: it answers for every request as p does for the request with the
// static context over it. A field is known (static.Fields), known to be absent
// (static.Absent) or unknown; what the known ones decide is decided. Time and
// random draws are never taken as known, so that static.Time and static.Seed
// do not matter.
//
// The rest does not look at known fields any more.
func (p *Program) Specialize(static *Context) *Program {
	return p.fold(static, false)
}

// fold is Specialize; with the time as a further known thing if timed.
func (p *Program) fold(static *Context, timed bool) *Program {
	s := specializer{
		p: p, timed: timed, known: make([]bool, len(p.fields)),
		conditions: map[*condition]folded{}, stickies: map[*sticky]*sticky{}, variantsOf: map[*variants]*variants{},
	}
	fixed := Context{Fields: map[string]string{}, Time: static.Time}
	for name, value := range static.Fields {
		fixed.Fields[name] = value
	}
	for _, name := range static.Absent {
		delete(fixed.Fields, name)
	}
	for i, f := range p.fields {
		_, has := fixed.Fields[f.name]
		s.known[i] = has
	}
	for _, name := range static.Absent {
		for i, f := range p.fields {
			s.known[i] = s.known[i] || f.name == name
		}
	}
	s.view.Reset(p, &fixed)
	out := &Program{fields: p.fields, list: p.list, index: p.index, flips: p.flips, salt: p.salt}
	if timed {
		out.flips = nil
	}
	out.flags = make([]flag, len(p.flags))
	s.out = out
	// A parent has no parents, so that two passes are enough.
	for _, children := range []bool{false, true} {
		for i := range p.flags {
			if (len(p.flags[i].parents) > 0) == children {
				out.flags[i] = s.flag(&p.flags[i])
			}
		}
	}
	return out.finish()
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
	p, out *Program
	view   View // of what is known
	known  []bool
	timed  bool
	// What several flags share is folded once, and stays shared.
	conditions map[*condition]folded
	stickies   map[*sticky]*sticky
	variantsOf map[*variants]*variants
}

type folded struct {
	is   truth
	rest *condition // while is maybe
}

func (s *specializer) flag(f *flag) flag {
	var out flag
	for i := range f.parents {
		switch s.parent(&f.parents[i]) {
		case no:
			return flag{}
		case maybe:
			out.parents = append(out.parents, f.parents[i])
		}
	}
	for i := range f.strategies {
		one, is := s.strategy(&f.strategies[i])
		if is == no {
			continue
		}
		out.strategies = append(out.strategies, one)
		if is == yes {
			break // nobody reaches the others
		}
	}
	// What passes only some before everybody passes makes no difference,
	// unless it gives other variants.
	for n := len(out.strategies); n >= 2 && out.strategies[n-1].everybody() && out.strategies[n-2].variants == out.strategies[n-1].variants; n-- {
		out.strategies = append(out.strategies[:n-2], out.strategies[n-1])
	}
	if len(out.strategies) == 0 {
		return flag{}
	}
	for i := range out.strategies {
		if out.strategies[i].variants == nil {
			out.variants = s.variants(f.variants)
		}
	}
	return out
}

// parent tells whether a dependency is met. The parent is folded already.
func (s *specializer) parent(d *parent) truth {
	f := &s.out.flags[d.flag]
	enabled := maybe
	switch n := len(f.strategies); {
	case n == 0:
		enabled = no
	case f.strategies[n-1].everybody():
		enabled = yes
	}
	switch {
	case enabled == maybe:
		return maybe
	case (enabled == yes) != d.enabled:
		return no
	case !d.enabled || len(d.variants) == 0:
		return yes
	}
	if len(f.strategies) > 1 {
		return maybe
	}
	chosen := f.strategies[0].variants
	if chosen == nil {
		chosen = f.variants
	}
	name, fixed := chosen.constant()
	if !fixed {
		return maybe
	}
	return truthOf(d.takes(name))
}

func (s *specializer) strategy(from *strategy) (strategy, truth) {
	is := yes
	var out strategy
	for _, k := range from.conditions {
		f := s.condition(k)
		is = min(is, f.is)
		if f.is == maybe {
			out.conditions = append(out.conditions, f.rest)
		}
	}
	if is == no {
		return out, no
	}
	if from.share != nil {
		rest, f := s.share(from.share)
		is = min(is, f)
		if f == maybe {
			out.share = rest
		}
	}
	if is == no {
		return out, no
	}
	out.variants = s.variants(from.variants)
	return out, is
}

func (s *specializer) condition(k *condition) folded {
	if f, ok := s.conditions[k]; ok {
		return f
	}
	f := folded{maybe, k}
	switch {
	case k.op == opAll:
		f = s.all(k)
	case k.op == opDate && s.timed, k.op != opDate && (s.known[k.field] || k.never()):
		f = folded{is: truthOf(s.view.holds(k))}
	}
	s.conditions[k] = f
	return f
}

func (s *specializer) all(k *condition) folded {
	rest := &condition{op: opAll, inverted: k.inverted}
	is := yes
	for _, one := range k.all {
		f := s.condition(one)
		is = min(is, f.is)
		if f.is == maybe {
			rest.all = append(rest.all, f.rest)
		}
	}
	switch {
	case is == maybe && len(rest.all) == 1 && !k.inverted:
		return folded{maybe, rest.all[0]}
	case is == maybe && len(rest.all) == len(k.all):
		return folded{maybe, k}
	case is == maybe:
		return folded{maybe, rest}
	}
	return folded{is: truthOf((is == yes) != k.inverted)}
}

func (s *specializer) share(from *share) (*share, truth) {
	by := s.sticky(from.sticky)
	decided := len(by.fields) == 0
	switch {
	case from.percent <= 0, decided && by.fixed == "" && !by.random:
		return nil, no
	case from.percent >= 100 && (by.fixed != "" || by.random):
		return nil, yes
	case decided && by.fixed != "":
		return nil, truthOf(from.prefix.percent(by.fixed) <= from.percent)
	}
	rest := *from
	rest.sticky = by
	return &rest, maybe
}

// sticky drops the fields that are known to have no value; one that has one
// ends the list.
func (s *specializer) sticky(from *sticky) *sticky {
	if out, ok := s.stickies[from]; ok {
		return out
	}
	out := &sticky{random: from.random, fixed: from.fixed}
	for _, i := range from.fields {
		if !s.known[i] {
			out.fields = append(out.fields, i)
			continue
		}
		if value := s.view.field(i).value; value != "" {
			out.fixed, out.random = value, false
			break
		}
	}
	s.stickies[from] = out
	return out
}

func (s *specializer) variants(from *variants) *variants {
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

func (s *specializer) foldVariants(from *variants) *variants {
	if from.total == 0 {
		return from
	}
	by := s.sticky(from.sticky)
	only := from.only
	if only < 0 && len(by.fields) == 0 && by.fixed != "" {
		target := from.prefix.bucket(by.fixed, from.total)
		for i, weight := range from.weights {
			if target -= weight; target <= 0 {
				only = i
				break
			}
		}
	}
	var kept []override
	for _, o := range from.overrides {
		f := s.condition(o.condition)
		if f.is == maybe {
			kept = append(kept, override{f.rest, o.variant})
		}
		if f.is == yes {
			only = o.variant
			break
		}
	}
	if only < 0 {
		rest := *from
		rest.sticky, rest.overrides = by, kept
		return &rest
	}
	return from.reduced(only, kept)
}

// reduced keeps one variant for everybody, and those of overrides.
func (v *variants) reduced(only int, overrides []override) *variants {
	out := &variants{list: []Variant{v.list[only]}, weights: []int{1}, total: 1, sticky: &sticky{}, group: v.group, prefix: v.prefix}
	number := map[int]int{only: 0}
	for _, o := range overrides {
		n, ok := number[o.variant]
		if !ok {
			n = len(out.list)
			number[o.variant] = n
			out.list, out.weights = append(out.list, v.list[o.variant]), append(out.weights, 0)
		}
		out.overrides = append(out.overrides, override{o.condition, n})
	}
	return out
}
