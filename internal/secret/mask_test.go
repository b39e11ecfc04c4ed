package secret_test

import (
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/secret"
)

func TestMask(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		values []string
		want   string
	}{
		"none":  {"through proxy", nil, "through proxy"},
		"empty": {"through proxy", []string{""}, "through proxy"},
		"short inside of words": {
			"through proxy, x=x, (x) x_y x1 éx",
			[]string{"x"},
			"through proxy, [redacted]=[redacted], ([redacted]) x_y x1 éx",
		},
		"short at both ends": {"ab", []string{"ab"}, "[redacted]"},
		"three characters": {
			"cat concat cat-a été",
			[]string{"cat", "été"},
			"[redacted] concat [redacted]-a [redacted]",
		},
		"ordinary, everywhere": {"preabcdpost abcd", []string{"abcd"}, "pre[redacted]post [redacted]"},
		"no letters":           {"a!!b !! c", []string{"!!"}, "a!!b [redacted] c"},
		"one inside the other": {
			"key LTAI-secret and LTAI",
			[]string{"LTAI", "LTAI-secret"},
			"key [redacted] and [redacted]",
		},
		"the mask itself": {"redacted token", []string{"redacted", "token"}, "[redacted] [redacted]"},
		"twice in a row":  {"abcdabcd", []string{"abcd"}, "[redacted][redacted]"},
	} {
		if got := secret.Mask(c.text, c.values...); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestIsShort(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "x": true, "abc": true, "éèà": true, "abcd": false, "éèàü": false,
	} {
		if got := secret.New(value).IsShort(); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

// A secret of ordinary length is in no text that was masked, whatever is
// around it; a short one in none where it is a word of its own.
func FuzzMask(f *testing.F) {
	f.Add("through proxy", "x", "proxy")
	f.Add("aaaa", "aaaa", "aa")
	f.Fuzz(func(t *testing.T, text, a, b string) {
		for _, v := range []string{a, b} {
			if strings.Contains("[redacted]", v) || strings.ContainsAny(v, "[]") {
				t.Skip()
			}
		}
		got := secret.Mask(text+a+text+" "+b+" "+text, a, b)
		for _, v := range []string{a, b} {
			if !secret.New(v).IsShort() && v != "" && strings.Contains(got, v) {
				t.Errorf("%q is in %q", v, got)
			}
		}
		if strings.Contains(secret.Mask("= "+a+" =", a), "= "+a+" =") && a != "" {
			t.Errorf("%q stands alone and is shown", a)
		}
	})
}
