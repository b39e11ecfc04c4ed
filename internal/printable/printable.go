// Package printable writes foreign text for people: names of flags and keys,
// errors of servers, what a store holds. Whatever is in it, it stays within its
// line, moves no cursor, changes no direction, and gives no command to GitHub
// Actions, which reads commands from the output of a job.
package printable

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text returns a text in one line. What cannot be printed is escaped as in a
// Go string: control characters, line breaks and tabs, marks of direction and
// other characters without a shape, and bytes that are not UTF-8. Nothing else
// changes, so that Text(Text(s)) is Text(s), except the two forms of a command
// of GitHub Actions: "::" at the beginning, and "##[".
func Text(s string) string {
	s = escape(s)
	if name := strings.TrimLeft(s, " "); strings.HasPrefix(name, "::") {
		s = s[:len(s)-len(name)] + `\x3a` + name[1:]
	}
	return strings.ReplaceAll(s, "##[", `#\x23[`)
}

// Lines is Text for a message of several lines. A line break stays where the
// line behind it is indented by two spaces, as in our own messages: such a line
// cannot be taken for one that begins at the margin.
func Lines(s string) string { return parts(s, "\n  ") }

// Source is Text for a line of a source file: its tabs stay.
func Source(line string) string { return parts(line, "\t") }

// parts is Text for the parts between separators, which stay.
func parts(s, separator string) string {
	list := strings.Split(s, separator)
	for i, part := range list {
		list[i] = Text(part)
	}
	return strings.Join(list, separator)
}

// Sprintf is fmt.Sprintf with all texts among its arguments in one line, as
// Text returns them: strings of any type, errors and Stringers. The format is
// not changed. A Painted text keeps its color. It takes %s and %v for texts, since %q would escape twice.
func Sprintf(format string, args ...any) string {
	safe := make([]any, len(args))
	for i, arg := range args {
		safe[i] = argument(arg)
	}
	return fmt.Sprintf(format, safe...)
}

// Fprintf writes what Sprintf returns.
func Fprintf(w io.Writer, format string, args ...any) (int, error) {
	return io.WriteString(w, Sprintf(format, args...))
}

func argument(arg any) any {
	switch value := arg.(type) {
	case Painted:
		return value.String() // whose text is printable
	case error:
		return Text(value.Error())
	case fmt.Stringer:
		return Text(value.String())
	}
	if value := reflect.ValueOf(arg); value.Kind() == reflect.String {
		return Text(value.String())
	}
	return arg
}

// escape escapes what cannot be printed.
func escape(s string) string {
	var b strings.Builder
	done := 0
	for at := 0; at < len(s); {
		r, size := utf8.DecodeRuneInString(s[at:])
		next := at + size
		if !strconv.IsPrint(r) || r == utf8.RuneError && size == 1 {
			quoted := strconv.QuoteToASCII(s[at:next])
			b.WriteString(s[done:at] + quoted[1:len(quoted)-1])
			done = next
		}
		at = next
	}
	if done == 0 {
		return s
	}
	return b.String() + s[done:]
}
