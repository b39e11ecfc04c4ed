package strictyaml

import (
	"cmp"
	"slices"
)

// collector gathers faults while the rest goes on.
type collector struct{ list []Fault }

// Add reports a fault.
func (c *collector) Add(p Place, message, hint string) {
	f := Fault{File: p.File, Line: p.Line, Column: p.Column, Message: message, Hint: hint}
	if !slices.Contains(c.list, f) { // one anchor, used twice
		c.list = append(c.list, f)
	}
}

// err returns nil, or all faults with their source lines. Those without a
// line come last: they are of the environment and the command line.
func (c *collector) err(src *source) error {
	if len(c.list) == 0 {
		return nil
	}
	slices.SortStableFunc(c.list, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(b2i(a.Line == 0), b2i(b.Line == 0)),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for i := range c.list {
		f := &c.list[i]
		if src != nil && f.Line > 0 {
			f.Source, f.Caret = src.mark(f.Line, f.Column)
		}
	}
	return &Faults{List: c.list}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *collector) withAbsent(s *Settings, needed func(Absent) bool) error {
	for _, a := range s.absent {
		if needed(a) {
			c.Add(a.Place, a.Message, a.Hint)
		}
	}
	return c.err(s.src)
}
