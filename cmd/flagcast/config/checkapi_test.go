package config_test

import (
	"strings"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/internal/secret"
)

func TestPrivateBackstage(t *testing.T) {
	encrypted := func(listen string, only bool) config.TLS {
		return config.TLS{CertFile: "cert.pem", Listen: listen, Only: only}
	}
	for _, tc := range []struct {
		name    string
		api     config.API
		private bool
	}{
		{"every address", config.API{Listen: ":3063"}, false},
		{"every address, spelt out", config.API{Listen: "0.0.0.0:3063"}, false},
		{"one address", config.API{Listen: "10.0.0.1:3063"}, false},
		{"loopback", config.API{Listen: "127.0.0.1:3063"}, true},
		{"loopback of IPv6", config.API{Listen: "[::1]:3063"}, true},
		{"loopback by name", config.API{Listen: "localhost:3063"}, true},
		{"a name that begins like it", config.API{Listen: "localhost.example:3063"}, false},
		{"apart", config.API{Listen: ":3063", Backstage: config.Backstage{Listen: ":3064"}}, true},
		{"TLS on every address", config.API{Listen: "127.0.0.1:3063", TLS: encrypted(":3043", false)}, false},
		{"TLS on loopback, plain not", config.API{Listen: ":3063", TLS: encrypted("127.0.0.1:3043", false)}, false},
		{"TLS alone, on loopback", config.API{Listen: ":3063", TLS: encrypted("127.0.0.1:3043", true)}, true},
		{"no TLS", config.API{Listen: "127.0.0.1:3063", TLS: config.TLS{Listen: ":3043"}}, true},
		{"no address", config.API{Listen: "nonsense"}, false},
	} {
		if got := tc.api.PrivateBackstage(); got != tc.private {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.private)
		}
	}
}

func TestWeakWebhookSecret(t *testing.T) {
	for text, weak := range map[string]bool{
		"": false, "x": true, strings.Repeat("x", 15): true, strings.Repeat("x", 16): false,
		strings.Repeat("ü", 15): true,
	} {
		var s secret.Secret
		if text != "" {
			s = secret.New(text)
		}
		if got := (&config.API{WebhookSecret: s}).WeakWebhookSecret(); got != weak {
			t.Errorf("%d characters: %v, want %v", len(text), got, weak)
		}
	}
}
