package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
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
	schema, found := compileSchema(t), 0
	for _, dir := range []string{"../../examples", "../../deploy"} {
		err := filepath.WalkDir(filepath.FromSlash(dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)) {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil || !isConfiguration(text) {
				return err
			}
			found++
			if !strings.HasPrefix(string(text), line) {
				t.Errorf("%s does not begin with %s", path, line)
			}
			if err := validateYAML(schema, text); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 7 {
		t.Errorf("%d configurations were found", found)
	}
}

// isConfiguration reports whether a text is a configuration of flagcast, or a part of
// one: all its keys are.
func isConfiguration(text []byte) bool {
	var keys map[string]any
	if yaml.Unmarshal(text, &keys) != nil || len(keys) == 0 {
		return false
	}
	for key := range keys {
		switch key {
		case "upstream", "state", "api", "log", "audit", "notify", "healthcheck", "sinks", "targets":
		default:
			return false
		}
	}
	return true
}

var yamlBlock = regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```")

// TestSchemaTakesDocuments: what the documents show passes the schema.
func TestSchemaTakesDocuments(t *testing.T) {
	schema, found := compileSchema(t), 0
	for _, pattern := range []string{"../../README*.md", "../../docs/*.md", "../../docs/zh/*.md"} {
		files, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, block := range yamlBlock.FindAllSubmatch(text, -1) {
				if !isConfiguration(block[1]) {
					continue
				}
				found++
				shown := bytes.ReplaceAll(block[1], []byte(`"…"`), []byte("value")) // left out for readers
				if err := validateYAML(schema, shown); err != nil {
					t.Errorf("%s: %v\n%s", file, err, shown)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("%d configurations were found", found)
	}
}

// loadText loads a configuration with all sinks. Variables have values; those of
// Unleash Edge are not set.
func loadText(t *testing.T, text []byte) error {
	t.Helper()
	edge := map[string]bool{}
	for _, s := range config.EdgeSettings() {
		edge[s.Variable] = true
	}
	path := filepath.Join(t.TempDir(), "flagcast.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(path, config.Overrides{
		Lookup: func(name string) (string, bool) {
			value := map[string]string{
				"NUMBER": "3", "YES": "true", "PACE": "3s", "NONE": "", "UPSTREAM": "https://unleash.test",
				"TYPE": "memory", "LEVEL": "debug",
			}
			if text, ok := value[name]; ok || edge[name] {
				return text, ok
			}
			if strings.HasPrefix(name, "UPSTREAM") {
				return "https://unleash.test", true
			}
			return "*:development.value-of-a-variable", true
		},
		SinkConfig: all.Settings, SinkTypes: all.Types(),
	})
	return err
}

// expressible are words of faults that the schema finds, too.
var expressible = regexp.MustCompile(`unknown key|, not one of |must be (a |an |true|at least)|unknown sink type|` +
	`which is not portable|"[a-z_]+" is missing in (target|notify|sink)`)

// TestSchemaAgreesWithScripts: the schema accepts every configuration of the scripts
// that loads, and refuses those with a fault that it can express.
func TestSchemaAgreesWithScripts(t *testing.T) {
	schema := compileSchema(t)
	scripts, err := filepath.Glob(filepath.FromSlash("testdata/script/*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	accepted, refused := 0, 0
	for _, script := range scripts {
		archive, err := txtar.ParseFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if !strings.HasSuffix(f.Name, ".yaml") {
				continue
			}
			fault, invalid := loadText(t, f.Data), validateYAML(schema, f.Data)
			switch {
			case fault == nil:
				accepted++
				if invalid != nil {
					t.Errorf("%s of %s: %v", f.Name, script, invalid)
				}
			case expressible.MatchString(fault.Error()):
				refused++
				if invalid == nil {
					t.Errorf("%s of %s passes: %v", f.Name, script, fault)
				}
			}
		}
	}
	if accepted < 30 || refused < 5 {
		t.Errorf("%d configurations load, and %d have a fault that a schema finds", accepted, refused)
	}
}

// TestSchemaRefusesBadFiles: each bad configuration of the tests is refused, but for
// those whose faults no schema expresses.
func TestSchemaRefusesBadFiles(t *testing.T) {
	schema := compileSchema(t)
	files, err := filepath.Glob(filepath.FromSlash("config/testdata/*.bad.yaml"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var passed []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// The type is one of those tests alone, and would be refused for itself.
		text = bytes.ReplaceAll(text, []byte("type: store"), []byte(`type: "${TYPE}"`))
		if validateYAML(schema, text) == nil {
			passed = append(passed, strings.TrimSuffix(filepath.Base(file), ".bad.yaml"))
		}
	}
	want := []string{
		"documents",            // more than one document
		"upstream-file",        // tokens of api that do not go with a key of upstream
		"upstream-missing",     // flags and variables may have it
		"upstream-url-missing", // flags and variables may have it
		"webhook-file",         // a key of api that does not go with one of upstream
	}
	if diff := cmp.Diff(want, passed); diff != "" {
		t.Errorf("(-want +passed):\n%s", diff)
	}
}
