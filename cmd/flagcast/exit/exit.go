// Package exit has the exit codes of the commands, and errors that say which one
// they mean and what to do.
package exit

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/internal/strictyaml"
	"github.com/flagcast/flagcast/sinks"
)

// Exit codes. The help text of sync lists them, and a test compares the two.
const (
	Done    = 0
	Failed  = 1
	Usage   = 2 // usage or configuration
	Some    = 3 // some targets failed
	Budget  = 4 // an export is over budget
	Held    = 5 // the guard holds something back
	Pending = 10
)

// Error is an error with the exit code that it means, and what to do.
type Error struct {
	err  error
	code int
	hint string
}

// Error returns the text without the hint.
func (f *Error) Error() string { return f.err.Error() }

// Unwrap returns the error that was given to With.
func (f *Error) Unwrap() error { return f.err }

// HintOf returns what to do about an error, "" where nothing says it.
func HintOf(err error) string {
	if f := (*Error)(nil); errors.As(err, &f) && f.hint != "" {
		return f.hint
	}
	return sinks.Hint(err)
}

// With returns an error with an exit code, and a hint, which may be "".
func With(code int, err error, hint string) error {
	return &Error{err: err, code: code, hint: hint}
}

// Report writes an error in the form that every command uses.
func Report(stderr io.Writer, err error) int {
	code, hint := Failed, ""
	var f *Error
	if errors.As(err, &f) {
		code, hint = f.code, f.hint
	}
	var faults *strictyaml.Faults
	if errors.As(err, &faults) {
		fmt.Fprint(stderr, faults.Report())
		printable.Fprintf(stderr, "flagcast: error: the configuration has %s\n", printable.Count(faults.Len(), "fault"))
		return Usage
	}
	if text := oneByOne(err.Error(), err); text != "" {
		fmt.Fprintln(stderr, "flagcast: error: "+printable.Lines(text))
	}
	if hint != "" {
		printable.Fprintf(stderr, "flagcast: hint: %s\n", hint)
	}
	return code
}

// oneByOne returns the text of an error with each of those that errors.Join has
// joined in a line of its own, indented.
func oneByOne(text string, err error) string {
	switch e := err.(type) { //nolint:errorlint // the tree itself is walked
	case interface{ Unwrap() error }:
		return oneByOne(text, e.Unwrap())
	case interface{ Unwrap() []error }:
		var lines []string
		for _, one := range e.Unwrap() {
			lines = append(lines, one.Error())
		}
		return strings.Replace(text, strings.Join(lines, "\n"), strings.Join(lines, "\n  "), 1)
	}
	return text
}
