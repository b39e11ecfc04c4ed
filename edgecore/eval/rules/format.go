package rules

import (
	"fmt"

	"github.com/flagcast/flagcast/edgecore"
)

// The form of a program in a rules/1 snapshot; docs/snapshot-format.md
// describes it for readers. Texts that are searched in (names of flags, values
// of lists) are one string each: JSON.parse copies it, and a worker that
// checks one flag takes apart no more than it needs.

// wireRules is the member "rules".
type wireRules struct {
	Names       string  `json:"names"`
	Flags       []any   `json:"flags"`
	Fields      []any   `json:"fields"`
	Values      []any   `json:"values"`
	Stickies    []any   `json:"stickies"`
	Shares      []any   `json:"shares"`
	Conditions  []any   `json:"conditions"`
	Shapes      []any   `json:"shapes"`
	Impressions []int32 `json:"impressions"`
	Hidden      []int32 `json:"hidden"`
	Salt        string  `json:"salt,omitempty"`
	Hashed      []int32 `json:"hashed,omitempty"`
}

// Numbers of conditions on the wire.
const (
	wireIn = iota
	wireStartsWith
	wireEndsWith
	wireContains
	wireStartsWithFolded
	wireEndsWithFolded
	wireContainsFolded
	wireNumber
	wireDate
	wireVersion
	wireRegex
	wireCIDR
	wireAll
	wireSharedRegex // a wireRegex whose instructions share ranges
)

// A share on the wire: 1 is everybody, from 2 on it is the place of its
// stickiness times 101, plus the percentage, plus 2, with the name of the flag
// as the group. Below 0 it is a place in shares, as ^place.
const (
	everybodyShare = 1
	firstShare     = 2
	perSticky      = 101
)

// Postings are the numbers of the conditions that list a value, ascending,
// each as the difference to the one before (the first to -1), least digit
// first. A digit that ends a number is one of 57 from '#' on, one that does
// not is one of 34 from ']' on: printable, and neither '"' nor '\'.
const (
	firstEnd, ends = '#', 57
	firstMore      = ']'
	mores          = 34
)

func appendPosting(b []byte, n int) []byte {
	for n >= ends {
		b = append(b, byte(firstMore+n%mores))
		n /= mores
	}
	return append(b, byte(firstEnd+n))
}

// readPostings calls take for each number, until that returns false. It returns
// false then, and for a text that appendPosting has not written.
func readPostings(text string, take func(n int) bool) bool {
	last, n, scale := -1, 0, 1
	for i := range len(text) {
		switch c := text[i]; {
		case c >= firstMore && c < firstMore+mores:
			n += int(c-firstMore) * scale
			scale *= mores
		case c >= firstEnd && c < firstEnd+ends:
			n += int(c-firstEnd) * scale
			last += n
			if !take(last) {
				return false
			}
			n, scale = 0, 1
		default:
			return false
		}
		if n > maxPosting || scale > maxPosting {
			return false
		}
	}
	return scale == 1
}

// maxPosting is larger than any number of conditions. Sums and products of two
// do not overflow.
const maxPosting = 1 << 40

// Identifiers says what becomes of ids that lists of flags hold, since a
// snapshot leaves the VPC.
type Identifiers string

const (
	// IdentifiersAllow writes them as they are.
	IdentifiersAllow Identifiers = "allow"
	// IdentifiersHash writes digests of those in lists, which workers compare
	// with the digest of the request's id: obfuscation, not secrecy.
	IdentifiersHash Identifiers = "hash"
	// IdentifiersRefuse makes the encoding fail.
	IdentifiersRefuse Identifiers = "refuse"
)

// Options say how a program is encoded. The zero value writes everything
// as it is.
type Options struct {
	Identifiers Identifiers // "": IdentifiersAllow
	// Fields are the context fields that hold ids.
	Fields []string
	Salt   string // for IdentifiersHash
}

// Error says which flags hold ids that may not be written.
type Error struct {
	Flags []string // sorted
	Why   string
}

// Error names the flags, at most ten of them.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s", e.Why, edgecore.Shorten(e.Flags, 10))
}
