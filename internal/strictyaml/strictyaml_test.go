package strictyaml_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// color is a type whose texts have a form of their own.
type color string

// server and disk are what a file of the tests configures.
type server struct {
	Name     string           `yaml:"name" required:"true"`
	Password secret.Secret    `yaml:"password"`
	Wait     time.Duration    `yaml:"wait_time" was:"delay" min:"1s"`
	Retries  int              `yaml:"retries" min:"0"`
	Mode     string           `yaml:"mode" oneof:"fast slow"`
	Color    color            `yaml:"color"`
	KeyFile  string           `yaml:"key_file"`
	Disks    map[string]*disk `yaml:"disks"`
	Hook     struct {
		Address string `yaml:"url"`
	} `yaml:"hook"`
}

type disk struct {
	Size int `yaml:"size" required:"true"`
}

func (d *disk) SetDefaults() { d.Size = 7 }

func schema() *strictyaml.Schema {
	return &strictyaml.Schema{
		Lookup: func(name string) (string, bool) { return "value of " + name, name == "SET" },
		Texts: map[reflect.Type]func(string) (any, *strictyaml.Problem){
			reflect.TypeFor[color](): func(text string) (any, *strictyaml.Problem) {
				if text != "red" {
					return nil, &strictyaml.Problem{Message: ", which is no color", Hint: "write red"}
				}
				return color(text), nil
			},
		},
		SecretAddresses: []string{"hook"},
	}
}

func everything(strictyaml.Absent) bool { return true }

func TestDecode(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var s server
	settings, ok := schema().Decode(filepath.Join(dir, "server.yaml"), strings.Join([]string{
		"name: ${SET}", "password_file: password", "waitTime: 90s", "mode: slow", "color: red", "key_file: key.pem",
		"disks: {a: &size {size: 1}, b: {<<: *size}}",
	}, "\n"), &s)
	if err := settings.Err(everything); !ok || err != nil {
		t.Fatal(ok, err)
	}
	want := server{
		Name: "value of SET", Password: secret.New("from a file"), Wait: 90 * time.Second, Mode: "slow", Color: "red",
		KeyFile: filepath.Join(dir, "key.pem"), Disks: map[string]*disk{"a": {Size: 1}, "b": {Size: 1}},
	}
	if diff := cmp.Diff(want, s, cmp.Comparer(func(a, b secret.Secret) bool {
		return a.Reveal() == b.Reveal()
	})); diff != "" {
		t.Error(diff)
	}
	for key, given := range map[string]bool{"name": true, "password": true, "wait_time": true, "retries": false} {
		if settings.Given(&s, key) != given || !settings.Sound(&s, key) {
			t.Errorf("%s: given %t, sound %t", key, settings.Given(&s, key), settings.Sound(&s, key))
		}
	}
	settings.Override(&s, "name", "flag --name")
	if got := settings.At(&s, "name"); got != (strictyaml.Place{File: "flag --name"}) {
		t.Error(got)
	}
	if got := settings.At(&s, "mode").String(); got != "line 4, column 7" {
		t.Error(got)
	}
}

// TestFaults: each line of a file has one fault, with its hint.
func TestFaults(t *testing.T) {
	for line, want := range map[string]string{
		"delay: 2s":      `1:1: unknown key "delay" (it is called "wait_time" now)`,
		"wait_time: 2":   `1:12: "wait_time" must be a duration, not the number 2 (add a unit: 2s or 2ms)`,
		"wait_time: 1ms": `1:12: "wait_time" is "1ms", less than 1s`,
		"retries: many":  `1:10: "retries" must be a whole number, not the text "many"`,
		"retries: -1":    `1:10: "retries" must be at least 0`,
		"mode: fsat":     `1:7: "mode" is "fsat", not one of fast, slow (did you mean "fast"?)`,
		"color: blue":    `1:8: "color" is "blue", which is no color (write red)`,
		"key_file: ${UNSET}": `1:11: environment variable "UNSET" is not set, which "key_file" names (set ` +
			`it, or write "$${" where the text itself is meant)`,
		"disks: {a: }":                `1:9: disk "a" is empty`,
		"disks: {a: {size: 1, s: 2}}": `1:22: unknown key "s" in disk "a" (known here: size)`,
		"mode: [fast]":                `1:7: "mode" must be a text, not a list`,
		"mode: !!set {}":              `1:7: tags are not read, but for !!str before a plain value (remove the tag)`,
	} {
		settings, _ := schema().Decode("f", line+"\nname: n", &server{})
		faults, _ := errors.AsType[*strictyaml.Faults](settings.Err(everything))
		var got []string
		if faults != nil {
			for _, f := range faults.List {
				text := fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Message)
				if f.Hint != "" {
					text += " (" + f.Hint + ")"
				}
				got = append(got, text)
			}
		}
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%s:\n%s", line, diff)
		}
	}
}

// FuzzDecode: no text makes the decoder panic, each fault has a place inside the
// text, and a secret is in no report wherever it is given as one.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"name: n\npassword: PASS\n", "password: [PASS]", "name: *x\npassword: {a: PASS}", "hook: {url: https://a/PASS}",
		"disks: &a {x: *a}\npassword: PASS", "password: |\n  PASS\nwait: !!x 1", "password: \"PASS", "- password: PASS",
		"# password: PASS\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const hidden = "s3cr3t-in-a-file"
		text = strings.ReplaceAll(text, hidden, "")
		given := regexp.MustCompile(`(?m)^([ #]*password:) PASS$`)
		plain := given.MatchString(text)
		text = given.ReplaceAllString(text, "$1 "+hidden)
		settings, _ := schema().Decode("f", text, &server{})
		faults, _ := errors.AsType[*strictyaml.Faults](settings.Err(everything))
		if faults == nil {
			return
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 1
		for _, fault := range faults.List {
			if fault.Line < 1 || fault.Line > lines || fault.Column < 1 {
				t.Errorf("%q is at %d:%d of %d lines", fault.Message, fault.Line, fault.Column, lines)
			}
		}
		if plain && strings.Contains(faults.Report(), hidden) {
			t.Errorf("the report of %q holds the secret:\n%s", text, faults.Report())
		}
	})
}
