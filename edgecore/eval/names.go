package eval

import "strings"

// Separators of joined texts. JSON escapes neither, and no name and no value
// may hold one.
const (
	EndOfText  = "\u007f" // around a name; before a value
	EndOfValue = "\u0080" // behind a value, before its postings
)

// Separable reports whether a text can be joined with others.
func Separable(text string) bool { return !strings.ContainsAny(text, EndOfText+EndOfValue) }

// CompareNames orders names by their UTF-16 units, as JavaScript does: readers
// of a snapshot search by it. It differs from the order of bytes only between
// the characters beyond U+FFFF and those from U+E000 on.
func CompareNames(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if x, y := a[i], b[i]; x != y {
			// UTF-8 of U+E000 to U+FFFF begins with 0xEE or 0xEF, that of
			// larger ones, surrogates in UTF-16, with 0xF0 and more.
			if x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0) {
				x, y = y, x
			}
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}
