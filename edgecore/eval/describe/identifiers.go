package describe

import (
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/eval"
)

// DefaultIdentifierFields are the context fields that hold ids, where nothing
// else is said.
func DefaultIdentifierFields() []string { return []string{"userId", "sessionId", "remoteAddress"} }

// IdentifiersOf lists the different ids that a flag of definitions holds in
// clear, by context field, whether the flag is on or not: what an SDK gets to
// see. Which comparisons hold ids is what Encode goes by.
func IdentifiersOf(f *edgecore.Feature, segments []edgecore.Segment, fields []string) map[string][]string {
	found := identifierSet{fields: fields, ids: map[string]map[string]bool{}}
	found.overrides(f.Variants)
	for i := range f.Strategies {
		s := &f.Strategies[i]
		switch s.Name {
		case "userWithId":
			found.add("userId", eval.SplitList(s.Parameters["userIds"])...)
		case "remoteAddress":
			found.add("remoteAddress", eval.SplitList(s.Parameters["IPs"])...)
		}
		found.constraints(s.Constraints)
		for j := range segments {
			if slices.Contains(s.Segments, segments[j].ID) {
				found.constraints(segments[j].Constraints)
			}
		}
		found.overrides(s.Variants)
	}
	return found.sorted()
}

// Identifiers lists the different ids that each flag of the program holds in
// clear, by context field, in the order of Flags; nil for a flag without.
func Identifiers(p *eval.Program, fields []string) []map[string][]string {
	d := NewDescriber(fields)
	out := make([]map[string][]string, len(p.Rules))
	for i := range p.Rules {
		found := identifierSet{fields: fields, ids: map[string]map[string]bool{}}
		rules := d.rules(p, &p.Rules[i])
		found.described(rules.Variants)
		for _, s := range rules.Strategies {
			found.conditions(s.Conditions)
			found.described(s.Variants)
		}
		out[i] = found.sorted()
	}
	return out
}

// identifierSet collects ids by context field.
type identifierSet struct {
	fields []string
	ids    map[string]map[string]bool
}

func (s *identifierSet) add(field string, ids ...string) {
	if !slices.Contains(s.fields, field) {
		return
	}
	for _, id := range ids {
		if id = eval.Trim(id); id == "" {
			continue
		}
		if s.ids[field] == nil {
			s.ids[field] = map[string]bool{}
		}
		s.ids[field][id] = true
	}
}

func (s *identifierSet) constraints(list []edgecore.Constraint) {
	for _, c := range list {
		op, order, known := eval.ParseOperator(c.Operator)
		k := eval.Condition{Op: op, Order: order}
		if known && !k.Identifies() {
			continue
		}
		s.add(c.ContextName, c.Values...)
		s.add(c.ContextName, c.Value)
	}
}

func (s *identifierSet) overrides(list []edgecore.Variant) {
	for i := range list {
		for _, o := range list[i].Overrides {
			s.add(o.ContextName, o.Values...)
		}
	}
}

func (s *identifierSet) conditions(list []*DescribedCondition) {
	for _, c := range list {
		s.conditions(c.All)
		switch {
		case !c.Identifies, c.Digests:
		case c.Pattern != nil:
			s.add(c.Field, strings.TrimPrefix(*c.Pattern, "(?i)")) // as setPattern writes it
		default:
			s.add(c.Field, c.Values...)
		}
	}
}

func (s *identifierSet) described(v *DescribedVariants) {
	if v == nil {
		return
	}
	for _, o := range v.Overrides {
		s.conditions([]*DescribedCondition{o.Condition})
	}
}

func (s *identifierSet) sorted() map[string][]string {
	var out map[string][]string
	for field, ids := range s.ids {
		if out == nil {
			out = map[string][]string{}
		}
		list := make([]string, 0, len(ids))
		for id := range ids {
			list = append(list, id)
		}
		slices.Sort(list)
		out[field] = list
	}
	return out
}
