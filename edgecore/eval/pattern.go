package eval

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
	"unicode/utf8"
)

// Matcher reports whether a regular expression matches somewhere in a text.
type Matcher interface{ MatchString(text string) bool }

// Caps of a pattern. A pattern of MaxPatternBytes has more instructions only by
// counted repetition; Go compiles each to some 100 bytes.
const (
	MaxPatternBytes        = 4 << 10
	maxPatternInstructions = 1 << 14
	// MaxPatterns bounds the instructions and ranges of all patterns of one
	// program, with those that were refused: a pattern of a few bytes takes up to
	// a hundred kilobytes.
	MaxPatterns = 200_000
)

// Pattern is a regular expression that was compiled here. Go's regexp takes
// time linear in the value, and matches; the machine is what a snapshot holds.
type Pattern struct {
	Expression *regexp.Regexp
	Machine    func() *Machine // compiled when it is first needed
}

// NewPattern compiles a pattern as RE2, which is what Unleash means. fault says
// which cap it exceeds, or that the text is not a regular expression. size is the
// number of its instructions and ranges, and of those that it took to find the
// fault.
func NewPattern(text string) (p *Pattern, size int, fault string) {
	parsed, prog, fault := compilePattern(text)
	if fault != "" {
		return nil, size, fault
	}
	size = len(prog.Inst) + rangesOf(parsed)
	expression, err := regexp.Compile(text)
	if err != nil {
		return nil, size, "it is not an RE2 regular expression: " + err.Error()
	}
	return &Pattern{
		Expression: expression,
		Machine: sync.OnceValue(func() *Machine {
			parsed, prog, _ := compilePattern(text) // it compiled before
			m := newMachine(prog)
			m.Longest = longestWhole(parsed)
			return m
		}),
	}, size, ""
}

// instructions is how many an expression compiles to at least. It ends where
// that is more than most: a pattern of some kilobytes can take a hundred
// megabytes.
func instructions(re *syntax.Regexp, most int) int {
	n := 0
	for _, sub := range re.Sub {
		if n += instructions(sub, most); n > most {
			return n
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	case syntax.OpRepeat:
		return n * max(re.Min, re.Max)
	}
	return n
}

// rangesOf counts the ranges of the classes of an expression. A simplified one
// repeats a class without a copy: its ranges count once.
func rangesOf(re *syntax.Regexp) int {
	counted := map[*syntax.Regexp]bool{}
	var count func(re *syntax.Regexp) int
	count = func(re *syntax.Regexp) int {
		if counted[re] {
			return 0
		}
		counted[re] = true
		n := 0
		if re.Op == syntax.OpCharClass {
			n = len(re.Rune) / 2
		}
		for _, sub := range re.Sub {
			n += count(sub)
		}
		return n
	}
	return count(re)
}

func compilePattern(text string) (parsed *syntax.Regexp, prog *syntax.Prog, fault string) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err == nil {
		if n := instructions(parsed, maxPatternInstructions); n > maxPatternInstructions {
			return nil, nil, fmt.Sprintf("the regular expression takes %d instructions and more, the limit is %d", n,
				maxPatternInstructions)
		}
		parsed = parsed.Simplify()
		prog, err = syntax.Compile(parsed)
	}
	switch {
	case err != nil:
		return nil, nil, "it is not an RE2 regular expression: " + err.Error()
	case len(prog.Inst) > maxPatternInstructions:
		return nil, nil, fmt.Sprintf("the regular expression takes %d instructions, the limit is %d",
			len(prog.Inst), maxPatternInstructions)
	}
	return parsed, prog, ""
}

// MatchString reports whether the pattern matches somewhere in the text, which
// has at most maxInputRunes characters.
func (p *Pattern) MatchString(text string) bool {
	return utf8.RuneCountInString(text) <= maxInputRunes && p.Expression.MatchString(text)
}

// MachineOf returns the machine of a condition that rules hold as a pattern,
// nil for one that they hold otherwise, or not at all.
func (k *Condition) MachineOf() *Machine {
	switch p := k.Pattern.(type) {
	case *Pattern:
		return p.Machine()
	case *Machine:
		return p
	}
	text := k.Spelled()
	if text == "" {
		return nil
	}
	p, _, fault := NewPattern(text)
	if fault != "" {
		return nil
	}
	return p.Machine()
}

// AnyLength is the length of texts without a longest one.
const AnyLength = -1

// longestWhole returns the characters of the longest text that a pattern
// matches from begin to end, and AnyLength for one that may match a part.
func longestWhole(re *syntax.Regexp) int {
	switch last := len(re.Sub) - 1; {
	case re.Op == syntax.OpCapture:
		return longestWhole(re.Sub[0])
	case re.Op == syntax.OpConcat && re.Sub[0].Op == syntax.OpBeginText && re.Sub[last].Op == syntax.OpEndText:
		return longest(re)
	}
	return AnyLength
}

// longest returns the characters of the longest text that a simplified
// expression takes.
func longest(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1
	}
	n := 0
	for _, sub := range re.Sub {
		switch of := longest(sub); {
		case of == AnyLength, of > 0 && (re.Op == syntax.OpStar || re.Op == syntax.OpPlus):
			return AnyLength
		case re.Op == syntax.OpAlternate:
			n = max(n, of)
		default:
			n += of
		}
	}
	return n
}
