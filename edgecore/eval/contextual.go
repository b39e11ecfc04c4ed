package eval

import "slices"

// Contextual tells whether the result of a flag needs what a static context
// does not hold: a field that is neither in Fields nor in Absent, or a random
// draw. The time is taken as given. It errs on the side of true.
func (p *Program) Contextual(name string, static *Context) bool {
	i, ok := p.index[name]
	if !ok {
		return false
	}
	f := &p.flags[i]
	enabled := p.enabledIn(f, static)
	return enabled == maybe || enabled == yes && p.variantOpen(f, static)
}

// truth is three-valued: what a condition is under a context of which only a
// part is known.
type truth int8

const (
	no truth = iota
	maybe
	yes
)

func (t truth) and(o truth) truth { return min(t, o) }
func (t truth) or(o truth) truth  { return max(t, o) }

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// known tells whether a field has one value, or none, in every completion.
func (c *Context) known(field string) bool {
	_, ok := c.Fields[field]
	return ok || slices.Contains(c.Absent, field)
}

func (p *Program) enabledIn(f *flag, c *Context) truth {
	if !f.enabled {
		return no
	}
	result := yes
	for i := range f.parents {
		result = result.and(p.parentMet(&f.parents[i], c))
	}
	if len(f.strategies) == 0 {
		return result
	}
	any := no
	for i := range f.strategies {
		any = any.or(f.strategies[i].passesIn(c))
	}
	return result.and(any)
}

func (p *Program) parentMet(d *parent, c *Context) truth {
	if d.unmet {
		return no
	}
	f := &p.flags[d.flag]
	enabled := p.enabledIn(f, c)
	switch {
	case enabled == maybe:
		return maybe
	case (enabled == yes) != d.enabled:
		return no
	case !d.enabled || len(d.variants) == 0:
		return yes
	case p.variantOpen(f, c):
		return maybe
	default:
		return truthOf(d.takes(p.evaluate(f, c).Variant.Name))
	}
}

// variantOpen tells whether an enabled flag may get more than one variant.
func (p *Program) variantOpen(f *flag, c *Context) bool {
	if len(f.strategies) == 0 {
		return f.variants.open(c)
	}
	first := true
	for i := range f.strategies {
		s := &f.strategies[i]
		passes := s.passesIn(c)
		if passes == no {
			continue
		}
		chosen := &f.variants
		if len(s.variants.list) > 0 {
			chosen = &s.variants
		}
		// A strategy that may pass before another decides between their
		// variants, unless both take the flag's own.
		if (!first || passes == maybe) && chosen != &f.variants || chosen.open(c) {
			return true
		}
		if passes == yes {
			return false
		}
		first = false
	}
	return false
}

func (s *strategy) passesIn(c *Context) truth {
	result := s.rule.passesIn(c)
	for i := range s.constraints {
		result = result.and(s.constraints[i].holdsIn(c))
	}
	for _, segment := range s.segments {
		for i := range segment {
			result = result.and(segment[i].holdsIn(c))
		}
	}
	return result
}

func (k *constraint) holdsIn(c *Context) truth {
	switch {
	case k.op == opNever, k.op == opDate, c.known(k.field):
		return truthOf(k.holds(c))
	default:
		return maybe
	}
}

func (r *rule) passesIn(c *Context) truth {
	switch r.kind {
	case ruleEverybody:
		return yes
	case ruleUsers:
		if !c.known("userId") && len(r.users) > 0 {
			return maybe
		}
	case ruleAddresses:
		if !c.known("remoteAddress") && len(r.addresses) > 0 {
			return maybe
		}
	case ruleShare:
		switch {
		case r.percent <= 0:
			return no
		case r.percent >= 100 && r.sticky.random:
			return yes
		case r.sticky.openIn(c):
			return maybe
		}
	}
	return truthOf(r.passes(c))
}

// openIn tells whether the deciding value is not settled.
func (s sticky) openIn(c *Context) bool {
	for _, field := range s.fields {
		if !c.known(field) {
			return true
		}
		if c.Fields[field] != "" {
			return false
		}
	}
	return s.random
}

// open tells whether more than one variant may be chosen.
func (v *variants) open(c *Context) bool {
	if v.total == 0 {
		return false
	}
	for i := range v.list {
		for _, o := range v.list[i].overrides {
			if !c.known(o.ContextName) {
				return true
			}
		}
		if v.list[i].overridden(c) {
			return false
		}
	}
	return v.only() == nil && v.sticky.openIn(c)
}
