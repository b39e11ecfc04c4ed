package all_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/internal/strictyaml"
	"github.com/flagcast/flagcast/sinks/all"
	"github.com/flagcast/flagcast/sinks/edgekv"
	"github.com/flagcast/flagcast/test/need"
)

// TestTableIsComplete: a folder that holds a sink has a line in the table, and
// each line has its folder.
func TestTableIsComplete(t *testing.T) {
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && holdsSink(t, filepath.Join("..", e.Name())) {
			folders = append(folders, e.Name())
		}
	}
	if types := all.Types(); !slices.Equal(types, folders) {
		t.Errorf("the table has %q, the folders with a sink are %q", types, folders)
	}
}

// holdsSink reports whether the package in a folder declares a type Sink with the
// methods of one. The contract, its suite and this table do not.
func holdsSink(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Put" && receiver(f) == "Sink" {
				return true
			}
		}
	}
	return false
}

func receiver(f *ast.FuncDecl) string {
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	name, _ := typ.(*ast.Ident)
	return fmt.Sprint(name)
}

// TestReadmeHasEverySink: the table of sinks in README.md has a row for each.
func TestReadmeHasEverySink(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(need.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all.Types() {
		if !regexp.MustCompile("(?m)^\\| *`" + name + "` *\\|").Match(readme) {
			t.Errorf("README.md has no row for the sink `%s`", name)
		}
	}
}

// TestSettingsAreDecodedStrictly: the configuration refuses a key that a sink
// does not have, and for each key that it has, a value of the wrong kind.
func TestSettingsAreDecodedStrictly(t *testing.T) {
	for _, name := range all.Types() {
		t.Run(name, func(t *testing.T) {
			settings, ok := all.Settings(name)
			if !ok {
				t.Fatal("the type has no settings")
			}
			expect(t, name, "no_such_key", "1", `unknown key "no_such_key" in sink "s"`)
			fields := yamlFields(reflect.TypeOf(settings).Elem())
			if len(fields) == 0 {
				t.Error("no setting has a key")
			}
			for key, typ := range fields {
				value := "{ a: 1 }"
				if slices.Contains([]reflect.Kind{reflect.Struct, reflect.Map, reflect.Slice}, typ.Kind()) &&
					typ.Name() != "Secret" {
					value = "7"
				}
				expect(t, name, key, value, fmt.Sprintf(`"%s" in sink "s" must be `, key))
			}
		})
	}
}

// expect loads a sink with one setting, and wants a fault at its place.
func expect(t *testing.T, kind, key, value, message string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flagcast.yaml")
	text := fmt.Sprintf("upstream: { file: flags.json }\nsinks:\n  s:\n    type: %s\n    %s: %s\n", kind, key, value)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(path, config.Overrides{SinkConfig: all.Settings, SinkTypes: all.Types()})
	var faults *strictyaml.Faults
	if !errors.As(err, &faults) || !slices.ContainsFunc(faults.List, func(f strictyaml.Fault) bool {
		return f.Line == 5 && strings.HasPrefix(f.Message, message)
	}) {
		t.Errorf("%s: %s: want a fault %q in line 5, got: %v", key, value, message, err)
	}
}

// yamlFields lists the settings by their keys.
func yamlFields(typ reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		switch name, options, _ := strings.Cut(f.Tag.Get("yaml"), ","); {
		case options == "inline":
			for key, inlined := range yamlFields(f.Type) {
				fields[key] = inlined
			}
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
	return fields
}

// TestUntaggedSettings: a field that no key fills is forgotten, unless its tag
// says that it is not for the file.
func TestUntaggedSettings(t *testing.T) {
	for _, name := range all.Types() {
		settings, _ := all.Settings(name)
		typ := reflect.TypeOf(settings).Elem()
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() && f.Tag.Get("yaml") == "" {
				t.Errorf("%s: the field %s has no key", name, f.Name)
			}
		}
	}
}

// TestOpenRefuses what is not in the table, and settings of another type.
func TestOpenRefuses(t *testing.T) {
	if _, ok := all.Settings("nosuch"); ok {
		t.Error("an unknown type has settings")
	}
	if _, err := all.New("nosuch", nil); err == nil ||
		!strings.Contains(err.Error(), `sink type "nosuch" is not one of ["cloudflare"`) {
		t.Errorf("open an unknown type: %v", err)
	}
	settings, _ := all.Settings("memory")
	if _, err := all.New("file", settings); err == nil {
		t.Error("a sink is opened with the settings of another type")
	}
	if _, err := all.New("memory", settings); err != nil {
		t.Error(err)
	}
}

// TestCredentialsOfTheEnvironment: the settings of a pod on ACK and of an ECS
// instance are complete without any key, wherever the file is loaded, and those
// of an AccessKey pair where the environment has it.
func TestCredentialsOfTheEnvironment(t *testing.T) {
	for _, variable := range []string{
		"ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
	} {
		t.Setenv(variable, "")
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
	path := filepath.Join(t.TempDir(), "flagcast.yaml")
	text := `
upstream: { file: flags.json }
sinks:
  cn:   { type: edgekv, product: esa, namespace: flags, credentials: { type: rrsa } }
  back: { type: oss, bucket: flags, region: cn-hangzhou, prefix: unleash/ }
  ecs:  { type: oss, bucket: flags, region: cn-hangzhou, credentials: { type: ecs_ram_role } }
  own:  { type: edgekv, namespace: flags, credentials: { type: rrsa, oidc_token_file: token } }
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, config.Overrides{SinkConfig: all.Settings, SinkTypes: all.Types()})
	if err != nil {
		t.Fatal(err)
	}
	for name, sink := range c.Sinks {
		if _, err := all.New(sink.Type, sink.Settings); err != nil {
			t.Errorf("open %s: %v", name, err)
		}
	}
	own, _ := c.Sinks["own"].Settings.(*edgekv.Config)
	if want := filepath.Join(filepath.Dir(path), "token"); own == nil || own.Credentials.OIDCTokenFile != want {
		t.Errorf("the token file is in %+v, want %q", own, want)
	}
}
