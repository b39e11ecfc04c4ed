package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/docs"
	"github.com/flagcast/flagcast/sinks/all"
)

const schemaCopy = "../../docs/flagcast.schema.json"

// schemaText is what flagcast schema prints.
func schemaText(t *testing.T) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"schema"}, &out, &errs); code != 0 {
		t.Fatalf("code %d: %s", code, &errs)
	}
	return out.Bytes()
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("flagcast.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("flagcast.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validateYAML is what an editor does with a file.
func validateYAML(schema *jsonschema.Schema, text []byte) error {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return err
	}
	encoded, err := yaml.MarshalWithOptions(value, yaml.JSON())
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	return schema.Validate(document)
}

// TestSchemaCopy: the file that examples point editors at is that of this version.
func TestSchemaCopy(t *testing.T) {
	if *update {
		if err := os.WriteFile(filepath.FromSlash(schemaCopy), schemaText(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(filepath.FromSlash(schemaCopy))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored, schemaText(t)) {
		t.Error("docs/flagcast.schema.json is of another version: go test ./cmd/flagcast -run TestSchemaCopy -update")
	}
}

// TestExamplesPointAtTheSchema: a configuration to copy is checked by editors from the
// first line on.
func TestExamplesPointAtTheSchema(t *testing.T) {
	const line = "# yaml-language-server: $schema=" +
		"https://github.com/flagcast/flagcast/raw/main/docs/flagcast.schema.json\n"
	found := 0
	for _, dir := range []string{"../../examples", "../../deploy"} {
		err := filepath.WalkDir(filepath.FromSlash(dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || e.Name() != "flagcast.yaml" && filepath.Base(filepath.Dir(path)) != "config" {
				return err
			}
			found++
			text, err := os.ReadFile(path)
			if err == nil && !strings.HasPrefix(string(text), line) {
				t.Errorf("%s does not begin with %s", path, line)
			}
			if err == nil {
				if err := validateYAML(compileSchema(t), text); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 6 {
		t.Errorf("%d configurations were found", found)
	}
}

// TestSchemaTakesWhatLoads: what flagcast accepts, the schema does: all configurations
// of the scripts.
func TestSchemaTakesWhatLoads(t *testing.T) {
	schema := compileSchema(t)
	scripts, err := filepath.Glob(filepath.FromSlash("testdata/script/*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	edge := map[string]bool{}
	for _, s := range config.EdgeSettings() {
		edge[s.Variable] = true
	}
	lookup := func(name string) (string, bool) {
		switch {
		case edge[name]:
			return "", false
		case strings.HasPrefix(name, "UPSTREAM"):
			return "https://unleash.test", true
		}
		return "*:development.value-of-a-variable", true
	}
	o := config.Overrides{Lookup: lookup, SinkConfig: all.Settings, SinkTypes: all.Types()}
	accepted := 0
	for _, script := range scripts {
		archive, err := txtar.ParseFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			path := filepath.Join(t.TempDir(), "flagcast.yaml")
			if !strings.HasSuffix(f.Name, ".yaml") || os.WriteFile(path, f.Data, 0o600) != nil {
				continue
			}
			if _, err := config.Load(path, o); err != nil {
				continue
			}
			accepted++
			if err := validateYAML(schema, f.Data); err != nil {
				t.Errorf("%s of %s: %v", f.Name, script, err)
			}
		}
	}
	if accepted < 30 {
		t.Errorf("%d configurations load", accepted)
	}
}

// beyondSchema are faults of configurations that no schema expresses.
var beyondSchema = map[string]string{
	"documents":               "more than one document",
	"schedule":                "the meaning of a schedule",
	"shared-cache":            "keys that need another one",
	"shared-cache-short":      "the least duration",
	"upstream-both":           "keys that exclude each other",
	"upstream-environment":    "a key that is for a file alone",
	"upstream-file":           "keys that exclude each other",
	"upstream-tokens-missing": "variables and flags may have them",
	"upstream-url-missing":    "variables and flags may have it",
	"webhook-file":            "an empty file",
}

// TestSchemaRefusesFaults: each bad configuration of the tests is refused, but for those
// whose faults no schema expresses.
func TestSchemaRefusesFaults(t *testing.T) {
	schema := compileSchema(t)
	files, err := filepath.Glob(filepath.FromSlash("config/testdata/*.bad.yaml"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".bad.yaml")
		refused, beyond := validateYAML(schema, text) != nil, beyondSchema[name] != ""
		if refused == beyond {
			t.Errorf("%s: refused %t, and the list says %q", name, refused, beyondSchema[name])
		}
	}
	for name, text := range map[string]string{
		"unknown key":       "upstreams: {}",
		"another kind":      "api: { drain: [1s] }",
		"duration":          "upstream: { poll_interval: 15 }",
		"duration in words": "upstream: { poll_interval: 15 seconds }",
		"truth value":       `api: { all_endpoint: "yes" }`,
		"below the minimum": "api: { max_connections: -1 }",
		"word":              "log: { level: verbose }",
		"missing":           "targets: [{ name: a }]",
		"type of a sink":    "sinks: { a: { type: s3 } }",
		"no type":           "sinks: { a: { dir: out } }",
		"key of a sink":     "sinks: { a: { type: file, bucket: b } }",
		"old name":          "targets: [{ name: a, sink: s, environment: e, snapshot: rules/1, key: k }]",
	} {
		if validateYAML(schema, []byte(text)) == nil {
			t.Errorf("%s passes: %s", name, text)
		}
	}
	for name, text := range map[string]string{
		"variables": `api: { all_endpoint: "${ALL}", drain: "${DRAIN}", max_connections: "${N}" }`,
		"empty":     "sinks:\ntargets:\napi:\n  tls:\n",
		"file":      "upstream: { url: https://unleash.example, tokens_file: /run/tokens }",
		"webhook":   "notify: [{ type: slack, url_file: /run/url }]",
		"a static": "targets: [{ name: a, sink: s, environment: e, format: rules/1, key: k, context: { a: 1, b: " +
			"null } }]",
		"an account": "sinks: { a: { type: cloudflare, account: 123, namespace: n, api_token_file: f } }",
	} {
		if err := validateYAML(schema, []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryKeyHasADescription: an editor shows what a key means.
func TestEveryKeyHasADescription(t *testing.T) {
	describe := descriptions(docs.Configuration)
	var missing []string
	config.JSONSchema(config.Overrides{SinkConfig: all.Settings, SinkTypes: all.Types()}, func(path string) string {
		text := describe(path)
		// Parts of the file have a section, not a row.
		if text == "" && !strings.HasSuffix(path, "credentials") && strings.Count(path, ".") > 0 &&
			!isGroup(path) {
			missing = append(missing, path)
		}
		return text
	})
	if len(missing) > 0 {
		t.Errorf("no description of %q", missing)
	}
}

// isGroup reports whether a key holds others, which have rows of their own.
func isGroup(path string) bool {
	switch path {
	case "api.tls", "api.cors", "api.shared_cache", "api.backstage", "targets.history":
		return true
	}
	return false
}
