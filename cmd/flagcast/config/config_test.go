package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/strictyaml"
	"github.com/flagcast/flagcast/sinks"
)

var update = flag.Bool("update", false, "write the expected messages anew")

// store is the settings of a sink of these tests.
type store struct {
	Dir         string        `yaml:"dir"`
	Account     string        `yaml:"account"`
	APIToken    secret.Secret `yaml:"api_token"`
	Timeout     time.Duration `yaml:"timeout" min:"1s"`
	MaxBytes    int           `yaml:"max_bytes" min:"1"`
	Verify      *bool         `yaml:"verify"`
	Credentials credentials   `yaml:"credentials"`
	Extra       `yaml:",inline"`
}

type Extra struct {
	Labels map[string]string `yaml:"labels"`
}

type credentials struct {
	Type            string        `yaml:"type" oneof:"static rrsa"`
	AccessKeySecret secret.Secret `yaml:"access_key_secret"`
}

func (s *store) Check() []error {
	var errs []error
	if s.APIToken.IsZero() {
		errs = append(errs, &sinks.ConfigError{Key: "api_token", Problem: "is missing", Absent: true})
	}
	if s.Credentials.Type == "static" && s.Credentials.AccessKeySecret.IsZero() {
		errs = append(errs, &sinks.ConfigError{Key: "credentials.access_key_secret", Problem: "is missing"})
	}
	if len(s.Account) > 40 {
		errs = append(errs, &sinks.ConfigError{Key: "account", Problem: "is too long"})
	}
	return errs
}

type folder struct {
	Dir string `yaml:"dir" required:"true"`
}

func testSinks(kind string) (any, bool) {
	switch kind {
	case "store":
		return &store{Timeout: 10 * time.Second}, true
	case "file":
		return &folder{}, true
	}
	return nil, false
}

// environment of the tests; EMPTY is set and empty.
var environment = map[string]string{
	"UNLEASH_TOKEN": "*:production.from-the-environment-s3cr3t",
	"API_TOKEN":     "from-the-environment-s3cr3t",
	"REGION":        "cn: { injected: true }",
	"YES":           "true",
	"PACE":          "3s",
	"NUMBER":        "17",
	"EMPTY":         "",
	"BAD":           "bad-value-s3cr3t",
}

func overrides() config.Overrides {
	return config.Overrides{
		Lookup: func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		},
		SinkConfig: testSinks,
		SinkTypes:  []string{"store", "file"},
	}
}

// load writes a configuration into a folder of its own and loads it.
func load(t *testing.T, text string, o config.Overrides) (*config.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flagcast.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(path, o)
}

// TestBadFiles compares the report of each bad file with the one beside it.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no bad files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := config.Load(filepath.ToSlash(file), overrides())
			faults, ok := errors.AsType[*strictyaml.Faults](err)
			if !ok {
				t.Fatalf("load gave %v, want faults", err)
			}
			for _, f := range faults.List {
				if f.Line < 1 || f.Column < 1 {
					t.Errorf("%q has no place", f.Message)
				}
			}
			report := faults.Report()
			if strings.Contains(report, "s3cr3t") || strings.Contains(faults.Error(), "s3cr3t") {
				t.Errorf("the report holds a secret:\n%s", report)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(report), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), report); diff != "" {
				t.Error(diff)
			}
		})
	}
}
