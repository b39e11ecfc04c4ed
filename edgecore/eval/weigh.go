package eval

// Weigh tells how many bytes each flag of the program takes in a rules
// snapshot, in the order of Flags. What several flags share, such as a segment
// or a list of the same values, counts for each of them.
func (p *Program) Weigh() []int {
	alone := func(flags []flag, list []Flag) int {
		rules, err := (&Program{fields: p.fields, flags: flags, list: list, salt: p.salt}).EncodeRules(RulesOptions{})
		if err != nil {
			panic("eval: weigh: " + err.Error()) // only ids that are refused are an error
		}
		return len(rules)
	}
	base := alone(nil, nil)
	out := make([]int, len(p.flags))
	for i := range p.flags {
		out[i] = alone(p.flags[i:i+1], p.list[i:i+1]) - base
	}
	return out
}
