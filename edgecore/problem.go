package edgecore

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Problem is a fault of one feature or segment. It never affects another.
type Problem struct {
	Feature string // name of the feature, "" for a segment or the document
	Where   string // path in the document, such as "features[3].strategies[0].parameters"
	What    string // what is wrong and what follows from it
}

// String is one line for a log. It cuts names and values that are long.
func (p Problem) String() string {
	text := cut(p.Where, 300) + ": " + cut(p.What, 500)
	if p.Feature == "" {
		return text
	}
	return "flag " + strconv.Quote(cut(p.Feature, 200)) + ": " + text
}

// cut returns the first most bytes of a text, less what would split a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// MaxProblems is how many problems of one document are kept.
const MaxProblems = 1000

// ProblemList collects the first MaxProblems problems and counts the others.
// The zero value is empty.
type ProblemList struct {
	kept    []Problem
	omitted int
}

// Add keeps a problem, or counts it where the list is full.
func (l *ProblemList) Add(p Problem) {
	if l.Full() {
		l.omitted++
		return
	}
	l.kept = append(l.kept, p)
}

// Omit counts a problem that is not described, since the list is full.
func (l *ProblemList) Omit() { l.omitted++ }

// Full reports whether the next problem will only be counted.
func (l *ProblemList) Full() bool { return len(l.kept) >= MaxProblems }

// Len returns how many problems are kept.
func (l *ProblemList) Len() int { return len(l.kept) }

// Since returns the problems from position first on. The caller must not change them.
func (l *ProblemList) Since(first int) []Problem { return l.kept[first:len(l.kept):len(l.kept)] }

// SetFeature names the flag of the problems from position first on.
func (l *ProblemList) SetFeature(first int, name string) {
	for i := range l.kept[first:] {
		l.kept[first+i].Feature = name
	}
}

// Join adds the problems of other lists.
func (l *ProblemList) Join(others ...ProblemList) {
	for _, other := range others {
		for _, p := range other.kept {
			l.Add(p)
		}
		l.omitted += other.omitted
	}
}

// List returns the problems that were kept, and one more that says how many were
// not.
func (l *ProblemList) List() []Problem {
	if l.omitted == 0 {
		return l.kept
	}
	return append(l.kept[:len(l.kept):len(l.kept)], Problem{
		Where: "document", What: fmt.Sprintf("%d more problems are not listed; repair those that are first", l.omitted),
	})
}

// Complete reports whether problems, as List returns them, are all that there
// were.
func Complete(problems []Problem) bool { return len(problems) <= MaxProblems }
