package eval_test

import (
	"testing"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

// A flag has the size of rules with nothing else in them.
func TestSizes(t *testing.T) {
	p, _ := mustCompile(t, `{"name":"off","enabled":false,"strategies":[]},{"name":"list","enabled":true,"strategies":[{"name":"default","constraints":[
			{"contextName":"country","operator":"IN","values":["no","se"]},{"contextName":"plan","operator":"NOT_IN","values":["free"]}]}]},
		{"name":"shared","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"country","operator":"IN","values":["no","se"]}]}]},
		{"name":"variants","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"30","stickiness":"random","groupId":"g"}}],
		"variants":[{"name":"red","weight":1,"payload":{"type":"json","value":"{}"}},{"name":"blue","weight":1}]}`)
	none := compile.Select(p, func(eval.Flag) bool { return false })
	bare := len(encodeRules(t, none))
	for i, got := range rules.Sizes(p) {
		f := p.Flags()[i]
		alone := len(encodeRules(t, compile.Select(p, func(other eval.Flag) bool { return other == f }))) - bare
		// A byte more for each field: the end of its values.
		if got > alone || got < alone-2 {
			t.Errorf("%s: %d bytes, alone it takes %d", f.Name, got, alone)
		}
	}
}
