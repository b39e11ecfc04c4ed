package compile

import "github.com/flagcast/flagcast/edgecore/eval"

// SharesWith reports whether less than everything was compiled after last.
func SharesWith(p *eval.Program, last *eval.Program) bool {
	return sourceOf(p).patched > sourceOf(last).patched
}

// Values counts the values that the program numbers.
func Values(p *eval.Program) int {
	n := 0
	for _, f := range p.Fields {
		n += len(f.Values)
	}
	return n
}
