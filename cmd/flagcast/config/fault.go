package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flagcast/flagcast/internal/printable"
)

// Fault is one thing that is wrong, and where.
type Fault struct {
	// File is the configuration file as it was named to Load, or another
	// place, such as "environment variable PORT".
	File string
	// Line and Column count from 1; Column counts characters. Both are 0
	// where File is not a file or cannot be read.
	Line, Column int
	Message      string
	Hint         string // what to do; "" where the message says it
	// Source is the line with its secrets masked, and Caret the place of
	// Column in it, in characters from 0. "" where there is none.
	Source string
	Caret  int
}

// String gives the place and the message in one line.
func (f *Fault) String() string {
	if f.Line == 0 {
		return f.File + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
}

// Faults are all faults of a configuration, in the order of the file.
type Faults struct{ List []Fault }

// Len returns the number of faults, at least 1.
func (f *Faults) Len() int { return len(f.List) }

// outside is where a setting is missing that neither the command line nor the
// environment has, and there is no file.
const outside = "command line and environment"

// Incomplete reports whether a setting is missing that a file could hold, and
// there is no file.
func (f *Faults) Incomplete() bool {
	return slices.ContainsFunc(f.List, func(one Fault) bool { return one.File == outside })
}

// Error gives one line for each fault.
func (f *Faults) Error() string {
	lines := make([]string, len(f.List))
	for i := range f.List {
		lines[i] = f.List[i].String()
	}
	return strings.Join(lines, "\n")
}

// Report gives each fault with its marked source line and its hint, for a
// terminal. It ends with a newline.
func (f *Faults) Report() string {
	var b strings.Builder
	for i := range f.List {
		fault := &f.List[i]
		printable.Fprintf(&b, "%s\n", fault)
		if fault.Source != "" {
			fmt.Fprintf(&b, "%6d | %s\n", fault.Line, printable.Source(fault.Source))
			fmt.Fprintf(&b, "%6s | %s^\n", "", indent(fault.Source, fault.Caret))
		}
		if fault.Hint != "" {
			printable.Fprintf(&b, "    hint: %s\n", fault.Hint)
		}
	}
	return b.String()
}

// indent is as wide as the first n characters of a line are when it is printed:
// it keeps tabs.
func indent(line string, n int) string {
	chars := []rune(line)
	before := chars[:min(n, len(chars))]
	blank := func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}
	return strings.Map(blank, printable.Source(string(before))) + strings.Repeat(" ", n-len(before))
}

// place is where a fault is.
type place struct {
	file         string
	line, column int
}

// collector gathers faults while the rest goes on.
type collector struct{ list []Fault }

func (c *collector) add(p place, message, hint string) {
	f := Fault{File: p.file, Line: p.line, Column: p.column, Message: message, Hint: hint}
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
