package eval

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
)

// A wireRegex has at most as many instructions and ranges: readers refused more
// before there was a wireSharedRegex.
const (
	maxPlainInstructions = 500
	maxPlainRanges       = 2000
)

// Caps of a wireSharedRegex: about 100 kB each. Every pattern of
// maxPatternBytes without counted repetition is within the first, and matches
// values of 128 characters.
const (
	maxSharedInstructions = maxMachineSteps / 128
	maxSharedRanges       = 8192 // that differ
)

// usualInput is the length of a value that may be expected of a request.
const usualInput = 1024

// Fit returns the program as rules can hold it. A strategy that needs more
// passes for nobody there, and is a Problem, as is a pattern that matches
// shorter values there; p itself answers as before. Where everything fits, the
// result is p.
func (p *Program) Fit() (*Program, []edgecore.Problem) {
	f := fitter{p: p, noted: map[edgecore.Problem]bool{}, segments: map[*condition]verdict{}}
	out := p
	for i := range p.flags {
		f.name = p.list[i].Name
		strategies := p.flags[i].strategies
		kept := make([]strategy, 0, len(strategies))
		for j := range strategies {
			if f.fits(strategies[j].conditions) {
				kept = append(kept, strategies[j])
			}
		}
		if len(kept) == len(strategies) {
			continue
		}
		if out == p {
			out = &Program{
				fields: p.fields, flags: slices.Clone(p.flags), list: p.list, index: p.index, flips: p.flips, salt: p.salt,
			}
		}
		out.flags[i].strategies = kept
	}
	if out != p {
		out.finish()
	}
	return out, f.problems.List()
}

type fitter struct {
	p        *Program
	name     string // of the flag
	problems edgecore.ProblemList
	noted    map[edgecore.Problem]bool
	segments map[*condition]verdict
}

// verdict is what was found about conditions. The problems name no flag yet.
type verdict struct {
	fits     bool
	problems []edgecore.Problem
}

// fits reports whether rules can hold conditions, and notes what they cannot.
func (f *fitter) fits(conditions []*condition) bool {
	found := f.judge(conditions)
	for _, one := range found.problems {
		one.Feature = f.name
		switch {
		case f.noted[one]: // once for a flag
		case f.problems.Full():
			f.problems.Omit()
		default:
			f.noted[one] = true
			f.problems.Add(one)
		}
	}
	return found.fits
}

// judge looks at conditions, at each segment once: many flags may share it.
func (f *fitter) judge(conditions []*condition) verdict {
	all := verdict{fits: true}
	for _, k := range conditions {
		var one verdict
		switch k.op {
		case opAll:
			known := false
			if one, known = f.segments[k]; !known {
				one = f.judge(k.all)
				f.segments[k] = one
			}
		case opRegex, opStartsWith, opEndsWith, opContains:
			one = f.pattern(k)
		default:
			continue
		}
		all.fits = all.fits && one.fits
		if left := edgecore.MaxProblems - len(all.problems); left > 0 {
			all.problems = append(all.problems, one.problems[:min(left, len(one.problems))]...)
		}
	}
	return all
}

// pattern judges a condition that rules hold as a pattern, if they do.
func (f *fitter) pattern(k *condition) verdict {
	problem := func(fits bool, format string, args ...any) verdict {
		where := fmt.Sprintf("%s on %q", strings.TrimPrefix(k.operator(), "not "), f.p.fields[k.field].name)
		return verdict{fits, []edgecore.Problem{{Where: where, What: fmt.Sprintf(format, args...)}}}
	}
	m := k.machineOf()
	switch {
	case m == nil && k.spelled() != "":
		return problem(false, "has letters newer than Unicode 15 among too many others to ignore case in a rules snapshot; "+
			"the strategy passes for nobody there")
	case m == nil:
		return verdict{fits: true}
	}
	_, ranges := m.ranges()
	switch most := m.inputRunes(); {
	case len(m.code) > maxSharedInstructions:
		return problem(false, "the regular expression takes %d instructions, a rules snapshot holds %d; "+
			"the strategy passes for nobody there", len(m.code), maxSharedInstructions)
	case ranges > maxSharedRanges:
		return problem(false, "the regular expression has %d ranges of characters, a rules snapshot holds %d; "+
			"the strategy passes for nobody there", ranges, maxSharedRanges)
	case most < usualInput && (m.longest == anyLength || most < m.longest):
		return problem(true, "the regular expression takes %d instructions; "+
			"in a rules snapshot a value of more than %d characters does not match", len(m.code), most)
	}
	return verdict{fits: true}
}
