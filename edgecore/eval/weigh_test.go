package eval_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/eval/rules"
)

// TestWeigh: what a flag takes is about what the rules lose without it.
func TestWeigh(t *testing.T) {
	values := make([]string, 100)
	for i := range values {
		values[i] = fmt.Sprintf("%q", fmt.Sprint("country-", i))
	}
	small := `{"name":"small","enabled":false,"strategies":[]}`
	p := compileDocument(t, `{"version":2,"features":[`+small+`,{"name":"large","enabled":true,"strategies":[
		{"name":"default","constraints":[{"contextName":"country","operator":"IN","values":[`+strings.Join(values, ",")+`]}]}]}]}`)
	weights := rules.Weigh(p)
	if weights[0] < 1100 || weights[0] > 1600 || weights[1] < 6 || weights[1] > 12 {
		t.Errorf("large and small weigh %v", weights)
	}
}
