package rules

import "github.com/flagcast/flagcast/edgecore/eval"

// Sizes tells how many bytes each flag of the program takes in rules by
// itself, in the order of Flags. Together they take less: what several flags
// have in common is written once. Bytes that JSON escapes count as one.
func Sizes(p *eval.Program) []int {
	m := &measured{texts: eval.ValueTexts{}, lists: map[*int32]int{}}
	bare := len(marshal(newEncoder(p, Options{}).out))
	sizes := make([]int, len(p.Rules))
	for i := range p.Rules {
		m.bytes = 0
		e := newEncoder(p, Options{})
		e.measured, e.name, e.out.Names = m, p.List[i].Name, p.List[i].Name
		e.out.Flags = append(e.out.Flags, e.flag(&p.Rules[i]))
		sizes[i] = len(marshal(e.out)) + m.bytes - bare
	}
	return sizes
}

// measured adds up what the values of lists take. A list that several flags
// share is looked at once.
type measured struct {
	bytes int
	texts eval.ValueTexts
	lists map[*int32]int // by the first item
}

func (m *measured) list(p *eval.Program, k *eval.Condition) {
	if len(k.Items) == 0 {
		return
	}
	size, known := m.lists[&k.Items[0]]
	if !known {
		for _, text := range m.texts.List(p, k) {
			size += len(eval.EndOfText) + len(text) + len(eval.EndOfValue) + 1 // a posting
		}
		m.lists[&k.Items[0]] = size
	}
	m.bytes += size
}
