package sinks

import (
	"errors"
	"strings"
)

// hinted is implemented by errors that say what a person can do about them.
// Their text ends with it, too.
type hinted interface {
	error
	Hint() string
}

// Hint returns what a person can do about an error, "" where it does not say.
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
