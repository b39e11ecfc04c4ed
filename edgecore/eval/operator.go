package eval

import "strings"

var relations = map[string]order{"EQ": equal, "GT": greater, "LT": less, "GTE": greater | equal, "LTE": less | equal}

// operatorOf says what an operator of the protocol compares, and which
// outcomes of an ordering it accepts.
func operatorOf(name string) (operator, order, bool) {
	switch name {
	case "IN", "NOT_IN":
		return opIn, 0, true
	case "STR_STARTS_WITH":
		return opStartsWith, 0, true
	case "STR_ENDS_WITH":
		return opEndsWith, 0, true
	case "STR_CONTAINS":
		return opContains, 0, true
	case "REGEX":
		return opRegex, 0, true
	case "IN_CIDR":
		return opCIDR, 0, true
	case "DATE_AFTER":
		return opDate, greater, true
	case "DATE_BEFORE":
		return opDate, less, true
	}
	kind, relation, _ := strings.Cut(name, "_")
	accepted, ok := relations[relation]
	switch {
	case ok && kind == "NUM":
		return opNumber, accepted, true
	case ok && kind == "SEMVER":
		return opVersion, accepted, true
	}
	return 0, 0, false
}

// operators are those that operatorOf knows.
var operators = []string{
	"IN", "NOT_IN", "STR_STARTS_WITH", "STR_ENDS_WITH", "STR_CONTAINS", "NUM_EQ", "NUM_GT", "NUM_GTE", "NUM_LT", "NUM_LTE",
	"DATE_AFTER", "DATE_BEFORE", "SEMVER_EQ", "SEMVER_GT", "SEMVER_GTE", "SEMVER_LT", "SEMVER_LTE", "REGEX", "IN_CIDR",
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

// String is an order as operators name it.
func (o order) String() string {
	names := map[order]string{equal: "EQ", greater: "GT", less: "LT", greater | equal: "GTE", less | equal: "LTE", less | greater: "NE", less | equal | greater: "ANY"}
	return names[o]
}
