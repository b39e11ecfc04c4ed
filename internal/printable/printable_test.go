package printable_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flagcast/flagcast/internal/printable"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"checkout-v2":                   "checkout-v2",
		"größe 名前 🚀 \"x\" 100% \\n <b>": "größe 名前 🚀 \"x\" 100% \\n <b>",
		"a\nb\r\nc\td":                  `a\nb\r\nc\td`,
		"\x1b[31mred\x1b[0m":            `\x1b[31mred\x1b[0m`,
		"bell\a nul\x00 del\x7f":        `bell\a nul\x00 del\x7f`,
		"\u0085 \u009b31m":              `\u0085 \u009b31m`,
		"\u202eexe.txt\u2066":           `\u202eexe.txt\u2066`,
		"\u2028\u2029\ufeff\u200b":      `\u2028\u2029\ufeff\u200b`,
		"a\u00a0b":                      `a\u00a0b`,
		"cut \xff\xc3 off":              `cut \xff\xc3 off`,
		"\ufffd":                        "\ufffd",
		"::error::x":                    `\x3a:error::x`,
		"  ::stop-commands::x":          `  \x3a:stop-commands::x`,
		"\n::error::x":                  `\n::error::x`,
		"std::string":                   "std::string",
		"a ##[add-mask]b ##[":           `a #\x23[add-mask]b #\x23[`,
	} {
		if got := printable.Text(in); got != want {
			t.Errorf("Text(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	for in, want := range map[string]string{
		"one":                                     "one",
		"one\ntwo\r\n::error::x\n\x1b[2K":         `one\ntwo\r\n::error::x\n\x1b[2K`,
		"a.json:2:3: wrong\n  text\n    ^":        "a.json:2:3: wrong\n  text\n    ^",
		"a\n  ::error::x\n    ::debug::y\n  \n b": "a\n  \\x3a:error::x\n    \\x3a:debug::y\n  \\n b",
	} {
		if got := printable.Lines(in); got != want {
			t.Errorf("Lines(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestSource(t *testing.T) {
	if got, want := printable.Source("\tkey: \x1b[2K\t\u202e"), "\tkey: \\x1b[2K\t\\u202e"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

type named string

type described struct{}

func (described) String() string { return "\x1b" }

func TestFprintf(t *testing.T) {
	var out bytes.Buffer
	n, err := printable.Fprintf(&out, "\t%s|%v|%s|%-4s|%.3s|%d|%t|%v|%v|\n", "a\nb", named("\t"), errors.New("\r"), "x",
		"abcdef", 7, true, described{}, 2*time.Second)
	if want := "\ta\\nb|\\t|\\r|x   |abc|7|true|\\x1b|2s|\n"; err != nil || out.String() != want || n != len(want) {
		t.Errorf("%d, %v, %q, want %q", n, err, out.String(), want)
	}
}

// TestPaint: only a Painter makes escape sequences, of what it paints only its
// own, and none where the terminal shows no colors.
func TestPaint(t *testing.T) {
	const foreign = "a\x1b[2J\x1b[0m\nb"
	for _, test := range []struct {
		arg  any
		want string
	}{
		{printable.Painter(true).Paint(printable.Red, foreign), "\x1b[31ma\\x1b[2J\\x1b[0m\\nb\x1b[0m"},
		{printable.Painter(true).Paint(printable.Yellow, "held"), "\x1b[33mheld\x1b[0m"},
		{printable.Painter(true).Paint(printable.Plain, "ok"), "ok"},
		{printable.Painter(false).Paint(printable.Red, "::error::x"), `\x3a:error::x`},
		{printable.Painter(true).Paint(printable.Red, "held").String(), `\x1b[31mheld\x1b[0m`},
	} {
		if got := printable.Sprintf("%s", test.arg); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
	if n := printable.Painter(true).Paint(printable.Red, "größe\n").Width(); n != 7 {
		t.Errorf("the width is %d, want 7", n)
	}
}

// FuzzText: what is printed is one line of UTF-8 without anything that acts on
// a terminal or a workflow, and what could be printed is as it was.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", "name", "::error::\n", " ::x",
		"##[x]", "#\x00#[", "\x1b[0m", "\u202e", "\xf0\x9f", "a\r\n\t\u0085", ":\u200b:", "###[", "é\u0301",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := printable.Text(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if r != ' ' && (!unicode.IsGraphic(r) || unicode.IsSpace(r)) {
				t.Fatalf("%q has %U", got, r)
			}
		}
		if strings.HasPrefix(strings.TrimSpace(got), "::") || strings.Contains(got, "##[") {
			t.Fatalf("%q is a command", got)
		}
		if again := printable.Text(got); again != got {
			t.Fatalf("%q twice is %q", got, again)
		}
	})
}
