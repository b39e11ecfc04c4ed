package eval

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
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

// parsePrefix reads an address or a CIDR range. Bits of the host are ignored,
// and so are zeros before the length of the prefix, as by every engine.
func parsePrefix(text string) (netip.Prefix, bool) {
	if address, bits, ok := strings.Cut(text, "/"); ok && len(bits) > 1 {
		text = address + "/" + strings.TrimLeft(bits[:len(bits)-1], "0") + bits[len(bits)-1:]
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), true
	}
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	return netip.Prefix{}, false
}

// blanks are what JavaScript's String.prototype.trim drops.
const blanks = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

// parseNumber reads a decimal number, with a fraction or an exponent if need
// be, and blanks around it; "Infinity", with a sign or without, and what is
// beyond all numbers are infinite, as for every engine. One rule for all numbers
// written as text: nothing in another base, and nothing is not zero.
func parseNumber(text string) (float64, bool) {
	text = strings.Trim(text, blanks)
	switch text {
	case "Infinity", "+Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if text == "" || strings.Trim(text, "0123456789.eE+-") != "" || strings.ContainsAny(text, "xXpP_iInN") {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil || errors.Is(err, strconv.ErrRange)
}

// parseInstant reads a date of ISO 8601 as the Unleash server does: RFC 3339,
// without seconds, with a blank for the T or with an offset without colon, too.
// zoned is false for a time without zone, which is in UTC; a date alone is its
// midnight in UTC. It keeps milliseconds, as JavaScript does.
func parseInstant(text string) (t time.Time, zoned, ok bool) {
	text = strings.ToUpper(strings.TrimSpace(text))
	day, clock, timed := strings.Cut(strings.Replace(text, " ", "T", 1), "T")
	layouts, text := []string{time.DateOnly, "2006-01"}, day
	if timed {
		text += "T" + clock
		zone := ""
		switch i := strings.LastIndexAny(clock, "Z+-"); {
		case i >= 0 && strings.Contains(clock[i:], ":"):
			zone = "Z07:00"
		case i >= 0:
			zone = "Z0700"
		}
		layouts = []string{"2006-01-02T15:04:05" + zone, "2006-01-02T15:04" + zone}
		zoned = zone != ""
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Millisecond), zoned || !timed, true
		}
	}
	return time.Time{}, false, false
}

// operator is Unleash's word.
func (k *condition) operator() string {
	word := ""
	switch k.op {
	case opIn:
		if k.inverted {
			return "NOT_IN"
		}
		return "IN"
	case opStartsWith:
		word = "STR_STARTS_WITH"
	case opEndsWith:
		word = "STR_ENDS_WITH"
	case opContains:
		word = "STR_CONTAINS"
	case opNumber:
		word = "NUM_" + k.order.String()
	case opVersion:
		word = "SEMVER_" + k.order.String()
	case opDate:
		word = map[order]string{less: "DATE_BEFORE", greater: "DATE_AFTER"}[k.order]
		if word == "" {
			word = "DATE_" + k.order.String()
		}
	case opRegex:
		word = "REGEX"
	case opCIDR:
		word = "IN_CIDR"
	default:
		word = "segment"
	}
	if k.inverted {
		return "not " + word
	}
	return word
}

// identifies tells whether the operands of a condition are values of its field,
// or say something about single ones. The bound of a number is no id, and a
// date is none.
func (k *condition) identifies() bool {
	return k.op != opAll && k.op != opDate && (k.op != opNumber || k.order == equal)
}

// String is an order as operators name it.
func (o order) String() string {
	names := map[order]string{equal: "EQ", greater: "GT", less: "LT", greater | equal: "GTE", less | equal: "LTE", less | greater: "NE", less | equal | greater: "ANY"}
	return names[o]
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
