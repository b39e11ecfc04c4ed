package compile

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
)

// source is what a program was compiled of, and how its parts were numbered:
// what Next goes on from.
type source struct {
	definitions *edgecore.Definitions
	problems    []edgecore.Problem
	places      []int32 // of flags in the definitions, by their place in the program
	fields      map[string]int32
	stickies    map[string]*eval.Sticky
	segments    map[int]*eval.Condition
	values      int // of all lists, as everything was compiled
	patched     int // flags since then
	added       int // values since then
	patterns    int // size of all regular expressions, those of older versions included
}

// Next compiles the next version of the definitions that last was
// compiled of, as Compile does. Where a few flags have changed, and nothing
// that others refer to, only those are compiled; the program shares the rest
// with last. last may be nil. The error is that of ctx, which ends the work.
func Next(ctx context.Context, d *edgecore.Definitions, last *eval.Program) (*eval.Program, []edgecore.Problem, error) {
	if from := sourceOf(last); from != nil && edgecore.Complete(from.problems) {
		if changed, ok := from.changed(d); ok {
			if p := patch(last, ctx, d, changed); p != nil {
				return p, from.problems, nil
			}
		}
	}
	return compileAll(ctx, d)
}

// sourceOf returns what a program was compiled of, nil for none.
func sourceOf(p *eval.Program) *source {
	if p == nil {
		return nil
	}
	from, _ := p.Source.(*source)
	return from
}

// changed names the places of the flags that must be compiled. ok is false
// where everything must be.
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
		case len(places) >= most || dated(was) || dated(is) ||
			(len(was.Dependencies) > 0) != (len(is.Dependencies) > 0):
			return nil, false
		default:
			places = append(places, i)
		}
	}
	return places, true
}

// dated reports whether a flag has a DATE constraint of its own.
func dated(f *edgecore.Feature) bool {
	return slices.ContainsFunc(f.Strategies, func(s edgecore.Strategy) bool {
		return slices.ContainsFunc(s.Constraints, func(c edgecore.Constraint) bool {
			return strings.HasPrefix(c.Operator, "DATE_")
		})
	})
}

// patch compiles the flags at some places again. It returns nil where one of
// them has a problem, or had one: problems are reported in their order.
func patch(p *eval.Program, ctx context.Context, d *edgecore.Definitions, places []int) *eval.Program {
	from := sourceOf(p)
	out := p.Clone()
	c := &compiler{
		program: out, features: d.Features, places: from.places, segments: from.segments,
		fields: maps.Clone(from.fields), stickies: maps.Clone(from.stickies), lent: make([]bool, len(p.Fields)),
		ended: ctx.Err, patterns: map[string]*eval.Pattern{}, patternsTake: from.patterns,
	}
	faulty := map[string]bool{}
	for i := range from.problems {
		faulty[from.problems[i].Feature] = true
	}
	for i := range c.lent {
		c.lent[i] = p.Fields[i].Values != nil
	}
	for _, place := range places {
		f := &d.Features[place]
		at, ok := p.Index[f.Name]
		if !ok || faulty[f.Name] {
			return nil
		}
		c.feature = f.Name
		if is := about(f); is != out.List[at] {
			if &out.List[0] == &p.List[0] {
				out.List = slices.Clone(p.List)
			}
			out.List[at] = is
		}
		out.SetRule(at, c.flag(f))
	}
	if len(c.problems.List()) > 0 || c.stopped || from.added+c.added > from.values+1000 {
		return nil
	}
	out.Source = &source{
		definitions: d, problems: from.problems, places: from.places, fields: c.fields, stickies: c.stickies,
		segments: from.segments,
		values:   from.values, patched: from.patched + len(places), added: from.added + c.added,
		patterns: c.patternsTake,
	}
	return out
}

// about is what is known of a flag beside its rules.
func about(f *edgecore.Feature) eval.Flag {
	return eval.Flag{Name: f.Name, Type: f.Type, Project: f.Project, ImpressionData: f.ImpressionData}
}
