package gen

// What is drawn from. Simple things come first, since property tests shrink to
// them.

var standardFields = []string{"userId", "sessionId", "remoteAddress", "environment", "appName", "currentTime"}

var customFields = []string{
	"country", "plan", "größe", "日本", "__proto__", "constructor", "toString", "random", "default", "a b",
	"featureToggle",
}

var texts = []string{
	"1", "2", "3", "a", "b", "A", "B", "ab", "abc", "no", "NO", "Abc", "user-7", "user-42", "", "x,y",
	"ø", "Ø", "é", "e\u0301", "日本", "😀", "😀b", "a😀", "\ue000", "\uffee", "ß", "ẞ", "Ж", "ж", "\u212a", "ǅ", "ᏸ", "İ",
	"i\u0307", "ı", "𐐀", "𐐨",
	"a b", " a", "\\", `"`, "<&>", "\u2028", "true", "null", "undefined", "__proto__", "constructor", "[object Object]",
	"user@example.com", "long-long-long-long-long-long-long-long-long-long-long-long",
}

// blankTexts hold all that JavaScript trims.
var blankTexts = []string{
	" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\ufeff", "\u2003", "\u3000", "\u1680", "\u2029", "\v\f",
}

var sigmas = []string{"Σ", "ς", "σ", "ΟΔΟΣ", "οδος"}

var separators = []string{"\u007f", "\u0080"}

var numbers = []string{
	"0", "1", "5", "10", "-3", "1.0", "5.5", "0.1", "-0", "0.10000000000000001", "+5", "1e3", "1E3", "1e-7", ".5", "5.",
	" 5 ", "\u00a010",
	"9007199254740991", "9007199254740993", "100000000000000000000", "1.7976931348623157e308", "5e-324", "1e-400",
	"00012",
}

// notNumbers are none for anybody.
var notNumbers = []string{
	"abc", "1,5", "1_000", "1e", "e5", "--1", "+-1", "1.2.3", ".", "٣", "0x", "NaN", "1 2", "5a", "١",
}

// numberTexts are numbers for JavaScript only.
var numberTexts = []string{"", " ", "0x10", "0b11", "0o7", "Infinity", "-Infinity", "1e999", "-1e999"}

var versions = []string{
	"1.2.3", "1.2.4", "1.10.0", "2.0.0", "0.0.0", "2.0.0-alpha", "2.0.0-alpha.1", "2.0.0-alpha.beta", "2.0.0-beta",
	"2.0.0-beta.2",
	"2.0.0-beta.11", "2.0.0-rc.1", "2.0.0+build.5", "2.0.0-rc.1+exp.sha-5114f85", "1.0.0-0", "1.0.0--", "1.0.0-a-b",
	"1.2.3-0a", "1.2.3-x.7.z.92",
	"9007199254740991.0.0", "1.2.3-99999999", "1.2.3-Alpha", "1.2.3-00a", "1.2.3+001",
	"1.2.3-20260731123045123", "1.2.3-123456789012345678901234",
}

// notVersions are none for anybody.
var notVersions = []string{
	"1.2", "1", "1.2.3.4", "v1.2.3", "01.2.3", "1.02.3", "1.2.3-01", "1.2.3-", "1.2.3+", "1.2.3-a..b", "1.2.3-a_b",
	"1.2.3+a_b", "abc", "",
	"9007199254740992.0.0", "1.2.3-é", "=1.2.3", "1.2.-3", "1.2.3-+b", "1.2.3-a+", "1.2.3+a+b", "1.2.x", "1.2.3 beta",
	"+1.2.3", "1.2.3-a.", "-1.2.3",
}

// versionTexts are versions by one rule only.
var versionTexts = []string{" v1.2.3", "1.2.3-9007199254740993", "V1.2.3", "v1.2.3"}

var addresses4 = []string{
	"10.0.0.1", "10.255.255.255", "11.0.0.0", "192.168.1.7", "192.168.1.255", "192.168.2.0", "255.255.255.255",
	"0.0.0.0", "10.1.2.3", "10.0.0.2",
}

var ranges4 = []string{
	"10.0.0.0/8", "10.1.2.3/8", "10.0.0.1", "192.168.1.0/24", "192.168.1.7/32", "0.0.0.0/0", "10.0.0.0/31",
	"172.16.0.0/12", "255.255.255.255", "10.0.0.0/08",
}

// addresses6 are written as netip writes them.
var addresses6 = []string{
	"::1", "2001:db8::1", "2001:db8:ffff::", "fe80::1", "2001:db9::", "64:ff9b::a00:1", "::", "ff02::1",
	"::ffff:10.0.0.1",
}

var ranges6 = []string{
	"2001:db8::/32", "2001:db8::1", "::/0", "::1", "fe80::/10", "2001:db8::1/128", "2001:DB8:0:0:0:0:0:1",
	"2001:db8::/33", "64:ff9b::10.0.0.0/104", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1",
}

// notAddresses are none for anybody.
var notAddresses = []string{
	"10.0.0", "10.0.0.256", "foo", "", "010.0.0.1", "10.0.0.1.", "1.2.3.4.5", ":::", "2001:db8::1::", "12345::",
	"10.0.0.0x", "::g", "167772161", "10.0.0.0/33", "[::1]", "10.0.0.1:80",
}

// looseAddresses are addresses by one rule only.
var looseAddresses = []string{"10.0.0.1/32", "10.0.0.0/7", "fe80::1%eth0", "2001:db8::1/64"}

var blankAddresses = []string{" 10.0.0.1", "10.0.0.1\n", "\u2028192.168.1.7", " ::1"}

var looseRanges = []string{"fe80::1%eth0", "fe80::1%eth0/64"}

// notRanges are none for anybody.
var notRanges = []string{
	"10.0.0.0/255.0.0.0", "2001:db8::/129", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/ 8",
	"10.0.0.0/+8", "[::1]/128", "010.0.0.0/8", "office", "",
}
