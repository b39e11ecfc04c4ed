package flagdiff_test

import (
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
)

const document = `{"version":2,"features":[
 {"name":"on","enabled":true,"project":"a","strategies":[],"impressionData":true,"later":{"x":1}},
 {"name":"off","enabled":false,"project":"a","strategies":[]},
 {"name":"canary","enabled":true,"project":"a","strategies":[{"name":"flexibleRollout","parameters":{"rollout":"10",
 	"stickiness":"default","groupId":"canary"}}]},
 {"name":"all","enabled":true,"project":"b","strategies":[{"name":"flexibleRollout","parameters":{"rollout":"100",
 	"stickiness":"default","groupId":"all"}}],
  "variants":[{"name":"red","weight":500,"payload":{"type":"string","value":"r"}},{"name":"blue","weight":500}]},
 {"name":"local","enabled":true,"project":"b","strategies":[{"name":"default","constraints":[{"contextName":"country",
 	"operator":"IN","values":["cn"]}],"segments":[2]}]},
 {"name":"child","enabled":true,"project":"c","strategies":[],"dependencies":[{"feature":"on"}]}
],"segments":[{"id":1,"constraints":[]},{"id":2,"constraints":[]}],"meta":{"revisionId":7}}`

var now = time.Date(2026, 1, 31, 12, 0, 0, 123e6, time.UTC)

func encode(t *testing.T, doc string, spec snapshot.Spec) snapshot.Snapshot {
	t.Helper()
	d, err := parse.Definitions([]byte(doc), "production")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := compile.Program(d)
	spec.Environment, spec.Target = "production", "t"
	if spec.Format == "" {
		spec.Format = snapshot.Evaluated1
	}
	s, err := snapshot.Encode(d, p, spec, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
