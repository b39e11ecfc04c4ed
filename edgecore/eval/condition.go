package eval

import (
	"net/netip"
	"slices"
	"strings"
)

// Operator is what a condition compares.
type Operator uint8

// The operators. What is inverted or ignores case says the Condition.
const (
	OpIn         Operator = iota // the value is in a set
	OpStartsWith                 // it starts with one of the values
	OpEndsWith
	OpContains
	OpNumber  // it compares as a decimal number
	OpDate    // it compares as a time
	OpVersion // it compares as a semantic version
	OpRegex   // it matches a pattern of RE2
	OpCIDR    // it is an address in one of the networks
	OpAll     // a segment: every condition of a list
)

// Order is what an ordering operator accepts, as bits.
type Order uint8

// The bits of an Order: NUM_GTE is Equal and Greater.
const (
	Less Order = 1 << iota
	Equal
	Greater
)

// Condition is one comparison, or a list of them; of the operands only those
// that its operator needs are set.
type Condition struct {
	Op       Operator
	Inverted bool
	Fold     bool  // texts: compare without regard to case
	Order    Order // number, instant, version
	Field    int32 // unused by OpDate and OpAll

	Items    []int32  // OpIn: sorted numbers of values of the field
	Texts    []string // OpStartsWith, OpEndsWith, OpContains; folded if fold
	Number   float64
	Instant  int64 // Unix milliseconds
	Version  Version
	Pattern  Matcher
	Prefixes []netip.Prefix
	All      []*Condition
}

// Holds reports whether a condition holds for the context.
func (v *View) Holds(k *Condition) bool { return v.compare(k) != k.Inverted }

// compare applies the operator without inversion. A missing field satisfies
// no operator.
func (v *View) compare(k *Condition) bool {
	switch k.Op {
	case OpAll:
		for _, one := range k.All {
			if !v.Holds(one) {
				return false
			}
		}
		return true
	case OpDate:
		// Node's SDK compares the current time whatever field is named.
		return k.Order.accepts(compareOrdered(v.C.Time.UnixMilli(), k.Instant))
	}
	s := v.Field(k.Field)
	if s.State == Missing {
		return false
	}
	switch k.Op {
	case OpIn:
		return s.Item >= 0 && Contains(k.Items, s.Item)
	case OpStartsWith:
		return k.anyOf(s.Value, strings.HasPrefix)
	case OpEndsWith:
		return k.anyOf(s.Value, strings.HasSuffix)
	case OpContains:
		return k.anyOf(s.Value, strings.Contains)
	case OpNumber:
		number, ok := ParseNumber(s.Value)
		return ok && k.Order.accepts(compareOrdered(number, k.Number))
	case OpVersion:
		version, ok := ParseVersion(strings.Trim(s.Value, blanks))
		return ok && k.Order.accepts(version.Compare(k.Version))
	case OpRegex:
		return k.Pattern.MatchString(s.Value)
	case OpCIDR:
		return containsAddress(k.Prefixes, s.Value)
	default:
		return false
	}
}

// Contains searches a sorted list.
func Contains(list []int32, item int32) bool {
	if len(list) < 8 {
		return slices.Contains(list, item)
	}
	_, found := slices.BinarySearch(list, item)
	return found
}

func (k *Condition) anyOf(value string, match func(value, operand string) bool) bool {
	if k.Fold {
		value = Fold(value)
	}
	for _, operand := range k.Texts {
		if match(value, operand) {
			return true
		}
	}
	return false
}

func (o Order) accepts(comparison int) bool {
	switch {
	case comparison < 0:
		return o&Less != 0
	case comparison > 0:
		return o&Greater != 0
	default:
		return o&Equal != 0
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
// with a zone is in none, and text with blanks around it is not an address.
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

// Identifies reports whether the operands of a condition are values of its field,
// or say something about single ones. The bound of a number is not an id, and a
// date is none.
func (k *Condition) Identifies() bool {
	return k.Op != OpAll && k.Op != OpDate && (k.Op != OpNumber || k.Order == Equal)
}

// Never reports whether no value at all satisfies the operator.
func (k *Condition) Never() bool {
	switch k.Op {
	case OpIn:
		return len(k.Items) == 0
	case OpStartsWith, OpEndsWith, OpContains:
		return len(k.Texts) == 0
	case OpCIDR:
		return len(k.Prefixes) == 0
	default:
		return false
	}
}
