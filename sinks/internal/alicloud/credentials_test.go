package alicloud

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/secret"
	"github.com/flagcast/flagcast/sinks"
)

func TestConfigCheck(t *testing.T) {
	id, key, token := "id", secret.New("the-secret"), secret.New("the-token")
	tests := map[string]struct {
		config Config
		keys   []string // settings at fault
	}{
		"access key":               {Config{Type: "access_key", AccessKeyID: id, AccessKeySecret: key}, nil},
		"sts":                      {Config{Type: "sts", AccessKeyID: id, AccessKeySecret: key, SecurityToken: token}, nil},
		"nothing set":              {DefaultConfig(), []string{"c.access_key_id", "c.access_key_secret"}},
		"sts without a token":      {Config{Type: "sts", AccessKeyID: id, AccessKeySecret: key}, []string{"c.security_token"}},
		"access key with a token":  {Config{Type: "access_key", AccessKeyID: id, AccessKeySecret: key, SecurityToken: token}, []string{"c.security_token"}},
		"a type of another system": {Config{Type: "rrsa", AccessKeyID: id, AccessKeySecret: key}, []string{"c.type"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var keys []string
			for _, fault := range test.config.Check("c.") {
				var located *sinks.ConfigError
				if !errors.As(fault, &located) {
					t.Fatalf("fault %v has no place", fault)
				}
				keys = append(keys, located.Key)
			}
			if !slices.Equal(keys, test.keys) {
				t.Errorf("faults at %v, want %v", keys, test.keys)
			}
			_, err := test.config.New()
			if (err != nil) != (test.keys != nil) {
				t.Errorf("New gives the error %v", err)
			}
			if text := fmt.Sprint(err, test.config); strings.Contains(text, "the-secret") || strings.Contains(text, "the-token") {
				t.Errorf("a secret is printed: %s", text)
			}
		})
	}
}

func TestUnsupportedTypeListsTheSupportedOnes(t *testing.T) {
	err := errors.Join(Config{Type: "ecs_ram_role"}.Check("credentials.")...)
	for _, want := range []string{`"ecs_ram_role"`, `"access_key"`, `"sts"`, "credentials.type"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}
