package eval

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
)

type operator uint8

const (
	opNever operator = iota // unknown, or an operand that makes no sense; nobody passes, inverted or not
	opIn
	opNotIn
	opStartsWith
	opEndsWith
	opContains
	opNumber
	opDate
	opVersion
	opRegex
	opCIDR
)

// order is what an ordering operator accepts, as bits.
type order uint8

const (
	less order = 1 << iota
	equal
	greater
)

// constraint is one comparison; of the operands only those that its operator
// needs are set.
type constraint struct {
	field    string
	op       operator
	inverted bool
	fold     bool  // compare without regard to case
	order    order // opNumber, opDate, opVersion

	list     []string // sorted for opIn and opNotIn
	number   float64
	instant  time.Time
	version  *semver.Version
	pattern  *regexp.Regexp
	prefixes []netip.Prefix
}

// Caps of regular expressions, so that one constraint cannot use up the time
// of a request in a worker. Beyond them nothing matches.
const (
	maxPatternBytes = 4 << 10
	maxInputRunes   = 2048
)

func (k *constraint) holds(c *Context) bool {
	if k.op == opNever {
		return false
	}
	return k.compare(c) != k.inverted
}

// compare applies the operator without inversion. A missing field satisfies
// NOT_IN and nothing else.
func (k *constraint) compare(c *Context) bool {
	if k.op == opDate {
		// Node's SDK compares the current time whatever field is named.
		return k.order.accepts(c.Time.Truncate(time.Millisecond).Compare(k.instant))
	}
	value, ok := c.Fields[k.field]
	if !ok {
		return k.op == opNotIn
	}
	switch k.op {
	case opIn:
		return k.listed(value)
	case opNotIn:
		return !k.listed(value)
	case opStartsWith:
		return k.anyOf(value, strings.HasPrefix)
	case opEndsWith:
		return k.anyOf(value, strings.HasSuffix)
	case opContains:
		return k.anyOf(value, strings.Contains)
	case opNumber:
		number, ok := parseNumber(value)
		return ok && k.order.accepts(compareNumbers(number, k.number))
	case opVersion:
		version, err := semver.StrictNewVersion(strings.TrimSpace(value))
		return err == nil && k.order.accepts(version.Compare(k.version))
	case opRegex:
		return utf8.RuneCountInString(value) <= maxInputRunes && k.pattern.MatchString(value)
	case opCIDR:
		return containsAddress(k.prefixes, value)
	default:
		return false
	}
}

func (k *constraint) listed(value string) bool {
	_, found := slices.BinarySearch(k.list, value)
	return found
}

func (k *constraint) anyOf(value string, match func(value, operand string) bool) bool {
	if k.fold {
		value = strings.ToLower(value)
	}
	for _, operand := range k.list {
		if match(value, operand) {
			return true
		}
	}
	return false
}

func (o order) accepts(comparison int) bool {
	switch {
	case comparison < 0:
		return o&less != 0
	case comparison > 0:
		return o&greater != 0
	default:
		return o&equal != 0
	}
}

func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}
