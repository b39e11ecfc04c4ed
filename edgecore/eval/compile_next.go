package eval

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

// source is what a program was compiled of, and how its parts were numbered:
// what CompileNext goes on from.
type source struct {
	definitions *edgecore.Definitions
	problems    []edgecore.Problem
	places      []int32 // of flags in the definitions, by their place in the program
	fields      map[string]int32
	stickies    map[string]*sticky
	segments    map[int]*condition
	values      int // of all lists, as everything was compiled
	patched     int // flags since then
	added       int // values since then
	patterns    int // size of all regular expressions, those of older versions included
}

// CompileNext compiles the next version of the definitions that last was
// compiled of, as Compile does. Where a few flags have changed, and nothing
// that others refer to, only those are compiled; the program shares the rest
// with last. last may be nil. The error is that of ctx, which ends the work.
func CompileNext(ctx context.Context, d *edgecore.Definitions, last *Program) (*Program, []edgecore.Problem, error) {
	if from := sourceOf(last); from != nil && edgecore.Complete(from.problems) {
		if changed, ok := from.changed(d); ok {
			if p := last.patch(ctx, d, changed); p != nil {
				return p, from.problems, nil
			}
		}
	}
	return compile(ctx, d)
}

// sourceOf returns what a program was compiled of, nil for none.
func sourceOf(p *Program) *source {
	if p == nil {
		return nil
	}
	from, _ := p.source.(*source)
	return from
}

// changed names the places of the flags that have to be compiled. ok is false
// where everything has to be.
func (s *source) changed(d *edgecore.Definitions) (places []int, ok bool) {
	old := s.definitions
	sameSegment := func(a, b edgecore.Segment) bool { return a.ID == b.ID && a.Raw == b.Raw }
	if len(d.Features) != len(old.Features) || !slices.EqualFunc(d.Segments, old.Segments, sameSegment) {
		return nil, false
	}
	// So many flags that were compiled one by one hold more memory than they
	// need, and lie apart.
	most := len(d.Features)/4 - s.patched
	for i := range d.Features {
		was, is := &old.Features[i], &d.Features[i]
		switch {
		case was.Name != is.Name:
			return nil, false
		case was.Raw == is.Raw:
		case len(places) >= most || dated(was) || dated(is) || (len(was.Dependencies) > 0) != (len(is.Dependencies) > 0):
			return nil, false
		default:
			places = append(places, i)
		}
	}
	return places, true
}

// dated tells whether a flag has a DATE constraint of its own.
func dated(f *edgecore.Feature) bool {
	return slices.ContainsFunc(f.Strategies, func(s edgecore.Strategy) bool {
		return slices.ContainsFunc(s.Constraints, func(c edgecore.Constraint) bool { return strings.HasPrefix(c.Operator, "DATE_") })
	})
}

// patch compiles the flags at some places anew. It returns nil where one of
// them has a problem, or had one: problems are told in their order.
func (p *Program) patch(ctx context.Context, d *edgecore.Definitions, places []int) *Program {
	from := sourceOf(p)
	out := p.clone()
	c := &compiler{
		program: out, features: d.Features, places: from.places, segments: from.segments,
		fields: maps.Clone(from.fields), stickies: maps.Clone(from.stickies), lent: make([]bool, len(p.fields)),
		ended: ctx.Err, patterns: map[string]*pattern{}, patternsTake: from.patterns,
	}
	faulty := map[string]bool{}
	for i := range from.problems {
		faulty[from.problems[i].Feature] = true
	}
	for i := range c.lent {
		c.lent[i] = p.fields[i].values != nil
	}
	for _, place := range places {
		f := &d.Features[place]
		at, ok := p.index[f.Name]
		if !ok || faulty[f.Name] {
			return nil
		}
		c.feature = f.Name
		if is := about(f); is != out.list[at] {
			if &out.list[0] == &p.list[0] {
				out.list = slices.Clone(p.list)
			}
			out.list[at] = is
		}
		out.setRule(at, c.flag(f))
	}
	if len(c.problems.List()) > 0 || c.stopped || from.added+c.added > from.values+1000 {
		return nil
	}
	out.source = &source{
		definitions: d, problems: from.problems, places: from.places, fields: c.fields, stickies: c.stickies, segments: from.segments,
		values: from.values, patched: from.patched + len(places), added: from.added + c.added,
		patterns: c.patternsTake,
	}
	return out
}

// about is what is known of a flag beside its rules.
func about(f *edgecore.Feature) Flag {
	return Flag{Name: f.Name, Type: f.Type, Project: f.Project, ImpressionData: f.ImpressionData}
}
