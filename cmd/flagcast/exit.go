package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/internal/printable"
	"github.com/flagcast/flagcast/sinks"
)

// Exit codes. The help text of sync lists them, and a test compares the two.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // usage or configuration
	exitSome    = 3 // some targets failed
	exitBudget  = 4 // an export is over budget
	exitHeld    = 5 // the guard holds something back
	exitPending = 10
)

// failure is an error with the exit code that it means, and what to do.
type failure struct {
	err  error
	code int
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// hintOf returns what to do about an error, "" where nothing says it.
func hintOf(err error) string {
	if f := (*failure)(nil); errors.As(err, &f) && f.hint != "" {
		return f.hint
	}
	return sinks.Hint(err)
}

func failed(code int, err error, hint string) error {
	return &failure{err: err, code: code, hint: hint}
}

// report writes an error in the form that every command uses.
func report(stderr io.Writer, err error) int {
	code, hint := exitFailed, ""
	var f *failure
	if errors.As(err, &f) {
		code, hint = f.code, f.hint
	}
	var faults *config.Faults
	if errors.As(err, &faults) {
		fmt.Fprint(stderr, faults.Report())
		printable.Fprintf(stderr, "flagcast: error: the configuration has %s\n", count(faults.Len(), "fault"))
		return exitUsage
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
