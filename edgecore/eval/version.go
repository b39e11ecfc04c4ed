package eval

import (
	"cmp"
	"strconv"
	"strings"
)

// version is a semantic version 2.0 without build metadata. Numeric
// identifiers of its prerelease may have any length: they are compared as
// text, and never converted.
type version struct {
	release    [3]uint64
	prerelease string // "" for a release
}

// maxInteger is the largest whole number that JavaScript counts exactly:
// components of a release beyond it are none (node-semver).
const maxInteger = 1<<53 - 1

// maxVersionBytes is the longest text that is a version (node-semver).
const maxVersionBytes = 256

// parseVersion reads a semantic version 2.0, without blanks around it.
func parseVersion(text string) (v version, ok bool) {
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
	v.prerelease = prerelease
	for i := range v.release {
		part, rest, more := strings.Cut(release, ".")
		if !isNumeric(part) || hasLeadingZero(part) || more != (i < 2) {
			return v, false
		}
		number, err := strconv.ParseUint(part, 10, 64)
		if err != nil || number > maxInteger {
			return v, false
		}
		v.release[i], release = number, rest
	}
	return v, true
}

// validIdentifiers reports whether text is identifiers separated by dots.
// Numeric ones of a prerelease have no leading zeros.
func validIdentifiers(text string, prerelease bool) bool {
	for part := range strings.SplitSeq(text, ".") {
		if part == "" || prerelease && isNumeric(part) && hasLeadingZero(part) {
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

// isNumeric reports whether text consists of ASCII digits, at least one.
func isNumeric(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// Compare orders versions by precedence (semantic versions 2.0, paragraph 11).
func (v version) Compare(other version) int {
	for i := range v.release {
		if c := cmp.Compare(v.release[i], other.release[i]); c != 0 {
			return c
		}
	}
	switch {
	case v.prerelease == other.prerelease:
		return 0
	case v.prerelease == "":
		return 1
	case other.prerelease == "":
		return -1
	}
	return compareIdentifiers(v.prerelease, other.prerelease)
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
	numeric := isNumeric(a)
	if numeric != isNumeric(b) {
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

func (v version) String() string {
	text := joinNumbers(v.release)
	if v.prerelease != "" {
		text += "-" + v.prerelease
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

// next returns the release after this one in its major component.
func (v version) next() version { return version{release: [3]uint64{v.release[0] + 1, 0, 0}} }
