package main

import (
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
)

// What asks a core on this machine finds it where the configuration has it.
func TestAddressesOfACore(t *testing.T) {
	for name, tc := range map[string]struct {
		api             config.API
		core, backstage string
	}{
		"usual": {config.API{Listen: ":3063"}, "http://localhost:3063", "http://localhost:3063"},
		"one address": {
			config.API{Listen: "127.0.0.1:80", BasePath: "/flags"},
			"http://127.0.0.1:80/flags",
			"http://127.0.0.1:80/flags",
		},
		"IPv6":     {config.API{Listen: "[::1]:80"}, "http://[::1]:80", "http://[::1]:80"},
		"any IPv6": {config.API{Listen: "[::]:80"}, "http://localhost:80", "http://localhost:80"},
		"TLS beside": {
			config.API{Listen: ":3063", TLS: config.TLS{Listen: ":3043"}},
			"http://localhost:3063",
			"http://localhost:3063",
		},
		"TLS alone": {
			config.API{Listen: ":3063", TLS: config.TLS{Listen: ":3043", Only: true}},
			"https://localhost:3043", "https://localhost:3043",
		},
		"a backstage apart": {
			config.API{Listen: ":3063", Backstage: config.Backstage{Listen: ":3064"}},
			"http://localhost:3063", "http://localhost:3064",
		},
	} {
		if core, backstage := coreAddress(&tc.api), backstageAddress(&tc.api); core != tc.core ||
			backstage != tc.backstage {
			t.Errorf("%s: %s and %s, want %s and %s", name, core, backstage, tc.core, tc.backstage)
		}
	}
}
