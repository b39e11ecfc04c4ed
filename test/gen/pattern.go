package gen

import "strings"

// regex is a pattern with texts, some of which it matches.
type regex struct {
	text    string
	matches []string
}

// longInputs are as long as it goes, and longer.
var longInputs = []string{
	strings.Repeat("a", 2048), strings.Repeat("a", 2049), strings.Repeat("日", 2047) + "a",
	strings.Repeat("😀", 2048) + "a",
}

func (g *generator) regex() regex {
	if g.may(LargePattern) && g.chance(4) {
		return pick(g, largePatterns)
	}
	return pick(g, patterns)
}

// patterns mean the same in Go and in RE2JS.
var patterns = []regex{
	{"a", []string{"a", "ba", "b", ""}},
	{"^a", []string{"ab", "ba", "b\na"}},
	{"a$", []string{"ba", "ab", "a\n"}},
	{"^$", []string{"", "a", "\n"}},
	{"", []string{"", "a"}},
	{`^user-\d+$`, []string{"user-7", "user-", "user-٣", "User-7", "xuser-7"}},
	{`(?i)^ABC$`, []string{"abc", "Abc", "abcd"}},
	{`^[^@\s]+@example\.(com|org)$`, []string{"user@example.com", "a@example.net", "a b@example.com", "@example.com"}},
	{`[a-c]{2,3}$`, []string{"abc", "ab", "a", "xabcab"}},
	{`^(a|ab)(c|bcd)(d*)$`, []string{"abcd", "acd", "abc", "ab"}},
	{`^(?:a+)+$`, []string{"aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa!", ""}},
	{`(a{1,50}){1,3}`, []string{"a", "b", "aaaaaaaa"}},
	{`^\p{L}+$`, []string{"Abc", "日本", "ж", "a1", "é"}},
	{`^\pN`, []string{"1", "٣", "½", "a"}},
	{`\p{Greek}`, []string{"α", "a", "Ω"}},
	{`^\PL$`, []string{"1", "a", "😀"}},
	{`[[:alpha:]]+[[:digit:]]`, []string{"abc1", "é1", "1a"}},
	{`^.$`, []string{"a", "😀", "\n", "日", "ab", ""}},
	{`(?s)^.$`, []string{"\n", "😀", "ab"}},
	{`(?m)^b$`, []string{"a\nb\nc", "ab", "b"}},
	{`(?m)^$`, []string{"a\n\nb", "a", "a\n"}},
	{`\bcat\b`, []string{"a cat.", "concat", "cat", "écaté", "_cat"}},
	{`\Bcat`, []string{"concat", "cat", "écat"}},
	{`\Aab\z`, []string{"ab", "ab\n", "xab"}},
	{`^\w+\W\d\D\s\S$`, []string{"ab-1x y", "ab_1x y", "é-1x y"}},
	{`x*`, []string{"", "x", "y"}},
	{`(?U)a+`, []string{"aaa", "b"}},
	{`a*?b??c`, []string{"abc", "c", "ab"}},
	{`\Q.*\E`, []string{".*", "ab"}},
	{`\x41\x{1F600}`, []string{"A😀", "A", "😀"}},
	{`[^\x00-\x7f]`, []string{"é", "abc", "😀"}},
	{`(?P<name>a)(?P<other>b)`, []string{"ab", "ba"}},
	{`^(?i:straße)$`, []string{"STRASSE", "straße", "STRAßE", "STRAẞE"}},
	{`(?i)k`, []string{"K", "\u212a", "k", "x"}},
	{`(?i)[^k]`, []string{"K", "\u212a", "kk", "x"}},
	{`(?i)ǆ`, []string{"Ǆ", "ǅ", "ǆ"}},
	{`[\d-z]`, []string{"-", "5", "y"}},
	{`\t|\n|\f|\v|\r`, []string{"\t", "a\nb", "a"}},
	{`\101|\07`, []string{"A", "\a", "1"}},
	{`^[\]\-\\]$`, []string{"]", "-", "\\", "a"}},
	{`日{2}本?`, []string{"日日", "日日本", "日本"}},
	{`(|a)(b|)`, []string{"", "ab"}},
	// These have many instructions or ranges. A snapshot matches shorter values
	// with the former, but no shorter ones than can match.
	{`^(a{1,50}){1,10}$`, []string{"a", "b", strings.Repeat("a", 500)}},
	{`^a{600}$`, []string{strings.Repeat("a", 600)}},
	{`(?i)\pL\pL\pL\pL\pL`, []string{"abcde", "ab日de", "ab1de"}},
	{`^[\p{L} '-]{2,30}$`, []string{"Anne-Marie O'Neill", "日本", "a", "a1"}},
	{`^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.|$)){4}$`, []string{"10.0.0.1", "256.1.1.1", "1.2.3"}},
}

// largePatterns are beyond the cap of bytes.
var largePatterns = []regex{
	{strings.Repeat("b", 4097), []string{strings.Repeat("b", 4097)}},
}

// Pattern draws a regular expression of random structure. Most compile.
func Pattern(s Source) string {
	return pattern(s, 3+s.IntN(3))
}

var atoms = []string{
	"a", "b", "c", "0", "é", "日", "😀", ".", `\d`, `\w`, `\s`, `\D`, `\W`, `\S`, "[ab]", "[^a]", "[a-c0-9]", `[^\n]`,
	"[é-日]", `\pL`, `\PN`,
	`\p{Greek}`, "[[:alpha:]]", `[\pL\d]`, `\.`, `\x41`, `\n`, `[\x{10000}-\x{10ffff}]`, "k", "s", "ſ", `\Qa.b\E`,
	"[^\\x00-\\x{10FFFF}]",
}

var assertions = []string{"^", "$", `\b`, `\B`, `\A`, `\z`, "(?m:^)", "(?m:$)"}

var repeats = []string{"*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,3}", "{2,}", "{0,2}?", "{3,1}", "**"}

func pattern(s Source, depth int) string {
	if depth == 0 {
		return pick(s, atoms)
	}
	switch s.IntN(10) {
	case 0, 1, 2:
		return pick(s, atoms)
	case 3, 4, 5:
		return pattern(s, depth-1) + pattern(s, depth-1)
	case 6:
		return "(" + pattern(s, depth-1) + "|" + pattern(s, depth-1) + ")"
	case 7:
		return "(?:" + pattern(s, depth-1) + ")" + pick(s, repeats)
	case 8:
		return pick(s, assertions) + pattern(s, depth-1)
	default:
		return pick(s, []string{"(?i)", "(?s)", "(?m)", "(?U)", "(?i:", "(?s-i:"}) + pattern(s, depth-1)
	}
}

// Input draws a text for patterns that Pattern has drawn.
func Input(s Source) string {
	parts := []string{
		"a", "b", "c", "0", "9", "A", "K", "k", "\u212a", "s", "ſ", "S", "é", "É", "日", "😀", " ",
		"\n", "_", "-", ".", "α", "٣", "\x00", "\U0010ffff", "a.b", "aa",
	}
	var b strings.Builder
	for range s.IntN(12) {
		b.WriteString(pick(s, parts))
	}
	return b.String()
}
