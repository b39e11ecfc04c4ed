package eval

// Sizes tells how many bytes each flag of the program takes in rules by
// itself, in the order of Flags. Together they take less: what several flags
// have in common is written once. Bytes that JSON escapes count as one.
func (p *Program) Sizes() []int {
	m := &measured{texts: texts{}, lists: map[*int32]int{}}
	bare := len(marshal(p.newEncoder(RulesOptions{}).out))
	sizes := make([]int, len(p.flags))
	for i := range p.flags {
		m.bytes = 0
		e := p.newEncoder(RulesOptions{})
		e.measured, e.name, e.out.Names = m, p.list[i].Name, p.list[i].Name
		e.out.Flags = append(e.out.Flags, e.flag(&p.flags[i]))
		sizes[i] = len(marshal(e.out)) + m.bytes - bare
	}
	return sizes
}

// measured adds up what the values of lists take. A list that several flags
// share is looked at once.
type measured struct {
	bytes int
	texts texts
	lists map[*int32]int // by the first item
}

func (m *measured) list(p *Program, k *condition) {
	if len(k.items) == 0 {
		return
	}
	size, known := m.lists[&k.items[0]]
	if !known {
		for _, text := range m.texts.list(p, k) {
			size += len(endOfText) + len(text) + len(endOfValue) + 1 // a posting
		}
		m.lists[&k.items[0]] = size
	}
	m.bytes += size
}
