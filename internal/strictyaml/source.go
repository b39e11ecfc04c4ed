package strictyaml

import "strings"

// source is the text of the file. It records which parts of it are secrets, so
// that a line can be shown.
type source struct {
	name   string
	lines  [][]rune
	hidden map[int][]span // by line, from 1
}

// span is a range of columns, from 0, without its end.
type span struct{ from, to int }

const (
	redacted  = "[redacted]"
	lineWidth = 120 // characters of a line that are shown
	toEnd     = 1 << 30
)

func newSource(name, text string) *source {
	s := &source{name: name, hidden: map[int][]span{}}
	for line := range strings.SplitSeq(text, "\n") {
		s.lines = append(s.lines, []rune(line))
	}
	return s
}

// place returns a place of the file. It is always inside the text.
func (s *source) place(line, column int) Place {
	line = min(max(line, 1), max(len(s.lines), 1))
	width := 0
	if line <= len(s.lines) {
		width = len(s.lines[line-1])
	}
	return Place{File: s.name, Line: line, Column: min(max(column, 1), width+1)}
}

// hide masks a scalar that starts at a line and a column, both from 1, and
// reads raw in the file. A part that is not found where it should be takes
// the rest of its line with it.
func (s *source) hide(line, column int, raw string) {
	for i, part := range strings.Split(raw, "\n") {
		if line+i > len(s.lines) || line+i < 1 {
			return
		}
		if i > 0 {
			s.hidden[line+i] = append(s.hidden[line+i], span{0, toEnd})
			continue
		}
		from, text := max(column-1, 0), []rune(part)
		hidden := span{from, toEnd}
		if whole := s.lines[line-1]; from <= len(whole) && strings.HasPrefix(string(whole[from:]), string(text)) {
			hidden.to = from + len(text)
		}
		s.hidden[line] = append(s.hidden[line], hidden)
	}
}
