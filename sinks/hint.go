package sinks

import (
	"errors"
	"strings"
)

// hinted is implemented by errors with a hint on what a person can do. Their text ends
// with it, too.
type hinted interface {
	error
	Hint() string
}

// CallError is the error of a call: a text for people, and what callers decide
// on by errors.Is and errors.As. Sinks make it of what their service answered.
type CallError struct {
	Text   string // ends with Advice, if there is any, and holds no credential
	Advice string // what a person can do; "": what a cause advises
	Causes []error
}

// Error returns the text.
func (e *CallError) Error() string { return e.Text }

// Unwrap returns the causes.
func (e *CallError) Unwrap() []error { return e.Causes }

// Hint returns the advice, or that of a cause.
func (e *CallError) Hint() string {
	if e.Advice == "" {
		return Hint(errors.Join(e.Causes...))
	}
	return e.Advice
}

// Hint returns what a person can do about an error, "" if it has no hint.
func Hint(err error) string {
	if e, ok := errors.AsType[hinted](err); ok {
		return e.Hint()
	}
	return ""
}

// WithoutHint returns the text of an error without its hint, for a report that
// shows the hint first.
func WithoutHint(text, hint string) string {
	if hint == "" {
		return text
	}
	for _, between := range []string{"; ", ": "} {
		text = strings.ReplaceAll(text, between+hint, "")
	}
	return text
}
