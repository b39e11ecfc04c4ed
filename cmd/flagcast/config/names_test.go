package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

// TestReadNames: names are read whatever else is wrong, and nothing that is not a
// configuration ends the program.
func TestReadNames(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "flagcast.yaml")
	for text, want := range map[string]config.Names{
		"":                                   {},
		"targets: [":                         {},
		"targets: 3\nsinks: [a]":             {},
		"upstream: x\ntargets: {}":           {},
		"a: &a [ *a ]":                       {},
		"targets: [ 1, [ 2 ], { } ]":         {},
		"upstream: { file: /flags.json }":    {File: "/flags.json"},
		"upstream: { file: sub/flags.json }": {File: filepath.Join(dir, "sub", "flags.json")},
		"upstream: { file: \"${FLAGS}\" }":   {},
		"nosuch: 1\nsinks: { cn: { secret: \"${NOT_SET}\" }, eu: }\ntargets: [ { name: web, sink: nosuch }, { name: " +
			"app } ]": {
			Sinks: []string{"cn", "eu"}, Targets: []string{"web", "app"},
		},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, config.ReadNames(path)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for _, missing := range []string{filepath.Join(dir, "missing.yaml"), dir} {
		if diff := cmp.Diff(config.Names{}, config.ReadNames(missing)); diff != "" {
			t.Errorf("%s: %s", missing, diff)
		}
	}
}
