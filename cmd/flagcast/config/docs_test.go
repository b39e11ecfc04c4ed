package config_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/all"
)

// documented is one row of a table in docs/configuration.md, without its
// meaning.
type documented struct{ typ, value string }

var code = regexp.MustCompile("`([^`]+)`")

const document = "../../../docs/configuration.md"

func readDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(document))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tables reads the rows of four columns by the heading above them,
// and within it by their keys.
func tables(t *testing.T) (rows map[string]map[string]documented, meanings map[string]string) {
	t.Helper()
	rows, meanings = map[string]map[string]documented{}, map[string]string{}
	section := ""
	for line := range strings.Lines(readDocument(t)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			section = strings.Trim(line, "# `")
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 4 || !strings.HasPrefix(line, "| `") {
			continue
		}
		if rows[section] == nil {
			rows[section] = map[string]documented{}
		}
		value := strings.TrimSpace(cells[2])
		if in := code.FindStringSubmatch(value); in != nil {
			value = in[1]
		}
		for _, key := range code.FindAllStringSubmatch(cells[0], -1) {
			if _, twice := rows[section][key[1]]; twice {
				t.Errorf("%s: %q is in the table twice", section, key[1])
			}
			rows[section][key[1]] = documented{strings.TrimSpace(cells[1]), value}
			meanings[section+" "+key[1]] = cells[3]
		}
	}
	return rows, meanings
}

func TestEveryKeyIsDocumented(t *testing.T) {
	for _, variable := range []string{"ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"} {
		t.Setenv(variable, "") // what a setting may come from
	}
	got, meanings := tables(t)
	want := map[string]map[string]documented{"sinks": {"type": {"text", "required"}}}
	defaults := loadDefaults(t)
	top := reflect.ValueOf(*defaults)
	for i := range top.NumField() {
		if !top.Type().Field(i).IsExported() {
			continue
		}
		switch name, v := top.Type().Field(i).Tag.Get("yaml"), top.Field(i); v.Kind() {
		case reflect.Struct:
			want[name] = keys(t, v, "", name, meanings)
		case reflect.Slice:
			want[name] = keys(t, v.Index(0), "", name, meanings)
		case reflect.Map: // the sinks, by type
		default:
			t.Fatalf("the key %q has a kind that this test does not know", name)
		}
	}
	// The configuration that gives the defaults says where the flags come from.
	want["upstream"]["file"] = documented{"path", "—"}
	for _, kind := range all.Types() {
		settings, _ := all.Settings(kind)
		want[kind] = keys(t, reflect.ValueOf(settings).Elem(), "", kind, meanings)
		for _, key := range missing(t, settings) {
			for _, name := range []string{key, key + "_file"} {
				if row, ok := want[kind][name]; ok {
					row.value = "required"
					want[kind][name] = row
				}
			}
		}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(documented{})); diff != "" {
		t.Errorf("%s (-code +document):\n%s", document, diff)
	}
	for _, kind := range all.Types() {
		if !strings.Contains(meanings["sinks type"], "`"+kind+"`") {
			t.Errorf("the sink type %q is not listed", kind)
		}
	}
}

// loadDefaults loads a configuration that says no more than it has to.
func loadDefaults(t *testing.T) *config.Config {
	t.Helper()
	c, err := load(t, `
upstream: { file: flags.json }
notify: [{ type: json, url: "https://hook.example" }]
sinks: { s: { type: memory } }
targets: [{ name: t, sink: s, environment: default, format: evaluated/1, key: k, history: { sink: s } }]
`, config.Overrides{SinkConfig: all.Settings, SinkTypes: all.Types()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// missing are the settings of a sink that have no default and must be set.
func missing(t *testing.T, settings any) []string {
	t.Helper()
	checked, ok := settings.(interface{ Check() []error })
	if !ok {
		return nil
	}
	var keys []string
	for _, err := range checked.Check() {
		fault, ok := errors.AsType[*sinks.ConfigError](err)
		if !ok {
			t.Fatalf("%T: %v", settings, err)
		}
		keys = append(keys, fault.Key)
	}
	return keys
}

// keys lists the keys of a struct as the document has them. Words that a text
// may be, and the least value, must be in the meaning.
func keys(t *testing.T, v reflect.Value, prefix, section string, meanings map[string]string) map[string]documented {
	t.Helper()
	list := map[string]documented{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			t.Fatalf("%s: the field %s has no key", section, f.Name)
		}
		name = prefix + name
		typ := typeName(f.Type, name)
		if inner := reflect.Indirect(v.Field(i)); typ == "" && inner.Kind() == reflect.Struct {
			maps.Copy(list, keys(t, inner, name+".", section, meanings))
			continue
		}
		if typ == "" {
			t.Fatalf("%s: the key %q has the type %s, which this test does not know", section, name, f.Type)
		}
		row := documented{typ, defaultOf(v.Field(i))}
		if f.Tag.Get("required") != "" {
			row.value = "required"
		}
		list[name] = row
		if typ == "secret" || typ == "list of tokens" {
			list[name+"_file"] = row
		}
		for _, word := range strings.Fields(f.Tag.Get("oneof")) {
			if !strings.Contains(meanings[section+" "+name], "`"+word+"`") {
				t.Errorf("%s: the meaning of %q does not list %q", section, name, word)
			}
		}
		if least := f.Tag.Get("min"); least != "" && !strings.Contains(meanings[section+" "+name], "at least "+least) {
			t.Errorf("%s: the meaning of %q does not say \"at least %s\"", section, name, least)
		}
	}
	return list
}

func typeName(typ reflect.Type, name string) string {
	switch typ {
	case reflect.TypeFor[secret.Secret]():
		return "secret"
	case reflect.TypeFor[map[string]secret.Secret]():
		return "map of secrets"
	case reflect.TypeFor[[]edgecore.Token]():
		return "list of tokens"
	case reflect.TypeFor[[]string]():
		return "list of texts"
	case reflect.TypeFor[config.StaticContext]():
		return "map"
	case reflect.TypeFor[map[string][]string]():
		return "map of lists"
	case reflect.TypeFor[cron.Schedule]():
		return "schedule"
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[slog.Level]():
		return "text"
	}
	switch typ.Kind() {
	case reflect.String:
		if name == "file" || name == "dir" || strings.HasSuffix(name, "_file") || strings.HasSuffix(name, "_dir") {
			return "path"
		}
		return "text"
	case reflect.Bool:
		return "true/false"
	case reflect.Int:
		return "number"
	default:
		return ""
	}
}

func defaultOf(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case slog.Level:
		return strings.ToLower(value.String())
	case bool, int:
		return fmt.Sprint(value)
	case []string:
		if len(value) > 0 {
			return "[" + strings.Join(value, ", ") + "]"
		}
	case config.StaticContext:
		if len(value.Static)+len(value.Absent) == 0 {
			return "—"
		}
	}
	if v.IsZero() {
		return "—"
	}
	return fmt.Sprint(v.Interface())
}

const edgeDocument = "../../../docs/replacing-unleash-edge.md"

// TestEdgeSettingsAreDocumented: each flag of Unleash Edge, with its short form,
// its variable, its default and what becomes of it; and no others.
func TestEdgeSettingsAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash(edgeDocument))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Flags and variables\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("the section is missing")
	}
	var got, want [][3]string
	meanings := map[string]string{}
	rows := regexp.MustCompile("(?m)^\\| (`--[^|]+|—) \\| `([A-Z0-9_]+)` \\| ([^|]+) \\| (.+) \\|$")
	for _, row := range rows.FindAllStringSubmatch(section, -1) {
		got = append(got, [3]string{row[1], row[2], row[3]})
		meanings[row[2]] = row[4]
	}
	for _, s := range config.EdgeSettings() {
		flag, value := "—", "—"
		if s.Flag != "" {
			flag = "`--" + s.Flag + "`"
		}
		if s.Short != "" {
			flag += ", `-" + s.Short + "`"
		}
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		want = append(want, [3]string{flag, s.Variable, value})
		meaning := meanings[s.Variable]
		if !strings.HasPrefix(meaning, s.Fate()) || !strings.Contains(meaning, s.Instead()) {
			t.Errorf("%s: the document says %q, it is %s: %s", s.Variable, meaning, s.Fate(), s.Instead())
		}
		keys := regexp.MustCompile("`((?:api|upstream|state|log)\\.[a-z_.]+)`")
		for _, key := range keys.FindAllStringSubmatch(meaning, -1) {
			rows, _ := tables(t)
			top, name, _ := strings.Cut(key[1], ".")
			if _, ok := rows[top][name]; !ok {
				t.Errorf("%s: there is no setting %s", s.Variable, key[1])
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-code +document):\n%s", edgeDocument, diff)
	}
}

// TestVariables: Load asks for the variables of Unleash Edge, and no others.
func TestVariables(t *testing.T) {
	asked, named := map[string]bool{}, map[string]bool{}
	for _, offline := range []bool{false, true} {
		_, _ = config.Load("", config.Overrides{Offline: offline, Lookup: func(name string) (string, bool) {
			asked[name] = true
			return "", false
		}})
	}
	for _, s := range config.EdgeSettings() {
		named[s.Variable] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(named)), slices.Sorted(maps.Keys(asked))); diff != "" {
		t.Errorf("(-settings +asked):\n%s", diff)
	}
}

func TestExampleLoads(t *testing.T) {
	_, example, found := strings.Cut(readDocument(t), "\n## Example\n\n```yaml\n")
	example, _, closed := strings.Cut(example, "```")
	if !found || !closed {
		t.Fatal("the document has no example")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "flagcast.yaml")
	for file, text := range map[string]string{
		path: example,
		filepath.Join(dir, "secrets", "cloudflare"): "s3cr3t\n",
		filepath.Join(dir, "secrets", "slack"):      "https://hooks.example/s3cr3t\n",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(path, config.Overrides{
		Lookup: func(name string) (string, bool) {
			switch name {
			case "UNLEASH_TOKEN", "FRONTEND_TOKEN":
				return "*:production.s3cr3t", true
			case "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "DINGTALK_SECRET":
				return "s3cr3t", true
			case "DINGTALK_ROBOT", "HEALTHCHECK_URL":
				return "https://hooks.example/s3cr3t", true
			}
			return "", false
		},
		SinkConfig: all.Settings, SinkTypes: all.Types(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, sink := range c.Sinks {
		if _, err := all.New(sink.Type, sink.Settings); err != nil {
			t.Errorf("open sink %q: %v", name, err)
		}
	}
}
