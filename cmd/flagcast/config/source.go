package config

import (
	"regexp"
	"slices"
	"strings"
)

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
		s.lines = append(s.lines, []rune(strings.TrimSuffix(line, "\r")))
	}
	return s
}

// place returns a place of the file. It is always inside the text.
func (s *source) place(line, column int) place {
	line = min(max(line, 1), max(len(s.lines), 1))
	width := 0
	if line <= len(s.lines) {
		width = len(s.lines[line-1])
	}
	return place{file: s.name, line: line, column: min(max(column, 1), width+1)}
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
		from, text := max(column-1, 0), []rune(strings.TrimSuffix(part, "\r"))
		hidden := span{from, toEnd}
		if whole := s.lines[line-1]; from <= len(whole) && strings.HasPrefix(string(whole[from:]), string(text)) {
			hidden.to = from + len(text)
		}
		s.hidden[line] = append(s.hidden[line], hidden)
	}
}

// mark returns a line with its secrets masked, cut to a width that fits a
// terminal, and where the column is in it, in characters from 0.
func (s *source) mark(line, column int) (text string, caret int) {
	if line < 1 || line > len(s.lines) {
		return "", 0
	}
	whole := s.lines[line-1]
	spans := append(slices.Clone(s.hidden[line]), secretSpans(string(whole))...)
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var out []rune
	at, next := 0, 0 // in whole
	caret = -1
	for at < len(whole) {
		for next < len(spans) && spans[next].to <= at {
			next++
		}
		if next < len(spans) && spans[next].from <= at {
			end := min(spans[next].to, len(whole))
			for next < len(spans) && spans[next].from <= end {
				end = min(max(end, spans[next].to), len(whole))
				next++
			}
			if caret < 0 && column-1 < end {
				caret = len(out)
			}
			out = append(out, []rune(redacted)...)
			at = end
			continue
		}
		if caret < 0 && column-1 <= at {
			caret = len(out)
		}
		r := whole[at]
		if r != '\t' && (r < ' ' || r == 0x7f) {
			r = '\uFFFD'
		}
		out = append(out, r)
		at++
	}
	if caret < 0 {
		caret = len(out)
	}
	return window(out, caret)
}

// window cuts a long line around the caret.
func window(line []rune, caret int) (string, int) {
	if len(line) <= lineWidth {
		return string(line), caret
	}
	from := min(max(caret-lineWidth/2, 0), len(line)-lineWidth)
	text, to := "", from+lineWidth
	if from > 0 {
		text = "…"
		caret++
	}
	text += string(line[from:to])
	if to < len(line) {
		text += "…"
	}
	return text, caret - from
}

var (
	// tokenLike is an Unleash token; after the ":" of a URL is a "/".
	tokenLike = regexp.MustCompile(`[^\s:"'\[{(,]*:[^\s.:/"',]+\.[^\s"',\]}]+`)
	// userInfo is the user and the password in a URL.
	userInfo = regexp.MustCompile(`://[^\s/@"']+@`)
	// secretName is a key whose value is not for everybody, by its name.
	secretName = regexp.MustCompile(`(?i)token|secret|passw|private|api_?key|access_?key|authori[sz]ation|cookie|^auth$`)
	// secretLine is a line that has such a key, or one below which addresses
	// are credentials, in a text that could not be parsed.
	secretLine = regexp.MustCompile(secretName.String() + `|^\s*["']?(notify|healthcheck)\b`)
)

// secretSpans finds in a text what looks like a secret, wherever it is.
func secretSpans(text string) []span {
	var spans []span
	for _, pattern := range []*regexp.Regexp{tokenLike, userInfo} {
		for _, at := range pattern.FindAllStringIndex(text, -1) {
			from := len([]rune(text[:at[0]]))
			spans = append(spans, span{from, from + len([]rune(text[at[0]:at[1]]))})
		}
	}
	return spans
}

// mask takes what looks like a secret out of a text that is quoted in a
// message.
func mask(text string) string {
	return userInfo.ReplaceAllString(tokenLike.ReplaceAllString(text, redacted), "://"+redacted+"@")
}
