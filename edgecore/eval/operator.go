package eval

import "strings"

var relations = map[string]Order{"EQ": Equal, "GT": Greater, "LT": Less, "GTE": Greater | Equal, "LTE": Less | Equal}

// ParseOperator says what an operator of the protocol compares, and which
// outcomes of an ordering it accepts.
func ParseOperator(name string) (Operator, Order, bool) {
	switch name {
	case "IN", "NOT_IN":
		return OpIn, 0, true
	case "STR_STARTS_WITH":
		return OpStartsWith, 0, true
	case "STR_ENDS_WITH":
		return OpEndsWith, 0, true
	case "STR_CONTAINS":
		return OpContains, 0, true
	case "REGEX":
		return OpRegex, 0, true
	case "IN_CIDR":
		return OpCIDR, 0, true
	case "DATE_AFTER":
		return OpDate, Greater, true
	case "DATE_BEFORE":
		return OpDate, Less, true
	}
	kind, relation, _ := strings.Cut(name, "_")
	accepted, ok := relations[relation]
	switch {
	case ok && kind == "NUM":
		return OpNumber, accepted, true
	case ok && kind == "SEMVER":
		return OpVersion, accepted, true
	}
	return 0, 0, false
}

// OperatorNames are those that ParseOperator accepts.
var OperatorNames = []string{
	"IN", "NOT_IN", "STR_STARTS_WITH", "STR_ENDS_WITH", "STR_CONTAINS", "NUM_EQ", "NUM_GT", "NUM_GTE", "NUM_LT",
	"NUM_LTE",
	"DATE_AFTER", "DATE_BEFORE", "SEMVER_EQ", "SEMVER_GT", "SEMVER_GTE", "SEMVER_LT", "SEMVER_LTE", "REGEX", "IN_CIDR",
}

// Operator is Unleash's word.
func (k *Condition) UnleashOperator() string {
	word := ""
	switch k.Op {
	case OpIn:
		if k.Inverted {
			return "NOT_IN"
		}
		return "IN"
	case OpStartsWith:
		word = "STR_STARTS_WITH"
	case OpEndsWith:
		word = "STR_ENDS_WITH"
	case OpContains:
		word = "STR_CONTAINS"
	case OpNumber:
		word = "NUM_" + k.Order.String()
	case OpVersion:
		word = "SEMVER_" + k.Order.String()
	case OpDate:
		word = map[Order]string{Less: "DATE_BEFORE", Greater: "DATE_AFTER"}[k.Order]
		if word == "" {
			word = "DATE_" + k.Order.String()
		}
	case OpRegex:
		word = "REGEX"
	case OpCIDR:
		word = "IN_CIDR"
	default:
		word = "segment"
	}
	if k.Inverted {
		return "not " + word
	}
	return word
}

// String is an order as operators name it.
func (o Order) String() string {
	names := map[Order]string{
		Equal: "EQ", Greater: "GT", Less: "LT", Greater | Equal: "GTE", Less | Equal: "LTE", Less | Greater: "NE",
		Less | Equal | Greater: "ANY",
	}
	return names[o]
}
