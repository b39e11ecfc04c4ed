package api_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/usage"
)

// TestBodiesAreAsDocumented: the API takes the bodies that its document allows, and
// refuses the others.
func TestBodiesAreAsDocumented(t *testing.T) {
	f, _ := with(t, func(o *api.Options) {
		everything(o)
		collector, err := usage.New(usage.Options{
			URL: "https://unleash.example", Tokens: tokens(t, backend), Interval: time.Hour, Log: o.Log,
			Registry: o.Registry,
		})
		if err != nil {
			t.Fatal(err)
		}
		o.Usage = collector
	})
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("openapi.json", whole); err != nil {
		t.Fatal(err)
	}
	const bucket = `{"start":"2026-01-01T00:00:00Z","stop":"2026-01-01T00:01:00Z","toggles":`
	const metrics, register, bulk = "/api/client/metrics", "/api/client/register", "/api/client/metrics/bulk"
	for _, tc := range []struct {
		path, body string
		taken      bool
	}{
		{metrics, `{"appName":"web"}`, true},
		{metrics, `{"appName":7}`, true},
		{metrics, `{"appName":1e308}`, true},
		{metrics, `{"appName":5e-324}`, true},
		{metrics, `{}`, false},
		{metrics, `[]`, false},
		{metrics, `{"appName":""}`, false},
		{metrics, `{"appName":"a\u0007"}`, false},
		{metrics, `{"appName":"` + strings.Repeat("a", 256) + `"}`, false},
		{metrics, `{"appName":"web","bucket":null}`, true},
		{metrics, `{"appName":"web","bucket":{}}`, false},
		{metrics, `{"appName":"web","bucket":` + bucket + `{"x":{"yes":1,"no":"2","variants":{"red":1}}}}}`, true},
		{metrics, `{"appName":"web","bucket":` + bucket + `{"x":{"yes":-1}}}}`, false},
		{metrics, `{"appName":"web","bucket":` + bucket + `{"x":{"yes":"many"}}}}`, false},
		{metrics, `{"appName":"web","bucket":` + bucket + `[]}}`, false},
		{register, `{"appName":"web","interval":10,"started":"2026-01-01T00:00:00Z","strategies":["default"]}`, true},
		{register, `{"appName":"web","interval":10,"strategies":[]}`, false},
		{register, `{"appName":"web","started":0,"strategies":[]}`, false},
		{register, `{"appName":"web","interval":10,"started":0}`, false},
		{bulk, `{"applications":[],"metrics":[]}`, true},
		{bulk, `{"applications":[]}`, false},
		{bulk, `{"metrics":[]}`, false},
		{bulk, `{"applications":[7],"metrics":[]}`, false},
		{bulk, `{"applications":[],"metrics":[{"featureName":"x","appName":"web","yes":1,"no":0}]}`, true},
		{"/api/frontend", `{}`, true},
		{"/api/frontend", `{"userId":7,"sessionId":null,"properties":{"country":"no"},"further":[1]}`, true},
		{"/api/frontend", `{"context":{"userId":true}}`, true},
		{"/api/frontend", `{"context":"no object"}`, true},
		{"/api/frontend", `[]`, false},
		{"/api/frontend", `7`, false},
		{"/edge/validate", `{"tokens":["` + backend + `"]}`, true},
		{"/edge/validate", `{}`, true},
		{"/edge/validate", `{"tokens":null}`, true},
		{"/edge/validate", `{"tokens":[7]}`, false},
		{"/edge/validate", `{"tokens":"x"}`, false},
		{"/edge/validate", `[]`, false},
	} {
		schema, err := compiler.Compile("openapi.json#/paths/" + escape(tc.path) +
			"/post/requestBody/content/application~1json/schema")
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		documented := schema.Validate(value)
		token := backend
		if strings.HasPrefix(tc.path, "/api/frontend") {
			token = frontend
		}
		r := f.ask("POST", tc.path, token, tc.body)
		if taken := r.StatusCode < 300; taken != tc.taken || (documented == nil) != tc.taken {
			t.Errorf("POST %s %.100s: %d, the document says %v; want taken %v", tc.path, tc.body, r.StatusCode,
				documented, tc.taken)
		}
	}
}

// TestOperationsAreNamed: generators of clients need an operationId and a tag that
// the document describes.
func TestOperationsAreNamed(t *testing.T) {
	var d struct {
		Tags  []struct{ Name, Description string }
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Tags        []string
		}
	}
	if err := json.Unmarshal(api.OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	known, seen := map[string]bool{}, map[string]string{}
	for _, tag := range d.Tags {
		known[tag.Name] = tag.Description != ""
	}
	for path, operations := range d.Paths {
		for method, o := range operations {
			if o.OperationID == "" || seen[o.OperationID] != "" {
				t.Errorf("%s %s has the operationId %q, as has %q", method, path, o.OperationID, seen[o.OperationID])
			}
			seen[o.OperationID] = method + " " + path
			if len(o.Tags) != 1 || !known[o.Tags[0]] {
				t.Errorf("%s %s has the tags %q", method, path, o.Tags)
			}
		}
	}
}

// TestPathsThatAreOffAreDocumented: a path that is switched off, and no other,
// answers 404 whatever is asked.
func TestPathsThatAreOffAreDocumented(t *testing.T) {
	f, h := with(t, func(o *api.Options) { o.DisableAll, o.Backstage.DisableMetrics = true, true })
	served := map[string]bool{}
	for _, pattern := range h.Routes() {
		served[pattern] = true
	}
	off := 0
	for path, operations := range readDocument(t).Paths {
		for method, o := range operations {
			method = strings.ToUpper(method)
			if served[method+" "+path] {
				continue
			}
			off++
			if r := f.ask(method, path, frontend, "{}"); r.StatusCode != 404 || o.Responses["404"] == nil {
				t.Errorf("%s %s: %d, the document has 404: %v", method, path, r.StatusCode, o.Responses["404"] != nil)
			}
		}
	}
	if off < 8 {
		t.Errorf("only %d operations are off", off)
	}
}
