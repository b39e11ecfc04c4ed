package eval

import (
	"net/netip"
	"slices"
	"strings"
)

type operator uint8

const (
	opIn operator = iota
	opStartsWith
	opEndsWith
	opContains
	opNumber
	opDate
	opVersion
	opRegex
	opCIDR
	opAll // a segment: every condition of a list
)

// order is what an ordering operator accepts, as bits.
type order uint8

const (
	less order = 1 << iota
	equal
	greater
)

// condition is one comparison, or a list of them; of the operands only those
// that its operator needs are set.
type condition struct {
	op       operator
	inverted bool
	fold     bool  // texts: compare without regard to case
	order    order // number, instant, version
	field    int32 // unused by opDate and opAll

	items    []int32  // opIn: sorted numbers of values of the field
	texts    []string // opStartsWith, opEndsWith, opContains; folded if fold
	number   float64
	instant  int64 // Unix milliseconds
	version  version
	pattern  matcher
	prefixes []netip.Prefix
	all      []*condition
}

func (v *View) holds(k *condition) bool { return v.compare(k) != k.inverted }

// compare applies the operator without inversion. A missing field satisfies
// no operator.
func (v *View) compare(k *condition) bool {
	switch k.op {
	case opAll:
		for _, one := range k.all {
			if !v.holds(one) {
				return false
			}
		}
		return true
	case opDate:
		// Node's SDK compares the current time whatever field is named.
		return k.order.accepts(compareOrdered(v.c.Time.UnixMilli(), k.instant))
	}
	s := v.field(k.field)
	if s.state == missing {
		return false
	}
	switch k.op {
	case opIn:
		return s.item >= 0 && contains(k.items, s.item)
	case opStartsWith:
		return k.anyOf(s.value, strings.HasPrefix)
	case opEndsWith:
		return k.anyOf(s.value, strings.HasSuffix)
	case opContains:
		return k.anyOf(s.value, strings.Contains)
	case opNumber:
		number, ok := parseNumber(s.value)
		return ok && k.order.accepts(compareOrdered(number, k.number))
	case opVersion:
		version, ok := parseVersion(strings.Trim(s.value, blanks))
		return ok && k.order.accepts(version.Compare(k.version))
	case opRegex:
		return k.pattern.MatchString(s.value)
	case opCIDR:
		return containsAddress(k.prefixes, s.value)
	default:
		return false
	}
}

// contains searches a sorted list.
func contains(list []int32, item int32) bool {
	if len(list) < 8 {
		return slices.Contains(list, item)
	}
	_, found := slices.BinarySearch(list, item)
	return found
}

func (k *condition) anyOf(value string, match func(value, operand string) bool) bool {
	if k.fold {
		value = fold(value)
	}
	for _, operand := range k.texts {
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

// compareOrdered is cmp.Compare for values that are never NaN, inlined.
func compareOrdered[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// containsAddress reports whether text is an address within one of the
// prefixes. IPv4 is compared with IPv4 only, IPv6 with IPv6 only; an address
// with a zone is in none, and text with blanks around it is no address.
func containsAddress(prefixes []netip.Prefix, text string) bool {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// identifies tells whether the operands of a condition are values of its field,
// or say something about single ones. The bound of a number is no id, and a
// date is none.
func (k *condition) identifies() bool {
	return k.op != opAll && k.op != opDate && (k.op != opNumber || k.order == equal)
}

// never tells whether no value at all satisfies the operator.
func (k *condition) never() bool {
	switch k.op {
	case opIn:
		return len(k.items) == 0
	case opStartsWith, opEndsWith, opContains:
		return len(k.texts) == 0
	case opCIDR:
		return len(k.prefixes) == 0
	default:
		return false
	}
}
