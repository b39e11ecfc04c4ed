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
	f := fitter{p: p}
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
	return out, f.problems
}

type fitter struct {
	p        *Program
	name     string // of the flag
	problems []edgecore.Problem
}

// fits reports whether rules can hold conditions, and notes what they cannot.
func (f *fitter) fits(conditions []*condition) bool {
	all := true
	for _, k := range conditions {
		switch k.op {
		case opAll:
			all = f.fits(k.all) && all
		case opRegex, opStartsWith, opEndsWith, opContains:
			all = f.fitsPattern(k) && all
		}
	}
	return all
}

func (f *fitter) fitsPattern(k *condition) bool {
	m := k.machineOf()
	switch {
	case m == nil && k.spelled() != "":
		f.problem(k, "has letters newer than Unicode 15 among too many others to ignore case in a rules snapshot; "+
			"the strategy passes for nobody there")
		return false
	case m == nil:
		return true
	}
	_, ranges := m.ranges()
	switch most := m.inputRunes(); {
	case len(m.code) > maxSharedInstructions:
		f.problem(k, "the regular expression takes %d instructions, a rules snapshot holds %d; "+
			"the strategy passes for nobody there", len(m.code), maxSharedInstructions)
		return false
	case ranges > maxSharedRanges:
		f.problem(k, "the regular expression has %d ranges of characters, a rules snapshot holds %d; "+
			"the strategy passes for nobody there", ranges, maxSharedRanges)
		return false
	case most < usualInput && (m.longest == anyLength || most < m.longest):
		f.problem(k, "the regular expression takes %d instructions; "+
			"in a rules snapshot a value of more than %d characters does not match", len(m.code), most)
	}
	return true
}

// problem notes what is wrong with a condition, once for a flag.
func (f *fitter) problem(k *condition, format string, args ...any) {
	one := edgecore.Problem{
		Feature: f.name,
		Where:   fmt.Sprintf("%s on %q", strings.TrimPrefix(k.operator(), "not "), f.p.fields[k.field].name),
		What:    fmt.Sprintf(format, args...),
	}
	if !slices.Contains(f.problems, one) {
		f.problems = append(f.problems, one)
	}
}
