package eval

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// fold makes texts equal that differ in case only, alike in Go and in
// JavaScript: the lower case of each character by itself, with the two cases
// in which the languages differ settled. U+0130 becomes "i" and U+0307, as in
// JavaScript, and the sigma at the end of a word becomes the ordinary one,
// since JavaScript lets the neighbours decide between them. The worker's
// runtime may know newer pairs than Unicode 15.
func fold(text string) string {
	ascii := true
	for i := range len(text) {
		ascii = ascii && text[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.ToLower(text)
	}
	var b strings.Builder
	b.Grow(len(text) + 2)
	for _, r := range text {
		switch r {
		case 'ς':
			b.WriteRune('σ')
		case 'İ':
			b.WriteString("i\u0307")
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}
