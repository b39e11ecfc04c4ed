package config_test

import (
	"strings"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

// Two sinks share one credential by an anchor, and a mapping by a merge key:
// each of them needs it.
const sharedCredential = `
upstream: { url: "${MISSING_URL}", tokens: ["*:production.a-s3cr3t", "${MISSING_UNLEASH}"],
    headers: { X-Key: "${MISSING_HEADER}" } }
api: { listen: "${MISSING_LISTEN}", frontend_tokens: ["${MISSING_FRONTEND}"] }
healthcheck: { url: "${MISSING_HEALTH}" }
sinks:
  a: &a { type: store, account: "${MISSING_ACCOUNT}", api_token: &token "${MISSING_TOKEN}", dir: x }
  b: { type: store, api_token: *token, dir: y }
  c: { <<: *a, dir: z }
  d: { type: store, api_token_file: missing-file, dir: y, credentials: { type: static, access_key_secret: "${EMPTY}" } }
  e: { type: file, dir: e }
targets:
  - { name: t, sink: e, environment: production, format: rules/1, key: k }
`

func TestNeeds(t *testing.T) {
	names := []string{
		"MISSING_URL", "MISSING_UNLEASH", "MISSING_HEADER", "MISSING_FRONTEND", "MISSING_HEALTH",
		"MISSING_ACCOUNT", "MISSING_TOKEN", "missing-file", "access_key_secret",
	}
	for name, c := range map[string]struct {
		needs config.Needs
		want  string // of names
	}{
		"nothing":     {config.Needs{}, ""},
		"upstream":    {config.Needs{Upstream: true}, "MISSING_URL MISSING_UNLEASH MISSING_HEADER"},
		"api":         {config.Needs{API: true}, "MISSING_FRONTEND"},
		"notify":      {config.Needs{Notify: true}, "MISSING_HEALTH"},
		"a":           {config.Needs{Sinks: []string{"a"}}, "MISSING_ACCOUNT MISSING_TOKEN"},
		"an alias":    {config.Needs{Sinks: []string{"b"}}, "MISSING_TOKEN"},
		"a merge key": {config.Needs{Sinks: []string{"c"}}, "MISSING_ACCOUNT MISSING_TOKEN"},
		"files":       {config.Needs{Sinks: []string{"d"}}, "missing-file access_key_secret"},
		"no secrets":  {config.Needs{Sinks: []string{"e"}}, ""},
		"described":   {config.Needs{Described: []string{"a", "b", "d"}}, "MISSING_ACCOUNT"},
		"one, described": {config.Needs{
			Sinks: []string{"d"}, Described: []string{"c"},
		}, "MISSING_ACCOUNT missing-file access_key_secret"},
	} {
		t.Run(name, func(t *testing.T) {
			o := overrides()
			named := func(err error) string {
				if err == nil {
					return ""
				}
				var found []string
				for _, n := range names {
					if strings.Contains(err.Error(), n) {
						found = append(found, n)
					}
				}
				return strings.Join(found, " ")
			}
			o.Needs = func(*config.Config) config.Needs { return c.needs }
			_, err := load(t, strings.ReplaceAll(sharedCredential, `"${MISSING_LISTEN}"`, `":0"`), o)
			if got := named(err); got != c.want {
				t.Errorf("the faults name %q, want %q: %v", got, c.want, err)
			}
			// Require says the same of a configuration that was loaded for nothing.
			o.Needs = func(*config.Config) config.Needs { return config.Needs{} }
			cfg, err := load(t, strings.ReplaceAll(sharedCredential, `"${MISSING_LISTEN}"`, `":0"`), o)
			if err != nil {
				t.Fatal(err)
			}
			if got := named(cfg.Require(c.needs)); got != c.want {
				t.Errorf("Require names %q, want %q", got, c.want)
			}
			// Settings of api that are not secrets are always needed.
			if _, err := load(t, sharedCredential, o); err == nil || !strings.Contains(err.Error(), "MISSING_LISTEN") {
				t.Errorf("load gave %v", err)
			}
		})
	}
}
