package secret

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shortBelow is the number of characters below which a secret is short: it
// occurs inside of other words by chance.
const shortBelow = 4

// IsShort reports whether a secret has fewer than four characters.
func (s Secret) IsShort() bool { return s.value != "" && isShort(s.value) }

func isShort(value string) bool { return utf8.RuneCountInString(value) < shortBelow }

// Mask replaces secrets in a text by "[redacted]", wherever they are. A short
// one is replaced where no letter, digit or underscore is next to it, so that
// other words stay readable. Where several begin at one place the longest counts.
// Empty values are ignored.
func Mask(text string, values ...string) string {
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	slices.SortStableFunc(values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var out strings.Builder
	done := 0 // bytes of text that are in out
	for at := 0; at < len(text); {
		i := slices.IndexFunc(values, func(v string) bool {
			return strings.HasPrefix(text[at:], v) && (!isShort(v) || isWholeWord(text, at, at+len(v)))
		})
		if i < 0 {
			at++
			continue
		}
		out.WriteString(text[done:at])
		out.WriteString(redacted)
		at += len(values[i])
		done = at
	}
	if done == 0 {
		return text
	}
	return out.String() + text[done:]
}

// isWholeWord reports whether text[from:to] is not a part of a longer word.
func isWholeWord(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	return !inWord(before) && !inWord(after)
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
