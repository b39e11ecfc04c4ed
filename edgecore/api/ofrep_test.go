package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/edgecore/api"
	"github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/test/need"
)

// ofrepDefinitions has a flag for each form of a value.
const ofrepDefinitions = `{"version":2,"features":[
 {"name":"plain","project":"a","enabled":true,"strategies":[],"impressionData":true},
 {"name":"off","project":"a","enabled":false,"strategies":[]},
 {"name":"of-b","project":"b","enabled":true,"strategies":[]},
 {"name":"for-7","project":"a","enabled":true,"strategies":[{"name":"userWithId","parameters":{"userIds":"7"}}]},
 {"name":"in-cn","project":"a","enabled":true,"strategies":[{"name":"default","constraints":[{"contextName":"country",
 	"operator":"IN","values":["cn"]}]}]},
 {"name":"bare","project":"a","enabled":true,"strategies":[],"variants":[{"name":"blue","weight":1000}]},
 {"name":"text","project":"a","enabled":true,"strategies":[],"variants":[{"name":"t","weight":1000,
 	"payload":{"type":"string","value":"\"<a> & ü\""}}]},
 {"name":"csv","project":"a","enabled":true,"strategies":[],"variants":[{"name":"c","weight":1000,
 	"payload":{"type":"csv","value":"a,b"}}]},
 {"name":"number","project":"a","enabled":true,"strategies":[],"variants":[{"name":"n","weight":1000,
 	"payload":{"type":"number","value":"1"}}]},
 {"name":"float","project":"a","enabled":true,"strategies":[],"variants":[{"name":"f","weight":1000,
 	"payload":{"type":"number","value":" -1.50 "}}]},
 {"name":"json","project":"a","enabled":true,"strategies":[],"variants":[{"name":"j","weight":1000,
 	"payload":{"type":"json","value":"{\"a\": [1]}"}}]},
 {"name":"no-number","project":"a","enabled":true,"strategies":[],"variants":[{"name":"n","weight":1000,
 	"payload":{"type":"number","value":"\"1\""}}]},
 {"name":"no-json","project":"a","enabled":true,"strategies":[],"variants":[{"name":"j","weight":1000,
 	"payload":{"type":"json","value":"{"}}]}
]}`

func newOFREP(t testing.TB) *fixture {
	t.Helper()
	f, _ := with(t, func(*api.Options) {})
	f.put(t, ofrepDefinitions)
	return f
}

// TestOFREPValues: the value, the variant and the reason of each form of a flag.
func TestOFREPValues(t *testing.T) {
	f := newOFREP(t)
	for key, want := range map[string]struct {
		code                   int
		value, variant, reason string
	}{
		"plain":           {200, "true", "enabled", "TARGETING_MATCH"},
		"plain:enabled":   {200, "true", "enabled", "TARGETING_MATCH"},
		"off":             {200, "false", "disabled", "DISABLED"},
		"for-7":           {200, "true", "enabled", "TARGETING_MATCH"},
		"in-cn":           {200, "true", "enabled", "TARGETING_MATCH"},
		"bare":            {200, "true", "blue", "SPLIT"},
		"text":            {200, `"\"<a> & ü\""`, "t", "SPLIT"},
		"text:enabled":    {200, "true", "t", "SPLIT"},
		"csv":             {200, `"a,b"`, "c", "SPLIT"},
		"number":          {200, "1", "n", "SPLIT"},
		"float":           {200, "-1.50", "f", "SPLIT"},
		"json":            {200, `{"a": [1]}`, "j", "SPLIT"},
		"no-number":       {400, "", "", "PARSE_ERROR"},
		"no-json":         {400, "", "", "PARSE_ERROR"},
		"no-json:enabled": {200, "true", "j", "SPLIT"},
		"none":            {404, "", "", "FLAG_NOT_FOUND"},
		"none:enabled":    {404, "", "", "FLAG_NOT_FOUND"},
	} {
		r := f.ask("POST", "/ofrep/v1/evaluate/flags/"+key, frontend,
			`{"context":{"targetingKey":"7","userId":"8","country":"cn","nested":{"country":"us"},"n":1}}`)
		var got struct {
			Key, Variant, Reason, ErrorCode, ErrorDetails string
			Value                                         json.RawMessage
			Metadata                                      map[string]any
		}
		body := text(t, r)
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Errorf("%s: %v in %s", key, err, body)
			continue
		}
		if r.StatusCode != want.code || got.Key != key || string(got.Value) != want.value ||
			got.Variant != want.variant ||
			got.Reason+got.ErrorCode != want.reason || (want.code == 200) != (got.ErrorDetails == "") {
			t.Errorf("%s: %d %s, want %+v", key, r.StatusCode, body, want)
		}
		if want.code == 200 && got.Metadata["enabled"] != (want.value != "false") {
			t.Errorf("%s: metadata %v", key, got.Metadata)
		}
	}
}

// TestOFREPCounts: an evaluation of one flag counts as one of an SDK, with its variant.
func TestOFREPCounts(t *testing.T) {
	var counted counting
	f, _ := with(t, func(o *api.Options) { o.Usage = &counted })
	f.put(t, ofrepDefinitions)
	for _, key := range []string{"json", "json:enabled", "off", "none"} {
		f.ask("POST", "/ofrep/v1/evaluate/flags/"+key, frontendB, "")
		f.ask("POST", "/ofrep/v1/evaluate/flags/"+key, frontend, "")
	}
	f.ask("POST", "/ofrep/v1/evaluate/flags", frontend, "")
	want := []usage.Evaluation{
		{App: "ofrep", Flag: "json", Variant: "j", Enabled: true},
		{
			App: "ofrep", Flag: "json", Variant: "j", Enabled: true,
		},
		{App: "ofrep", Flag: "off", Variant: "disabled"},
	}
	if diff := cmp.Diff(want, []usage.Evaluation(counted)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// counting keeps what was evaluated.
type counting []usage.Evaluation

func (*counting) Metrics(usage.Source, []byte) error             { return nil }
func (*counting) Bulk(usage.Source, []byte) error                { return nil }
func (*counting) Register(usage.Source, []byte) error            { return nil }
func (c *counting) Evaluated(_ usage.Source, e usage.Evaluation) { *c = append(*c, e) }

// TestOFREPAll: all flags of the scope, and the boolean of those with a payload; a flag
// whose payload is not of its type is an error of its own.
func TestOFREPAll(t *testing.T) {
	f := newOFREP(t)
	r := f.ask("POST", "/ofrep/v1/evaluate/flags", frontend, `{"context":{"targetingKey":"7"}}`)
	var got struct {
		Flags []struct{ Key, ErrorCode string }
	}
	body := text(t, r)
	if err := json.Unmarshal([]byte(body), &got); err != nil || r.StatusCode != 200 {
		t.Fatalf("%d %v: %s", r.StatusCode, err, body)
	}
	var keys []string
	for _, one := range got.Flags {
		keys = append(keys, one.Key+one.ErrorCode)
	}
	want := strings.Fields(
		"bare csv csv:enabled float float:enabled for-7 in-cn json json:enabled no-jsonPARSE_ERROR " +
			"no-json:enabled no-numberPARSE_ERROR no-number:enabled number number:enabled of-b off plain text " +
			"text:enabled")
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	etag := r.Header.Get("ETag")
	if r := f.ask("POST", "/ofrep/v1/evaluate/flags", frontend, `{"context":{"targetingKey":"7"}}`, "If-None-Match",
		etag); r.StatusCode != http.StatusNotModified {
		t.Errorf("with the ETag of the answer: %d", r.StatusCode)
	}
	if r := f.ask("POST", "/ofrep/v1/evaluate/flags", frontend, `{"context":{"targetingKey":"8"}}`, "If-None-Match",
		etag); r.StatusCode != http.StatusOK {
		t.Errorf("for another user: %d", r.StatusCode)
	}
	if body := text(t, f.ask("POST", "/ofrep/v1/evaluate/flags", frontendB, "")); !strings.Contains(body, `"of-b"`) ||
		strings.Contains(body, `"plain"`) {
		t.Errorf("a token of project b sees %s", body)
	}
}

// TestOFREPRefuses: errors are JSON, with what the protocol says.
func TestOFREPRefuses(t *testing.T) {
	f := newOFREP(t)
	for _, tc := range []struct {
		name, token, body, header, value string
		code                             int
		want                             string
	}{
		{"no token", "", "", "", "", 401, `"errorDetails"`},
		{"a backend token", backend, "", "", "", 403, `"errorDetails"`},
		{"Bearer", "Bearer " + frontend, "", "", "", 200, `"value":true`},
		{"X-API-Key", "", "", "X-API-Key", frontend, 200, `"value":true`},
		{"not JSON", frontend, "{", "", "", 400, `"errorCode":"PARSE_ERROR"`},
		{"a list", frontend, "[]", "", "", 400, `"errorCode":"INVALID_CONTEXT"`},
		{"no object as context", frontend, `{"context":7}`, "", "", 400, `"errorCode":"INVALID_CONTEXT"`},
		{"no context", frontend, `{}`, "", "", 200, `"value":true`},
		{"null", frontend, `{"context":null}`, "", "", 200, `"value":true`},
		{"another environment", "*:empty.x", "", "", "", 401, `"errorDetails"`},
	} {
		r := f.ask("POST", "/ofrep/v1/evaluate/flags/plain", tc.token, tc.body, tc.header, tc.value)
		body := text(t, r)
		if r.StatusCode != tc.code || !strings.Contains(body, tc.want) || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %s, want %d %s", tc.name, r.StatusCode, body, tc.code, tc.want)
		}
		if r.Header.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(strings.Join(r.Header.Values("Vary"), ", "),
				"X-API-Key") {
			t.Errorf("%s: headers %v", tc.name, r.Header)
		}
	}
	if r := f.ask("OPTIONS", "/ofrep/v1/evaluate/flags", "", "", "Origin", "https://shop.example",
		"Access-Control-Request-Headers", "x-api-key"); r.StatusCode != http.StatusNoContent {
		t.Errorf("preflight: %d", r.StatusCode)
	}
}

// TestOFREPProviders: the providers of OpenFeature for servers and for browsers take
// each type of a value.
func TestOFREPProviders(t *testing.T) {
	node := need.Node(t)
	for _, name := range []string{"server-sdk", "ofrep-provider", "web-sdk", "ofrep-web-provider"} {
		need.Module(t, "@openfeature/"+name)
	}
	f := newOFREP(t)
	server := httptest.NewServer(f.handler)
	defer server.Close()
	script := fmt.Sprintf(`
import { OpenFeature } from '@openfeature/server-sdk'
import { OFREPProvider } from '@openfeature/ofrep-provider'
import { OpenFeature as Web } from '@openfeature/web-sdk'
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider'

const options = { baseUrl: %q, headers: [['Authorization', %q]] }
const context = { targetingKey: '7', country: 'cn' }
const show = async (client, context) => {
  const details = []
  for (const [kind, key, fallback] of [
    ['Boolean', 'plain', false], ['Boolean', 'off', true], ['Boolean', 'for-7', false], ['Boolean', 'in-cn', false],
    ['Boolean', 'json:enabled', false], ['String', 'text', ''], ['Number', 'number', 0], ['Number', 'float', 0],
    ['Object', 'json', {}], ['String', 'number', 'default'], ['Object', 'no-json', { d: 1 }], ['Boolean', 'none', true]
  ]) {
    const method = 'get' + kind + 'Details'
    const d = await (context ? client[method](key, fallback, context) : client[method](key, fallback))
    if (d.errorMessage) console.error(key, d.errorMessage)
    details.push([key, d.value, d.variant || null, d.errorCode || null])
  }
  return details
}
await OpenFeature.setProviderAndWait(new OFREPProvider(options))
const onServer = await show(OpenFeature.getClient(), context)
await Web.setContext(context)
await Web.setProviderAndWait(new OFREPWebProvider({ ...options, pollInterval: 0 }))
const inBrowser = await show(Web.getClient())
console.log(JSON.stringify([onServer, inBrowser]))
process.exit(0)
`, server.URL, frontend)
	dir := filepath.Join(need.Root(), "test")
	file, err := os.CreateTemp(dir, "ofrep-*.mjs") // beside node_modules
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(script); err != nil {
		t.Fatal(err)
	}
	file.Close()
	cmd := exec.CommandContext(t.Context(), node, file.Name())
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &errs)
	}
	var got [2][][]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := [][]any{
		{"plain", true, "enabled", nil},
		{"off", false, "disabled", nil},
		{"for-7", true, "enabled", nil},
		{"in-cn", true, "enabled", nil},
		{"json:enabled", true, "j", nil},
		{"text", `"<a> & ü"`, "t", nil},
		{"number", 1., "n", nil},
		{"float", -1.5, "f", nil},
		{"json", map[string]any{"a": []any{1.}}, "j", nil},
		{"number", "default", nil, "TYPE_MISMATCH"},
		{"no-json", map[string]any{"d": 1.}, nil, "PARSE_ERROR"},
		{"none", true, nil, "FLAG_NOT_FOUND"},
	}
	for i, name := range []string{"server", "web"} {
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("the provider for %s (-want +got):\n%s\n%s", name, diff, &errs)
		}
	}
}
