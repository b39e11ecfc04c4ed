package snapshot_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/eval/compile"
	"github.com/flagcast/flagcast/edgecore/eval/rules"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/edgecore/snapshot"
	"github.com/flagcast/flagcast/test/gen"
	"github.com/flagcast/flagcast/test/need"
)

// many has something of every kind that rules/1 can hold.
const many = `{"features":[
 {"name":"parent","enabled":true,"strategies":[{"name":"flexibleRollout","parameters":{"rollout":"50",
 	"stickiness":"default","groupId":"other"}}],
  "variants":[{"name":"a","weight":1,"overrides":[{"contextName":"userId","values":["7"]}]},{"name":"b","weight":1,
  	"payload":{"type":"json","value":"{}"}},{"name":"c","weight":1,"payload":{"type":"string","value":""}}]},
 {"name":"child","enabled":true,"impressionData":true,"strategies":[],"dependencies":[{"feature":"parent",
 	"variants":["a"]},{"feature":"off","enabled":false}]},
 {"name":"off","enabled":false,"strategies":[]},
 {"name":"all","enabled":true,"strategies":[{"name":"default","segments":[1],"constraints":[
   {"contextName":"x","operator":"STR_STARTS_WITH","values":["a"]},{"contextName":"x","operator":"STR_ENDS_WITH",
   	"values":["b"],"caseInsensitive":true,"inverted":true},
   {"contextName":"x","operator":"NUM_GTE","value":"-1.5e3"},{"contextName":"x","operator":"DATE_AFTER",
   	"value":"2026-01-31T12:00:00Z"},
   {"contextName":"x","operator":"SEMVER_LT","value":"1.2.3-rc.20260731123045123"},{"contextName":"x",
   	"operator":"REGEX","value":"^a(b|c)+\\bé?$"},{"contextName":"x","operator":"REGEX","value":"^\\p{L}{2,30}$"},
   {"contextName":"x","operator":"IN_CIDR","values":["10.0.0.0/8","2001:db8::/32"]}],
   "variants":[{"name":"only","weight":1000}]},{"name":"userWithId","parameters":{"userIds":"1,2"}},
   	{"name":"remoteAddress","parameters":{"IPs":"10.0.0.1"}}]}
],"segments":[{"id":1,"constraints":[{"contextName":"country","operator":"IN","values":["no"]},{"contextName":"country",
	"operator":"NOT_IN","values":["no","se"]}]}]}`

func rulesSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/rules-1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("rules")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestRulesAreOfTheSchema(t *testing.T) {
	schema := rulesSchema(t)
	specs := map[string]snapshot.Spec{
		"everything": {},
		"a part":     {Flags: []string{"child"}, Static: eval.Context{Fields: map[string]string{"sessionId": "s"}}},
		"hashed": {Rules: rules.Options{
			Identifiers: rules.IdentifiersHash, Fields: []string{"userId"}, Salt: "salt",
		}},
	}
	for name, spec := range specs {
		spec.Format = snapshot.Rules1
		s := encode(t, many, spec)
		stored := s.Seal(1, now)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(stored))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v\n%s", name, err, stored)
		}
		if strings.Contains(string(stored), `"7"`) || name == "hashed" &&
			strings.Contains(string(stored), "\u007f7\u0080") {
			t.Errorf("%s: an id stands in the snapshot:\n%s", name, stored)
		}
		if p, meta, err := snapshot.Decode(stored); err != nil || meta.Digest != s.Digest || len(p.Flags()) == 0 {
			t.Errorf("%s: decoded: %+v, %v", name, meta, err)
		}
	}
	// The schema says no to what is not of it.
	wrong, _ := jsonschema.UnmarshalJSON(strings.NewReader(`{"rules":{"names":"a","flags":[[]]},"flagcast":{}}`))
	if schema.Validate(wrong) == nil {
		t.Error("the schema takes anything")
	}
}

// Random definitions, specialised at random, are of the schema, whole, and the
// same bytes each time.
func TestRandomRulesAreOfTheSchema(t *testing.T) {
	schema := rulesSchema(t)
	s := rand.New(rand.NewPCG(need.Seed(t), 6))
	for i := range 300 {
		state := gen.Definitions(s, gen.Options{Odd: i%3 == 2})
		d, err := parse.Definitions(state.Document, "test")
		if err != nil {
			continue
		}
		p, _ := compile.Program(d)
		split := gen.SplitFields(s, state.Context(s).Fields, state.Fields)
		spec := snapshot.Spec{
			Format: snapshot.Rules1, Environment: "test", Target: "t", Static: eval.Context{
				Fields: split.Known, Absent: split.Absent,
			},
		}
		first, err := snapshot.Encode(d, p, spec, now)
		if err != nil {
			t.Fatal(err)
		}
		again, err := snapshot.Encode(d, p, spec, now)
		if err != nil || again.Digest != first.Digest {
			t.Errorf("another digest: %v", err)
		}
		stored := first.Seal(1, now)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(stored))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%v\n%s", err, stored)
		}
		if _, err := snapshot.Open(stored); err != nil {
			t.Errorf("%v\n%s", err, stored)
		}
	}
}
