package parse

import (
	"maps"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

func (p *parser) features() {
	p.index = map[string]int{}
	if !p.known.whole() {
		p.defs.Features = make([]edgecore.Feature, 0, len(p.known.features.found)+1)
	} else {
		p.defs.Features = make([]edgecore.Feature, 0, sample)
	}
	start := p.i
	p.flags = 0
	p.elements(func() {
		p.flags++
		if p.known.whole() && len(p.defs.Features) == sample {
			p.reserve(start)
		}
		p.step()
		first := p.problems.Len()
		f, ok := p.known.feature(p.place())
		if ok {
			p.skip()
			p.defs.Features = append(p.defs.Features, f)
			return
		}
		whole := p.apart()
		f, ok = p.readFeature()
		p.rejoin(whole)
		if at, dup := p.index[f.Name]; ok && dup {
			p.problem("the name is given twice; the last flag counts")
			p.defs.Features[at] = f
		} else if ok {
			p.index[f.Name] = len(p.defs.Features)
			p.defs.Features = append(p.defs.Features, f)
		}
		p.problems.SetFeature(first, f.Name)
	})
	if len(p.defs.Features) < cap(p.defs.Features)*3/4 {
		p.defs.Features = slices.Clone(p.defs.Features)
	}
}

// sample is how many flags show how much memory all of them need.
const sample = 32

// reserve allocates for as many flags as the rest of the document may hold.
func (p *parser) reserve(start int) {
	n := sample * (len(p.s) - p.i) / max(p.i-start, 1)
	p.defs.Features = slices.Grow(p.defs.Features, n)
	index := make(map[string]int, sample+n)
	maps.Copy(index, p.index)
	p.index = index
}

func (p *parser) segment() (s edgecore.Segment, ok bool) {
	if s, ok = p.known.segment(p.place()); ok {
		p.skip()
		return s, true
	}
	whole := p.apart()
	s, ok = p.readSegment()
	p.rejoin(whole)
	return s, ok
}

// place is that of the element that is being read in its list.
func (p *parser) place() int { return p.path[len(p.path)-1].index }

// apart has what comes next read, beside known elements, from a copy of its
// text; rejoin goes on behind it. So definitions hold the memory of the one
// document that was read whole, and of what has changed since, not of every
// document that something came from.
func (p *parser) apart() (whole cursor) {
	if !p.known.whole() {
		whole = p.cursor
		p.cursor = cursor{s: strings.Clone(whole.skip())}
	}
	return whole
}

func (p *parser) rejoin(whole cursor) {
	if !p.known.whole() {
		whole.stopped = p.stopped
		p.cursor = whole
	}
}

// clash reports whether a flag that was read has the name of a known one.
func (p *parser) clash() bool {
	if p.known.whole() || len(p.index) == 0 {
		return false
	}
	for i := range p.defs.Features {
		if at, read := p.index[p.defs.Features[i].Name]; read && at != i {
			return true
		}
	}
	return false
}

func (p *parser) segments() {
	index := map[int]int{}
	p.elements(func() {
		p.step()
		s, ok := p.segment()
		if !ok {
			return
		}
		if at, dup := index[s.ID]; dup {
			p.problem("the id is given twice; the last segment counts")
			p.defs.Segments[at] = s
			return
		}
		index[s.ID] = len(p.defs.Segments)
		p.defs.Segments = append(p.defs.Segments, s)
	})
}

func (p *parser) readSegment() (s edgecore.Segment, ok bool) {
	start := p.begin()
	p.members(func(key string) {
		switch key {
		case "id":
			s.ID, ok = p.whole()
		case "constraints":
			s.Constraints = p.constraints()
		default:
			p.skip()
		}
	})
	const without = "; it is left out, and strategies that name it pass for no user"
	switch {
	case p.tooDense(start):
		p.problem(denseText, without)
		return s, false
	case !ok:
		p.problem("has no number \"id\"", without)
	}
	s.Raw = p.s[start:p.i]
	if !p.stopped {
		s.Digest = p.digester.of(s.Raw)
	}
	return s, ok
}
