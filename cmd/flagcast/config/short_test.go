package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

func TestShortSecrets(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"short": "xyz\n", "long": "wxyz\n", "flagcast.yaml": `
upstream: { url: "https://unleash.example", tokens: ["*:production.x"], headers: { X-Version: "1" } }
api: { webhook_secret: éèà }
sinks:
  a: { type: store, api_token: "${SHORT}" }
  b: { type: store, api_token_file: short, dir: b }
  c: { type: store, api_token_file: long, dir: c, credentials: { type: static, access_key_secret: "four" } }
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := overrides()
	o.Flags = map[string]string{"pretrusted-tokens": "*:production.long-enough,k@production"}
	o.Lookup = func(name string) (string, bool) { return "x", name == "SHORT" }
	c, err := config.Load(filepath.Join(dir, "flagcast.yaml"), o)
	if err != nil {
		t.Fatal(err)
	}
	got := c.ShortSecrets()
	want := []string{
		`"webhook_secret" in api`, `"api_token" in sink "a"`, `the content of "api_token_file" in sink "b"`,
		"token 2 of flag --pretrusted-tokens",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the places are %q, want %q", got, want)
	}
}
