package eval

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold makes texts equal that differ in case only, alike in Go and in
// JavaScript: the lower case of each character by itself in Unicode 15, with
// the two cases in which the languages differ decided. U+0130 becomes "i" and
// U+0307, as in JavaScript, and the sigma at the end of a word becomes the
// ordinary one, since JavaScript lets the neighbours decide between them.
func Fold(text string) string {
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
			if !unicode.Is(caseSince15, r) {
				r = unicode.ToLower(r)
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// caseSince15 are the letters that have another case since Unicode 16 or 17.
var caseSince15 = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x019b, 0x019b, 1},
		{0x0264, 0x0264, 1},
		{0x1c89, 0x1c8a, 1},
		{0xa7cb, 0xa7cf, 1},
		{0xa7d2, 0xa7d5, 1},
		{0xa7da, 0xa7dc, 1},
	},
	R32: []unicode.Range32{
		{0x10d50, 0x10d65, 1}, {0x10d70, 0x10d85, 1}, {0x16ea0, 0x16eb8, 1}, {0x16ebb, 0x16ed3, 1},
	},
}

// unsettled reports whether the case of a character may depend on the version
// of Unicode that a runtime has.
func unsettled(r rune) bool {
	return unicode.Is(caseSince15, r) ||
		!unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C)
}

// Spelled returns the pattern that matches as a text condition does that
// ignores case, where the result for one of its texts depends on the runtime's
// version of Unicode; "" where none does. A worker lower-cases values by its
// own version.
func (k *Condition) Spelled() string {
	if !k.Fold || !containsUnsettled(k.Texts) {
		return ""
	}
	words := make([]string, len(k.Texts))
	for i, text := range k.Texts {
		words[i] = spell([]rune(text), k.Op)
	}
	pattern := "(?:" + strings.Join(words, "|") + ")"
	switch k.Op {
	case OpStartsWith:
		return `\A` + pattern
	case OpEndsWith:
		return pattern + `\z`
	default:
		return pattern
	}
}

func containsUnsettled(texts []string) bool {
	for _, text := range texts {
		if strings.ContainsFunc(text, unsettled) {
			return true
		}
	}
	return false
}

// spell writes each character of a folded text as the class of those that fold
// to it. U+0130 folds to two, of which a text may begin or end with one.
func spell(text []rune, op Operator) string {
	const dot, dotted = '\u0307', `\x{130}`
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		one := class(text[i])
		switch last := i == len(text)-1; {
		case text[i] == 'i' && !last && text[i+1] == dot:
			one = "(?:" + one + class(dot) + "|" + dotted + ")"
			i++
		case text[i] == 'i' && last && op != OpEndsWith, text[i] == dot && i == 0 && op != OpStartsWith:
			one = "(?:" + one + "|" + dotted + ")"
		}
		b.WriteString(one)
	}
	return b.String()
}

// class is the class of the characters that fold to one.
func class(r rune) string {
	var b strings.Builder
	fmt.Fprintf(&b, `[\x{%x}`, r)
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		if Fold(string(other)) == string(r) {
			fmt.Fprintf(&b, `\x{%x}`, other)
		}
	}
	return b.String() + "]"
}
