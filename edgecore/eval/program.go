package eval

import (
	"time"
)

// Program is definitions compiled for evaluation: an immutable tree of plain
// data. It is safe for concurrent use.
type Program struct {
	flags []flag // sorted by name
	list  []Flag // what is known about each of them
	index map[string]int
	flips []time.Time // sorted: when a DATE constraint changes its answer
}

type flag struct {
	enabled    bool
	parents    []parent
	strategies []strategy // empty: on for everybody
	variants   variants
}

// parent is one dependency of a flag. unmet is one that nothing satisfies: the
// parent is missing or has dependencies of its own.
type parent struct {
	flag     int // index in Program.flags
	unmet    bool
	enabled  bool
	variants []string
}

// strategy passes when all its constraints and its rule do.
type strategy struct {
	constraints []constraint
	segments    [][]constraint // shared with other strategies
	rule        rule
	variants    variants
}

// Flags lists the flags of the program, sorted by name. The list is shared: do
// not change it.
func (p *Program) Flags() []Flag { return p.list }

// Lookup returns what is known about one flag.
func (p *Program) Lookup(name string) (Flag, bool) {
	i, ok := p.index[name]
	if !ok {
		return Flag{}, false
	}
	return p.list[i], true
}

// NextFlip returns the first instant after t at which a DATE constraint
// changes its answer, so that the same context may get another result. ok is
// false when there is none.
func (p *Program) NextFlip(t time.Time) (flip time.Time, ok bool) {
	for _, flip := range p.flips {
		if flip.After(t) {
			return flip, true
		}
	}
	return time.Time{}, false
}

// Evaluate decides one flag. A flag that the program does not know is off.
// The variant of a flag that is off, or has no variants, is "disabled".
func (p *Program) Evaluate(name string, c *Context) Result {
	i, ok := p.index[name]
	if !ok {
		return off
	}
	return p.evaluate(&p.flags[i], c)
}

var (
	disabled = Variant{Name: "disabled"}
	off      = Result{Variant: disabled}
)

func (p *Program) evaluate(f *flag, c *Context) Result {
	if !f.enabled || !p.parentsMet(f, c) {
		return off
	}
	if len(f.strategies) == 0 {
		return Result{Enabled: true, Variant: f.variants.choose(c)}
	}
	for i := range f.strategies {
		s := &f.strategies[i]
		if !s.passes(c) {
			continue
		}
		chosen := &f.variants
		if len(s.variants.list) > 0 {
			chosen = &s.variants
		}
		return Result{Enabled: true, Variant: chosen.choose(c)}
	}
	return off
}

func (p *Program) parentsMet(f *flag, c *Context) bool {
	for i := range f.parents {
		d := &f.parents[i]
		if d.unmet {
			return false
		}
		r := p.evaluate(&p.flags[d.flag], c)
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

func (s *strategy) passes(c *Context) bool {
	for i := range s.constraints {
		if !s.constraints[i].holds(c) {
			return false
		}
	}
	for _, segment := range s.segments {
		for i := range segment {
			if !segment[i].holds(c) {
				return false
			}
		}
	}
	return s.rule.passes(c)
}
