package eval

import (
	"cmp"
	"strconv"
	"strings"
)

// Version is a semantic version 2.0 without build metadata. Numeric
// identifiers of its prerelease may have any length: they are compared as
// text, and never converted.
type Version struct {
	Release    [3]uint64
	Prerelease string // "" for a release
}

// MaxInteger is the largest whole number that JavaScript counts exactly:
// components of a release beyond it are none (node-semver).
const MaxInteger = 1<<53 - 1

// maxVersionBytes is the longest text that is a version (node-semver).
const maxVersionBytes = 256

// ParseVersion reads a semantic version 2.0, without blanks around it.
func ParseVersion(text string) (v Version, ok bool) {
	if len(text) > maxVersionBytes {
		return v, false
	}
	text, build, built := strings.Cut(text, "+")
	if built && !validIdentifiers(build, false) {
		return v, false
	}
	release, prerelease, cut := strings.Cut(text, "-")
	if cut && !validIdentifiers(prerelease, true) {
		return v, false
	}
	v.Prerelease = prerelease
	for i := range v.Release {
		part, rest, more := strings.Cut(release, ".")
		if !IsNumeric(part) || hasLeadingZero(part) || more != (i < 2) {
			return v, false
		}
		number, err := strconv.ParseUint(part, 10, 64)
		if err != nil || number > MaxInteger {
			return v, false
		}
		v.Release[i], release = number, rest
	}
	return v, true
}

// validIdentifiers reports whether text is identifiers separated by dots.
// Numeric ones of a prerelease have no leading zeros.
func validIdentifiers(text string, prerelease bool) bool {
	for part := range strings.SplitSeq(text, ".") {
		if part == "" || prerelease && IsNumeric(part) && hasLeadingZero(part) {
			return false
		}
		for i := range len(part) {
			switch c := part[i]; {
			case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-':
			default:
				return false
			}
		}
	}
	return true
}

func hasLeadingZero(digits string) bool { return len(digits) > 1 && digits[0] == '0' }

// IsNumeric reports whether text consists of ASCII digits, at least one.
func IsNumeric(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// Compare orders versions by precedence (semantic versions 2.0, paragraph 11).
func (v Version) Compare(other Version) int {
	for i := range v.Release {
		if c := cmp.Compare(v.Release[i], other.Release[i]); c != 0 {
			return c
		}
	}
	switch {
	case v.Prerelease == other.Prerelease:
		return 0
	case v.Prerelease == "":
		return 1
	case other.Prerelease == "":
		return -1
	}
	return compareIdentifiers(v.Prerelease, other.Prerelease)
}

// compareIdentifiers compares prereleases identifier by identifier; the shorter
// list is less where all others are equal.
func compareIdentifiers(a, b string) int {
	for more := true; more; {
		var x, y string
		var moreOfA, moreOfB bool
		x, a, moreOfA = strings.Cut(a, ".")
		y, b, moreOfB = strings.Cut(b, ".")
		if c := compareIdentifier(x, y); c != 0 {
			return c
		}
		if moreOfA != moreOfB {
			if moreOfA {
				return 1
			}
			return -1
		}
		more = moreOfA
	}
	return 0
}

// compareIdentifier puts numeric identifiers before others, and compares them
// by their length first: they have no leading zeros.
func compareIdentifier(a, b string) int {
	numeric := IsNumeric(a)
	if numeric != IsNumeric(b) {
		if numeric {
			return -1
		}
		return 1
	}
	if numeric && len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

// String returns the version as it is written, without build metadata.
func (v Version) String() string {
	text := joinNumbers(v.Release)
	if v.Prerelease != "" {
		text += "-" + v.Prerelease
	}
	return text
}

func joinNumbers(release [3]uint64) string {
	words := make([]string, len(release))
	for i, number := range release {
		words[i] = strconv.FormatUint(number, 10)
	}
	return strings.Join(words, ".")
}

// Next returns the release after this one in its major component.
func (v Version) Next() Version { return Version{Release: [3]uint64{v.Release[0] + 1, 0, 0}} }
