package rules

import "github.com/flagcast/flagcast/edgecore/eval"

// Weigh tells how many bytes each flag of the program takes in a rules
// snapshot, in the order of Flags. What several flags share, such as a segment
// or a list of the same values, counts for each of them.
func Weigh(p *eval.Program) []int {
	alone := func(flags []eval.Rule, list []eval.Flag) int {
		rules, err := Encode((&eval.Program{Fields: p.Fields, Rules: flags, List: list, Salt: p.Salt}), Options{})
		if err != nil {
			panic("eval: weigh: " + err.Error()) // only ids that are refused are an error
		}
		return len(rules)
	}
	base := alone(nil, nil)
	out := make([]int, len(p.Rules))
	for i := range p.Rules {
		out[i] = alone(p.Rules[i:i+1], p.List[i:i+1]) - base
	}
	return out
}
