package eval

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Machine is a regular expression as a program for a small automaton that
// takes time linear in its input (Thompson's construction, Pike's machine). It
// is what a snapshot carries: the worker has no RE2, and JavaScript's own
// RegExp backtracks.
type Machine struct {
	Code    []Instruction // the first one is the start
	Longest int           // characters of the longest text that it matches as a whole, or AnyLength
}

// Instruction is one state of a Machine.
type Instruction struct {
	Op   Opcode
	Out  int32   // where to go on
	Alt  int32   // CodeSplit: the other way
	Need int32   // CodeAssert: a set of syntax.EmptyOp
	Runs []int32 // CodeRune: pairs of first and last code point, ascending; shared between instructions
}

// Opcode is the kind of an Instruction.
type Opcode uint8

// The kinds of instructions, as in regexp/syntax.
const (
	CodeMatch Opcode = iota
	CodeSplit
	CodeAssert
	CodeRune
)

// newMachine translates a compiled pattern.
func newMachine(prog *syntax.Prog) *Machine {
	m := &Machine{Longest: AnyLength}
	t := translation{prog: prog, machine: m, number: map[uint32]int32{}, known: map[[3]int32][][]int32{}}
	t.visit(uint32(prog.Start))
	return m
}

// Caps of a match by a machine, in Go as in the worker: one constraint must not
// use up the time of a request. A longer value does not match.
const (
	maxInputRunes   = 2048
	MaxMachineSteps = 1 << 20 // instructions times characters
)

// InputRunes is the length of the longest value that is matched.
func (m *Machine) InputRunes() int { return min(maxInputRunes, MaxMachineSteps/max(len(m.Code), 1)) }

// Ranges counts the ranges of all instructions, and those that differ.
func (m *Machine) Ranges() (all, distinct int) {
	known := map[*int32]bool{}
	for i := range m.Code {
		if runs := m.Code[i].Runs; len(runs) > 0 {
			all += len(runs) / 2
			if !known[&runs[0]] {
				known[&runs[0]] = true
				distinct += len(runs) / 2
			}
		}
	}
	return all, distinct
}

// translation numbers the instructions that can be reached, and drops those
// that do nothing but go on.
type translation struct {
	prog    *syntax.Prog
	machine *Machine
	number  map[uint32]int32
	known   map[[3]int32][][]int32 // ranges, by their number, the first and the last
}

func (t *translation) visit(pc uint32) int32 {
	for t.prog.Inst[pc].Op == syntax.InstCapture || t.prog.Inst[pc].Op == syntax.InstNop {
		pc = t.prog.Inst[pc].Out
	}
	if n, ok := t.number[pc]; ok {
		return n
	}
	n := int32(len(t.machine.Code))
	t.number[pc] = n
	t.machine.Code = append(t.machine.Code, Instruction{})
	from := &t.prog.Inst[pc]
	var to Instruction
	switch from.Op {
	case syntax.InstMatch:
		to.Op = CodeMatch
	case syntax.InstAlt, syntax.InstAltMatch:
		to.Op = CodeSplit
		to.Out = t.visit(from.Out)
		to.Alt = t.visit(from.Arg)
	case syntax.InstEmptyWidth:
		to.Op, to.Need = CodeAssert, int32(from.Arg)
		to.Out = t.visit(from.Out)
	case syntax.InstFail:
		to.Op = CodeRune // no character will do
	default:
		to.Op, to.Runs = CodeRune, t.share(runsOf(from))
		to.Out = t.visit(from.Out)
	}
	t.machine.Code[n] = to
	return n
}

// share returns the first of equal ranges.
func (t *translation) share(runs []int32) []int32 {
	if len(runs) == 0 {
		return nil
	}
	key := [3]int32{int32(len(runs)), runs[0], runs[len(runs)-1]}
	for _, other := range t.known[key] {
		if slices.Equal(other, runs) {
			return other
		}
	}
	t.known[key] = append(t.known[key], runs)
	return runs
}

// runsOf lists what an instruction takes. The case of letters is spelled out.
func runsOf(from *syntax.Inst) []int32 {
	switch from.Op {
	case syntax.InstRuneAny:
		return []int32{0, unicode.MaxRune}
	case syntax.InstRuneAnyNotNL:
		return []int32{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	}
	if len(from.Rune) != 1 {
		return from.Rune // of none: no character will do
	}
	letters := []int32{from.Rune[0]}
	if syntax.Flags(from.Arg)&syntax.FoldCase != 0 {
		for r := unicode.SimpleFold(letters[0]); r != letters[0]; r = unicode.SimpleFold(r) {
			letters = append(letters, r)
		}
	}
	slices.Sort(letters)
	runs := make([]int32, 0, 2*len(letters))
	for _, r := range letters {
		runs = append(runs, r, r)
	}
	return runs
}

// MatchString reports whether the pattern matches somewhere in the text, which
// is not longer than InputRunes.
func (m *Machine) MatchString(text string) bool {
	if utf8.RuneCountInString(text) > m.InputRunes() {
		return false
	}
	now, next := newThreads(len(m.Code)), newThreads(len(m.Code))
	before := rune(-1)
	for _, r := range text {
		if m.follow(now, 0, syntax.EmptyOpContext(before, r)) {
			return true
		}
		// What waits for r goes on behind it; assertions there see the rune
		// after it, so they are resolved in the next turn.
		next.clear()
		for _, pc := range now.list {
			if Takes(m.Code[pc].Runs, r) {
				next.add(m.Code[pc].Out)
			}
		}
		before = r
		now, next = next, now
		now.pend()
	}
	return m.follow(now, 0, syntax.EmptyOpContext(before, -1))
}

// follow resolves everything that needs no character, starting with the
// pending instructions and one more, and reports whether a match is reached.
// Behind it the list holds instructions that wait for a character.
func (m *Machine) follow(t *threads, start int32, at syntax.EmptyOp) bool {
	t.stack = append(t.stack, start)
	for len(t.stack) > 0 {
		pc := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		if t.seen[pc] == t.turn {
			continue
		}
		t.seen[pc] = t.turn
		switch i := &m.Code[pc]; i.Op {
		case CodeMatch:
			return true
		case CodeSplit:
			t.stack = append(t.stack, i.Alt, i.Out)
		case CodeAssert:
			if syntax.EmptyOp(i.Need)&^at == 0 {
				t.stack = append(t.stack, i.Out)
			}
		case CodeRune:
			t.list = append(t.list, pc)
		}
	}
	return false
}

// Takes reports whether a character is in ascending pairs of first and last.
func Takes(runs []int32, r rune) bool {
	low, high := 0, len(runs)/2
	for low < high {
		switch middle := (low + high) / 2; {
		case r > runs[2*middle+1]:
			low = middle + 1
		case r < runs[2*middle]:
			high = middle
		default:
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
