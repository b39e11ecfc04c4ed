package parse_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/parse"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/test/gen"
	"github.com/flagcast/flagcast/test/need"
)

// A document that holds no definitions is a SyntaxError that says where.
func TestSyntaxErrors(t *testing.T) {
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, tc := range []struct {
		name, document, want string
	}{
		{"nothing", ``, "line 1, column 1: the document is empty"},
		{"blanks", " \n", "line 1, column 1: the document is empty"},
		{"HTML", `<html>`, "line 1, column 1: not JSON: the document begins as HTML or XML does"},
		{
			"UTF-16, little end first", "\xff\xfe{\x00}\x00",
			"line 1, column 1: the document is UTF-16: save it as UTF-8",
		},
		{"UTF-16, big end first", "\xfe\xff\x00{\x00}", "line 1, column 1: the document is UTF-16: save it as UTF-8"},
		{"UTF-16 without a mark", "{\x00}\x00", "line 1, column 1: the document is UTF-16: save it as UTF-8"},
		{"gzip", "\x1f\x8b\x08", "line 1, column 1: the document is packed by gzip: unpack it first"},
		{"ZIP", "PK\x03\x04", "line 1, column 1: the document is a ZIP archive: take the file out of it first"},
		{
			"an export file",
			`{"features":[{"name":"f","type":"release"}],"featureStrategies":[],"featureEnvironments":[{"name":"f",` +
				`"enabled":true}],"segments":[]}`,
			"line 1, column 1: this is an export file of Unleash: take the answer of GET /api/client/features, " +
				"which has the strategies and states of one environment in each flag",
		},
		{
			"an export file without flags", `{"features":[],"featureStrategies":[]}`,
			"line 1, column 1: this is an export file of Unleash: " +
				"take the answer of GET /api/client/features, which has the strategies and states of one environment " +
				"in each flag",
		},
		{
			"no flag that can be read", `{"features":[{"name":"f","strategies":[]},7]}`,
			`line 1, column 13: none of the 2 flags can be read; the first: flag "f": features[0].enabled: must be ` +
				`true or false, it is missing; the flag is left out`,
		},
		{"cut off", "{\"features\": [\n  {\"name\": \"a\"", "line 2, column 15: the JSON text ends too early"},
		{"cut off inside a text", `{"features":["a`, "line 1, column 16: the JSON text ends too early"},
		{
			"a comma too much", "{\"features\": [],\n}",
			"line 2, column 1: not JSON: invalid character '}' looking for beginning of object key string",
		},
		{
			"a second document", `{"features":[]} {}`,
			"line 1, column 17: not JSON: invalid character '{' after top-level value",
		},
		{
			"a control character", "{\"features\":[\"a\x01\"]}",
			`line 1, column 16: not JSON: invalid character '\x01' in string literal`,
		},
		{
			"a bad escape", `{"features":["\x"]}`,
			`line 1, column 16: not JSON: invalid character 'x' in string escape code`,
		},
		{"a list", `[]`, `line 1, column 1: definitions are a JSON object with a list of "features", this is a list`},
		{"null", ` null`, `line 1, column 1: definitions are a JSON object with a list of "features", this is null`},
		{
			"an error of upstream", `{"id":"x","message":"no"}`,
			`line 1, column 1: "features" must be a list of flags, it is missing`,
		},
		{
			"features of another kind", "{\n \"features\": {}}",
			`line 2, column 14: "features" must be a list of flags, it is an object`,
		},
		{
			"the last features count", `{"features":[],"features":7}`,
			`line 1, column 27: "features" must be a list of flags, it is a number`,
		},
		{
			"segments of another kind", `{"features":[],"segments":"x"}`,
			`line 1, column 27: "segments" must be a list, it is text`,
		},
		{
			"nested too deeply", `{"features":` + deep + `}`,
			"line 1, column 140: lists and objects nest more than 128 levels deep",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := parse.Definitions([]byte(tc.document), "test")
			var syntax *parse.SyntaxError
			if !errors.As(err, &syntax) || d != nil {
				t.Fatalf("%v, %v", d, err)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			before := tc.document[:syntax.Offset]
			if line, column := 1+strings.Count(before, "\n"),
				len(before)-strings.LastIndex(before, "\n"); line != syntax.Line || column != syntax.Column {
				t.Errorf("the offset %d is line %d, column %d", syntax.Offset, line, column)
			}
		})
	}
}

// A fault inside a flag or segment is a Problem with its path, and costs
// nothing but itself.
func TestProblems(t *testing.T) {
	const sound = `{"name":"sound","enabled":true,"strategies":[]}`
	for _, tc := range []struct {
		name, flag, segments string
		flags                string // that are left
		want                 []string
	}{
		{"none", `{"name":"f","enabled":true,"strategies":null,"strategies":[]}`, ``, "f sound", []string{
			`flag "f": features[0].strategies: is given twice; the last one counts`,
		}},
		{"no object", `[]`, ``, "sound", []string{`features[0]: is a list, not a flag; it is left out`}},
		{"no name", `{"enabled":true,"strategies":[]}`, ``, "sound", []string{
			`features[0]: has no "name"; it is left out`,
		}},
		{"name of another kind", `{"name":7,"enabled":true,"strategies":[]}`, ``, "sound", []string{
			`features[0]: has no "name"; it is left out`,
		}},
		{"enabled is text", `{"name":"f","enabled":"true","strategies":[]}`, ``, "sound", []string{
			`flag "f": features[0].enabled: must be true or false, it is text; the flag is left out`,
		}},
		{"no strategies", `{"name":"f","enabled":true}`, ``, "sound", []string{
			`flag "f": features[0].strategies: must be a list (an empty one means on for everybody); the flag is ` +
				`left out`,
		}},
		{"twice", sound, ``, "sound", []string{
			`flag "sound": features[1]: the name is given twice; the last flag counts`,
		}},
		{"a strategy", `{"name":"f","enabled":true,"strategies":[7,{"parameters":{}}]}`, ``, "f sound", []string{
			`flag "f": features[0].strategies[0]: is not a strategy with a "name"; it passes for no user`,
			`flag "f": features[0].strategies[1]: is not a strategy with a "name"; it passes for no user`,
		}},
		{
			"a parameter", `{"name":"f","enabled":true,"strategies":[{"name":"x","parameters":{"a":[1],"a":{}}}]}`, ``,
			"f sound",
			[]string{
				`flag "f": features[0].strategies[0].parameters.a: must be text, it is a list; it is ignored`,
				`flag "f": features[0].strategies[0].parameters.a: is given twice; the last one counts`,
				`flag "f": features[0].strategies[0].parameters.a: must be text, it is an object; it is ignored`,
			},
		},
		{
			"constraints",
			`{"name":"f","enabled":true,"strategies":[{"name":"x","constraints":{}},{"name":"x",` +
				`"constraints":[null]}]}`, ``, "f sound",
			[]string{
				`flag "f": features[0].strategies[0].constraints: must be a list, it is an object; the strategy ` +
					`passes for no user`,
				`flag "f": features[0].strategies[1].constraints[0]: is not a constraint; no user passes it`,
			},
		},
		{
			"a weight",
			`{"name":"f","enabled":true,"strategies":[],"variants":[{"name":"a","weight":-1},{"name":"b",` +
				`"weight":0.5},{"name":"c","weight":"1"}]}`, ``, "f sound",
			[]string{
				`flag "f": features[0].variants[0].weight: must be a whole number from 0 on; it counts as 0`,
				`flag "f": features[0].variants[1].weight: must be a whole number from 0 on; it counts as 0`,
				`flag "f": features[0].variants[2].weight: must be a whole number from 0 on; it counts as 0`,
			},
		},
		{
			"a reference", `{"name":"f","enabled":true,"strategies":[{"name":"x","segments":[1.5]}]}`, ``, "f sound",
			[]string{
				`flag "f": features[0].strategies[0].segments[0]: must be the number of a segment; the strategy ` +
					`passes for no user`,
			},
		},
		{
			"segments", `{"name":"f","enabled":true,"strategies":[]}`, `{"id":"1"},7,{"id":1},{"id":1}`, "f sound",
			[]string{
				`segments[0]: has no number "id"; it is left out, and strategies that name it pass for no user`,
				`segments[1]: has no number "id"; it is left out, and strategies that name it pass for no user`,
				`segments[3]: the id is given twice; the last segment counts`,
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := parse.Definitions([]byte(`{"features":[`+tc.flag+`,`+sound+`],"segments":[`+tc.segments+`]}`),
				"test")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range d.Problems {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
			if names := strings.Join(namesOf(d), " "); names != tc.flags {
				t.Errorf("flags %q, want %q", names, tc.flags)
			}
		})
	}
}

func namesOf(d *edgecore.Definitions) []string {
	var names []string
	for _, f := range d.Features {
		names = append(names, f.Name)
	}
	return names
}

// members are definitions without their method Equal, which compares the raw
// text only.
type members edgecore.Definitions

// Everything of the protocol that is evaluated is read.
func TestParseReadsAll(t *testing.T) {
	raw := `{"name":"f\u00e9\ud83d\ude00","type":"release","project":"p","enabled":true,"stale":true,` +
		`"impressionData":true,` +
		`"strategies":[{"name":"flexibleRollout","parameters":{"rollout":50,"stickiness":"default","none":null},` +
		`"segments":[3],` +
		`"constraints":[{"contextName":"x","operator":"IN","values":["a",1,true],"value":5.0,"inverted":true,` +
		`"caseInsensitive":true}],` +
		`"variants":[{"name":"v","weight":1}]}],` +
		`"variants":[{"name":"w","weight":2,"stickiness":"userId","payload":{"type":"json","value":"{}"},` +
		`"overrides":[{"contextName":"y","values":["b"]}]}],` +
		`"dependencies":[{"feature":"g","enabled":false,"variants":["c"]},{"feature":"h"}]}`
	d, err := parse.Definitions(
		[]byte(`{"version":2,"features":[ `+raw+
			` ],"segments":[{"id":3,"name":"s","constraints":null}],"meta":{"revisionId":7}}`), "test")
	if err != nil {
		t.Fatal(err)
	}
	want := &edgecore.Definitions{
		Environment: "test", Revision: 7,
		Features: []edgecore.Feature{{
			Name: "fé😀", Type: "release", Project: "p", Enabled: true, Stale: true, ImpressionData: true, Raw: raw,
			Strategies: []edgecore.Strategy{{
				Name: "flexibleRollout", Parameters: map[string]string{"rollout": "50", "stickiness": "default"},
				Segments: []int{3},
				Constraints: []edgecore.Constraint{
					{
						ContextName: "x", Operator: "IN", Values: []string{"a", "1", "true"}, Value: "5.0",
						Inverted:        true,
						CaseInsensitive: true,
					},
				},
				Variants: []edgecore.Variant{{Name: "v", Weight: 1}},
			}},
			Variants: []edgecore.Variant{{
				Name: "w", Weight: 2, Stickiness: "userId", Payload: &edgecore.Payload{Type: "json", Value: "{}"},
				Overrides: []edgecore.Override{{ContextName: "y", Values: []string{"b"}}},
			}},
			Dependencies: []edgecore.Dependency{{Feature: "g", Variants: []string{"c"}}, {Feature: "h", Enabled: true}},
		}},
		Segments: []edgecore.Segment{{ID: 3, Raw: `{"id":3,"name":"s","constraints":null}`}},
	}
	var none edgecore.Digest
	for _, digest := range []*edgecore.Digest{&d.Features[0].Digest, &d.Segments[0].Digest} {
		if *digest == none {
			t.Error("there is no digest")
		}
		*digest = none
	}
	if diff := cmp.Diff((*members)(want), (*members)(d)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Of several lists with one name the last one counts, and its problems.
func TestLastListCounts(t *testing.T) {
	const flag, broken = `{"name":"f","enabled":true,"strategies":[]}`, `{"name":"f","enabled":true,"strategies":[7]}`
	for document, want := range map[string]string{
		`{"features":[` + broken + `,` + flag + `],"features":[7,` + flag +
			`]}`: `1 flags, 0 segments, [features: is given twice; the last one counts features[0]: is a number, not ` +
			`a flag; it is left out]`,
		`{"features":[` + flag +
			`],"segments":[{"id":1},7],"segments":null}`: `1 flags, 0 segments, [segments: is given twice; the last ` +
			`one counts]`,
		`{"segments":[{"id":1}],"features":7,"segments":[{"id":1},{"id":2}],"features":[` + broken +
			`]}`: `1 flags, 2 segments, [segments: is given twice; the last one counts features: is given twice; the ` +
			`last one counts flag "f": features[0].strategies[0]: is not a strategy with a "name"; it passes for no ` +
			`user]`,
	} {
		d, err := parse.Definitions([]byte(document), "test")
		if err != nil {
			t.Errorf("%s: %v", document, err)
			continue
		}
		if got := fmt.Sprintf("%d flags, %d segments, %v", len(d.Features), len(d.Segments), d.Problems); got != want {
			t.Errorf("%s\n%s, want\n%s", document, got, want)
		}
	}
}

// Half of a surrogate pair, and bytes that are not UTF-8, become U+FFFD.
func TestTextThatIsNotUnicode(t *testing.T) {
	d, err := parse.Definitions(
		[]byte(`{"features":[{"name":"a\ud800b","enabled":true,"strategies":[]},{"name":"\udc00\ud83d",`+
			`"enabled":true,"strategies":[]},{"name":"x`+"\xff"+`y","enabled":true,"strategies":[]}]}`), "test")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a\ufffdb", "\ufffd\ufffd", "x\ufffdy"}, namesOf(d)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Nesting within the limit is read, and a large document as well.
func TestLargeDocuments(t *testing.T) {
	deep := strings.Repeat("[", 125) + strings.Repeat("]", 125)
	d, err := parse.Definitions([]byte(`{"x":`+deep+`,"features":[{"name":"f","enabled":true,"strategies":[],"x":`+deep+
		`}]}`), "test")
	if err != nil || len(d.Features) != 1 {
		t.Errorf("deep: %v", err)
	}
	var b strings.Builder
	for i := 0; b.Len() < 10<<20; i++ {
		fmt.Fprintf(&b,
			`,{"name":"flag-%d","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"%s"}}]}`, i,
			strings.Repeat("user,", 200))
	}
	n := strings.Count(b.String(), `"name":"flag-`)
	d, err = parse.Definitions([]byte(`{"features":[`+b.String()[1:]+`]}`), "test")
	if err != nil || len(d.Features) != n || len(d.Problems) > 0 {
		t.Errorf("10 MB: %v, %d of %d flags, problems %v", err, len(d.Features), n, d.Problems)
	}
}

// FuzzParse: a document is accepted when it is JSON, an object, and has lists
// where definitions have lists; names and numbers are unique then, and what is
// encoded again reads alike.
func FuzzParse(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(gen.Definitions(rand.New(rand.NewPCG(seed, 0)), gen.Options{Odd: seed%2 == 1}).Document)
	}
	f.Add([]byte(`{"features":[],"features":7}`))
	f.Add([]byte(`{"features":[],"x":` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `}`))
	f.Add([]byte(strings.Repeat("[", 1<<20)))
	f.Add([]byte(`{"features":[{"name":"x","enabled":true,"strategies":[` + strings.Repeat("{},", 1<<16) + `{}]}]}`))
	f.Add([]byte(`{"features":[{"name":"x","enabled":true,"strategies":[{"name":"default","parameters":{` +
		strings.Repeat(`"":0,`, 1<<16) + `"":0}}]}]}`))
	f.Add([]byte(`{"f\u0065atures":[{"n\u0061me":"\ud800"}],"segments":null}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		var d *edgecore.Definitions
		var err error
		if used := need.Allocated(func() {
			d, err = parse.Definitions(document, "test")
		}); used > 64*int64(len(document))+1<<20 {
			t.Errorf("%d bytes allocated for %d", used, len(document))
		}
		want := isDefinitions(document)
		if syntax := new(parse.SyntaxError); want && errors.As(err, &syntax) &&
			(strings.HasPrefix(syntax.Msg, "none of the ") || strings.HasPrefix(syntax.Msg, "this is an export file")) {
			return // its flags cannot be read
		}
		if (err == nil) != want {
			t.Fatalf("definitions: %v, but %v", want, err)
		}
		if err != nil {
			var syntax *parse.SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(document) {
				t.Fatalf("%#v", err)
			}
			return
		}
		names := namesOf(d)
		slices.Sort(names)
		if unique := len(slices.Compact(names)); unique < len(d.Features) {
			t.Errorf("%d of %d names are unique", unique, len(d.Features))
		}
		again, err := parse.Definitions(d.Encode(), "test")
		if err != nil || !again.Equal(d) {
			t.Errorf("encoded again: %v", err)
		}
		for _, p := range d.Problems {
			if p.What == "" || p.Where == "" {
				t.Errorf("problem %+v", p)
			}
		}
	})
}

func isDefinitions(document []byte) bool {
	var members map[string]json.RawMessage
	var features, segments []json.RawMessage
	err := errors.Join(json.Unmarshal(document, &members), json.Unmarshal(members["features"], &features))
	if _, has := members["segments"]; has {
		err = errors.Join(err, json.Unmarshal(members["segments"], &segments))
	}
	return err == nil && features != nil && need.Depth(document) <= untrusted.DocumentDepth
}

func TestFlagLines(t *testing.T) {
	doc := "{\"version\":1,\n\"features\":[\n {\"name\":\"a\"},{\"name\":\"b\"},\n\n {\n  \"name\":\"c\"}, 7]}"
	if diff := cmp.Diff(map[string]int{"a": 3, "b": 3, "c": 5}, parse.FlagLines([]byte(doc))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
