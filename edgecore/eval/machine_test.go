package eval

import (
	"math/rand/v2"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/flagcast/flagcast/test/gen"
	"github.com/flagcast/flagcast/test/need"
)

// sameAsRegexp compares the machine with Go's regexp, and reports whether it has
// something to compare.
func sameAsRegexp(t *testing.T, pattern, text string) bool {
	t.Helper()
	p, _, fault := NewPattern(pattern)
	expression, err := regexp.Compile(pattern)
	if err != nil {
		if fault == "" {
			t.Errorf("%q is no regular expression for Go, but has a machine", pattern)
		}
		return false
	}
	if fault != "" {
		return false // beyond a cap
	}
	m := p.Machine()
	if utf8.RuneCountInString(text) > m.InputRunes() {
		return false
	}
	if m.Longest != AnyLength && utf8.RuneCountInString(text) > m.Longest && expression.MatchString(text) {
		t.Errorf("%q matches %q, longer than %d characters", pattern, text, m.Longest)
	}
	if want, got := expression.MatchString(text), m.MatchString(text); want != got {
		t.Errorf("%q on %q: the machine says %v, Go's regexp %v", pattern, text, got, want)
	}
	return true
}

// The machine matches what Go's regexp matches, for random patterns and texts.
func TestMachineIsGoRegexp(t *testing.T) {
	s := rand.New(rand.NewPCG(need.Seed(t), 5))
	compared := 0
	for range 5000 {
		pattern := gen.Pattern(s)
		for range 4 {
			if sameAsRegexp(t, pattern, gen.Input(s)) {
				compared++
			}
		}
	}
	t.Logf("%d pairs of a pattern and a text", compared)
	if compared < 10_000 {
		t.Errorf("%d of 20000 pairs are within the caps: that is no comparison", compared)
	}
}

func FuzzMachine(f *testing.F) {
	s := rand.New(rand.NewPCG(1, 5))
	for range 200 {
		f.Add(gen.Pattern(s), gen.Input(s))
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) <= MaxPatternBytes {
			sameAsRegexp(t, pattern, text)
		}
	})
}
