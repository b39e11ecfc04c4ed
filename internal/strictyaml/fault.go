package strictyaml

import (
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

// Place is where a fault is.
type Place struct {
	// File is the file as it was named, or another place, such as "environment
	// variable PORT". Line and Column count from 1; both are 0 outside a file.
	File         string
	Line, Column int
}

// Absent is a fault for those who use a part of the file: a variable that is not
// set, a file that cannot be read, a credential that is not given.
type Absent struct {
	Problem
	Place Place
	// Part is the key of the document that it is below, or for a mapping of
	// mappings one entry: `sink cn`.
	Part string
	// Credential: it is one, and no other setting.
	Credential bool
}

// Problem is a fault that has no position yet. Hint says what to do, "" where
// the message says it.
type Problem struct{ Message, Hint string }
