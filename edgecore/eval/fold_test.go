package eval

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/flagcast/flagcast/test/need"
)

// Case is that of Unicode 15 whatever tables Go has: the pairs that are newer
// are none, and every pair of the tables is decided but those.
func TestFoldIsOfUnicode15(t *testing.T) {
	pairs := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		lower := unicode.ToLower(r)
		if lower == r {
			continue
		}
		if newer := unicode.Is(caseSince15, r); newer != (Fold(string(r)) == string(r)) {
			t.Errorf("%U folds to %+q", r, Fold(string(r)))
		} else if !newer {
			pairs++
		}
	}
	if pairs != 1433 { // of Unicode 15.0
		t.Errorf("%d characters have a lower case, want 1433: list letters newer than Unicode 15 in caseSince15", pairs)
	}
	for _, r := range "\u1c89\ua7cb\ua7dc\U00010d50\U00016ea0" {
		if Fold(string(r)) != string(r) {
			t.Errorf("%U folds to %+q", r, Fold(string(r)))
		}
	}
}

// A class of a pattern holds each character that folds to its own.
func TestClassesAreOfFold(t *testing.T) {
	by := map[string][]rune{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if folded := Fold(string(r)); folded != string(r) && folded != "i\u0307" {
			by[folded] = append(by[folded], r)
		}
	}
	for folded, list := range by {
		re := regexp.MustCompile("^" + class([]rune(folded)[0]) + "$")
		for _, r := range append(list, []rune(folded)[0]) {
			if !re.MatchString(string(r)) {
				t.Errorf("%U is not in the class of %+q", r, folded)
			}
		}
	}
}

// A spelled pattern matches what the condition itself does.
func TestSpelledMatchesAsTexts(t *testing.T) {
	s := rand.New(rand.NewPCG(need.Seed(t), 6))
	parts := []string{
		"i", "I", "İ", "\u0307", "Σ", "σ", "ς", "k", "K", "\u212a", "ß", "ẞ", ".", "Ɛ", "ƛ", "\ua7dc", "\U00010d50",
		"\U00010d70", "日",
	}
	draw := func(most int) string {
		var b strings.Builder
		for range s.IntN(most + 1) {
			b.WriteString(parts[s.IntN(len(parts))])
		}
		return b.String()
	}
	matched := 0
	for range 20_000 {
		k := &Condition{
			Op: []Operator{OpStartsWith, OpEndsWith, OpContains}[s.IntN(3)], Fold: true, Texts: []string{
				Fold(draw(2)), Fold(draw(2) + "ƛ" + draw(1)), Fold(draw(3)),
			},
		}
		k.Texts = k.Texts[:1+s.IntN(3)]
		pattern := k.Spelled()
		if pattern == "" {
			if containsUnsettled(k.Texts) {
				t.Fatalf("%+q is not spelled", k.Texts)
			}
			continue
		}
		value := draw(5)
		match := map[Operator]func(value, operand string) bool{
			OpStartsWith: strings.HasPrefix, OpEndsWith: strings.HasSuffix, OpContains: strings.Contains,
		}[k.Op]
		want := k.anyOf(value, match)
		if want {
			matched++
		}
		if got := regexp.MustCompile(pattern).MatchString(value); got != want {
			t.Fatalf("%s on %+q: %v, want %v: %s", fmt.Sprintf("%s %+q", k.UnleashOperator(), k.Texts), value, got,
				want, pattern)
		}
	}
	if matched < 1000 {
		t.Errorf("%d matches are no comparison", matched)
	}
}
