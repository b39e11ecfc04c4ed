package eval

// SharesWith tells whether less than everything was compiled after last.
func (p *Program) SharesWith(last *Program) bool { return sourceOf(p).patched > sourceOf(last).patched }

// Values counts the values that the program numbers.
func (p *Program) Values() int {
	n := 0
	for _, f := range p.fields {
		n += len(f.values)
	}
	return n
}
