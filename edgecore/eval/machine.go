package eval

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode"
)

// machine is a regular expression as a program for a small automaton that
// takes time linear in its input (Thompson's construction, Pike's machine). It
// is what a snapshot carries: the worker has no RE2, and JavaScript's own
// RegExp backtracks.
type machine struct {
	code []instruction // the first one is the start
}

type instruction struct {
	op   code
	out  int32   // where to go on
	alt  int32   // codeSplit: the other way
	need int32   // codeAssert: a set of syntax.EmptyOp
	runs []int32 // codeRune: pairs of first and last code point
}

type code uint8

const (
	codeMatch code = iota
	codeSplit
	codeAssert
	codeRune
)

// Caps of a machine. Beyond them a pattern is refused.
const (
	maxInstructions = 500
	maxRuns         = 2000 // pairs in all instructions
	// maxPatterns bounds the size of all machines of one program, with those that
	// were refused: a pattern of a few bytes takes up to a hundred kilobytes.
	maxPatterns = 200_000
)

// size is the number of instructions and of their ranges of characters.
func (m *machine) size() int {
	n := len(m.code)
	for i := range m.code {
		n += len(m.code[i].runs) / 2
	}
	return n
}

// instructions is how many a pattern compiles to at least. It ends where that is
// more than most: a pattern of some kilobytes can take a hundred megabytes.
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

// newMachine compiles a pattern as regexp.Compile does. A fault says which cap
// it exceeds, or that it is no pattern. compiled is the number of instructions
// that it took to know, which costs the most.
func newMachine(pattern string) (m *machine, compiled int, fault string) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, 0, "it is no RE2 regular expression: " + err.Error()
	}
	// Captures and the like are not counted below, and are few.
	const most = 4 * maxInstructions
	if n := instructions(parsed, most); n > most {
		return nil, 0, fmt.Sprintf("the regular expression takes %d instructions and more, the limit is %d", n, maxInstructions)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, 0, "it is no RE2 regular expression: " + err.Error()
	}
	if len(prog.Inst) > most {
		return nil, len(prog.Inst), fmt.Sprintf("the regular expression takes %d instructions, the limit is %d", len(prog.Inst), maxInstructions)
	}
	m = &machine{}
	t := translation{prog: prog, machine: m, number: map[uint32]int32{}}
	t.visit(uint32(prog.Start))
	if len(m.code) > maxInstructions {
		return nil, len(prog.Inst), fmt.Sprintf("the regular expression takes %d instructions, the limit is %d", len(m.code), maxInstructions)
	}
	if t.runs > maxRuns {
		return nil, len(prog.Inst), fmt.Sprintf("the regular expression has %d ranges of characters, the limit is %d", t.runs, maxRuns)
	}
	return m, len(prog.Inst), ""
}

// translation numbers the instructions that can be reached, and drops those
// that do nothing but go on.
type translation struct {
	prog    *syntax.Prog
	machine *machine
	number  map[uint32]int32
	runs    int
}

func (t *translation) visit(pc uint32) int32 {
	for t.prog.Inst[pc].Op == syntax.InstCapture || t.prog.Inst[pc].Op == syntax.InstNop {
		pc = t.prog.Inst[pc].Out
	}
	if n, ok := t.number[pc]; ok {
		return n
	}
	n := int32(len(t.machine.code))
	t.number[pc] = n
	t.machine.code = append(t.machine.code, instruction{})
	from := &t.prog.Inst[pc]
	var to instruction
	switch from.Op {
	case syntax.InstMatch:
		to.op = codeMatch
	case syntax.InstAlt, syntax.InstAltMatch:
		to.op = codeSplit
		to.out = t.visit(from.Out)
		to.alt = t.visit(from.Arg)
	case syntax.InstEmptyWidth:
		to.op, to.need = codeAssert, int32(from.Arg)
		to.out = t.visit(from.Out)
	case syntax.InstFail:
		to.op = codeRune // no character will do
	default:
		to.op, to.runs = codeRune, runsOf(from)
		to.out = t.visit(from.Out)
	}
	t.runs += len(to.runs) / 2
	t.machine.code[n] = to
	return n
}

// runsOf lists what an instruction takes. The case of letters is spelled out.
func runsOf(from *syntax.Inst) []int32 {
	switch from.Op {
	case syntax.InstRuneAny:
		return []int32{0, unicode.MaxRune}
	case syntax.InstRuneAnyNotNL:
		return []int32{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	}
	var runs []int32
	if len(from.Rune) != 1 {
		return append(runs, from.Rune...) // of none: no character will do
	}
	r := from.Rune[0]
	runs = append(runs, r, r)
	if syntax.Flags(from.Arg)&syntax.FoldCase != 0 {
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			runs = append(runs, other, other)
		}
	}
	return runs
}

// MatchString tells whether the pattern matches somewhere in the text.
func (m *machine) MatchString(text string) bool {
	now, next := newThreads(len(m.code)), newThreads(len(m.code))
	before := rune(-1)
	for _, r := range text {
		if m.follow(now, 0, syntax.EmptyOpContext(before, r)) {
			return true
		}
		// What waits for r goes on behind it; assertions there see the rune
		// after it, so they are resolved in the next turn.
		next.clear()
		for _, pc := range now.list {
			if takes(m.code[pc].runs, r) {
				next.add(m.code[pc].out)
			}
		}
		before = r
		now, next = next, now
		now.pend()
	}
	return m.follow(now, 0, syntax.EmptyOpContext(before, -1))
}

// follow resolves everything that needs no character, starting with the
// pending instructions and one more, and tells whether a match is reached.
// Behind it the list holds instructions that wait for a character.
func (m *machine) follow(t *threads, start int32, at syntax.EmptyOp) bool {
	t.stack = append(t.stack, start)
	for len(t.stack) > 0 {
		pc := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		if t.seen[pc] == t.turn {
			continue
		}
		t.seen[pc] = t.turn
		switch i := &m.code[pc]; i.op {
		case codeMatch:
			return true
		case codeSplit:
			t.stack = append(t.stack, i.alt, i.out)
		case codeAssert:
			if syntax.EmptyOp(i.need)&^at == 0 {
				t.stack = append(t.stack, i.out)
			}
		case codeRune:
			t.list = append(t.list, pc)
		}
	}
	return false
}

func takes(runs []int32, r rune) bool {
	for i := 0; i < len(runs); i += 2 {
		if r >= runs[i] && r <= runs[i+1] {
			return true
		}
	}
	return false
}

// threads are the instructions that the machine is at.
type threads struct {
	list, stack []int32
	seen        []int32 // by instruction: the turn in which it was met
	turn        int32
}

func newThreads(n int) *threads { return &threads{seen: make([]int32, n), turn: 1} }

func (t *threads) clear() { t.list = t.list[:0]; t.stack = t.stack[:0]; t.turn++ }

func (t *threads) add(pc int32) { t.list = append(t.list, pc) }

// pend makes what was added wait for follow.
func (t *threads) pend() {
	t.stack = append(t.stack, t.list...)
	t.list = t.list[:0]
}

// pair is a pattern that was compiled here: Go's regexp matches, the machine
// is what is encoded.
type pair struct {
	*regexp.Regexp
	machine *machine
}

// machineOf returns the machine of a condition's pattern.
func (k *condition) machineOf() *machine {
	if p, ok := k.pattern.(*pair); ok {
		return p.machine
	}
	m, _ := k.pattern.(*machine)
	return m
}
