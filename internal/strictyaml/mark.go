package strictyaml

import (
	"regexp"
	"slices"
)

// mark returns a line with its secrets masked, cut to a width that fits a
// terminal, and where the column is in it, in characters from 0.
func (s *source) mark(line, column int) (text string, caret int) {
	if line < 1 || line > len(s.lines) {
		return "", 0
	}
	whole := s.lines[line-1]
	spans := s.spansOf(line)
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

// spansOf returns what is hidden of a line, sorted.
func (s *source) spansOf(line int) []span {
	spans := append(slices.Clone(s.hidden[line]), secretSpans(string(s.lines[line-1]))...)
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	return spans
}

// secretSpans finds in a line what looks like a secret, wherever it is, and the
// value of a secret that is commented out.
func secretSpans(text string) []span {
	var spans []span
	if at := inComment.FindStringIndex(text); at != nil {
		spans = append(spans, span{len([]rune(text[:at[1]])), toEnd})
	}
	for _, pattern := range []*regexp.Regexp{tokenLike, userInfo} {
		for _, at := range pattern.FindAllStringIndex(text, -1) {
			from := len([]rune(text[:at[0]]))
			spans = append(spans, span{from, from + len([]rune(text[at[0]:at[1]]))})
		}
	}
	return spans
}
