// Package suggest finds the word that was probably meant.
package suggest

import "strings"

// Closest returns the word that was probably meant, or "". It compares letters
// and digits only, without case.
func Closest(written string, words []string) string {
	best, least := "", 1<<30
	for _, w := range words {
		a, b := fold(written), fold(w)
		d := distance(a, b)
		if d < least && d <= max(len(a), len(b))/3+bit(len(b) > 2 && strings.HasPrefix(a, b)) {
			best, least = w, d
		}
	}
	return best
}

func fold(s string) string {
	const most = 64 // no key is longer
	s = strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
	return s[:min(len(s), most)]
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (Damerau's distance in its restricted form).
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+bit(a[i-1] != b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}
