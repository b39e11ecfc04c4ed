package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
)

// A wireRegex has at most as many instructions and ranges: readers refused more
// before there was a wireSharedRegex.
const (
	maxPlainInstructions = 500
	maxPlainRanges       = 2000
)

// Caps of a wireSharedRegex: about 100 kB each. Every pattern of
// MaxPatternBytes without counted repetition is within the first, and matches
// values of 128 characters.
const (
	maxSharedInstructions = eval.MaxMachineSteps / 128
	maxSharedRanges       = 8192 // that differ
)

// usualInput is the length of a value that may be expected of a request.
const usualInput = 1024

// Fit returns the program as rules can hold it. A strategy that needs more
// passes for no user there, and is a Problem, as is a pattern that matches
// shorter values there; p itself answers as before. Where everything fits, the
// result is p.
func Fit(p *eval.Program) (*eval.Program, []edgecore.Problem) {
	f := fitter{p: p, noted: map[edgecore.Problem]bool{}, segments: map[*eval.Condition]verdict{}}
	out := p
	for i := range p.Rules {
		f.name = p.List[i].Name
		strategies := p.Rules[i].Strategies
		kept := make([]eval.Strategy, 0, len(strategies))
		for j := range strategies {
			if f.fits(strategies[j].Conditions) {
				kept = append(kept, strategies[j])
			}
		}
		if len(kept) == len(strategies) {
			continue
		}
		if out == p {
			out = &eval.Program{
				Fields: p.Fields, Rules: slices.Clone(p.Rules), List: p.List, Index: p.Index, Flips: p.Flips,
				Salt: p.Salt,
			}
		}
		out.Rules[i].Strategies = kept
	}
	if out != p {
		out.Finish()
	}
	return out, f.problems.List()
}

type fitter struct {
	p        *eval.Program
	name     string // of the flag
	problems edgecore.ProblemList
	noted    map[edgecore.Problem]bool
	segments map[*eval.Condition]verdict
}

// verdict is what was found about conditions. The problems name no flag yet.
type verdict struct {
	fits     bool
	problems []edgecore.Problem
}

// fits reports whether rules can hold conditions, and notes what they cannot.
func (f *fitter) fits(conditions []*eval.Condition) bool {
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
func (f *fitter) judge(conditions []*eval.Condition) verdict {
	all := verdict{fits: true}
	for _, k := range conditions {
		var one verdict
		switch k.Op {
		case eval.OpAll:
			known := false
			if one, known = f.segments[k]; !known {
				one = f.judge(k.All)
				f.segments[k] = one
			}
		case eval.OpRegex, eval.OpStartsWith, eval.OpEndsWith, eval.OpContains:
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
func (f *fitter) pattern(k *eval.Condition) verdict {
	problem := func(fits bool, format string, args ...any) verdict {
		where := fmt.Sprintf("%s on %q", strings.TrimPrefix(k.UnleashOperator(), "not "), f.p.Fields[k.Field].Name)
		return verdict{fits, []edgecore.Problem{{Where: where, What: fmt.Sprintf(format, args...)}}}
	}
	m := k.MachineOf()
	switch {
	case m == nil && k.Spelled() != "":
		return problem(false,
			"has letters newer than Unicode 15 among too many others to ignore case in a rules snapshot; "+
				"the strategy passes for no user there")
	case m == nil:
		return verdict{fits: true}
	}
	_, ranges := m.Ranges()
	switch most := m.InputRunes(); {
	case len(m.Code) > maxSharedInstructions:
		return problem(false, "the regular expression takes %d instructions, a rules snapshot holds %d; "+
			"the strategy passes for no user there", len(m.Code), maxSharedInstructions)
	case ranges > maxSharedRanges:
		return problem(false, "the regular expression has %d ranges of characters, a rules snapshot holds %d; "+
			"the strategy passes for no user there", ranges, maxSharedRanges)
	case most < usualInput && (m.Longest == eval.AnyLength || most < m.Longest):
		return problem(true, "the regular expression takes %d instructions; "+
			"in a rules snapshot a value of more than %d characters does not match", len(m.Code), most)
	}
	return verdict{fits: true}
}
