package alicloud

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
)

const (
	testRole     = "acs:ram::1234567890123456:role/flagcast"
	testProvider = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123"
)

// of returns the settings of a type with a change.
func of(kind string, change func(*Config)) Config {
	c := DefaultConfig()
	c.Type = kind
	if change != nil {
		change(&c)
	}
	return c
}

// outside removes what a developer's machine may have.
func outside(t *testing.T) {
	t.Helper()
	for _, variable := range []string{
		variableID, variableSecret, variableSession, variableRole, variableProvider, variableToken,
	} {
		t.Setenv(variable, "")
	}
}

func TestConfigCheck(t *testing.T) {
	outside(t)
	id, key, token := "id", secret.New("the-secret"), secret.New("the-token")
	pair := func(c *Config) { c.AccessKeyID, c.AccessKeySecret = id, key }
	all := func(c *Config) { pair(c); c.SecurityToken = token }
	role := func(c *Config) {
		c.RoleARN, c.OIDCProviderARN, c.OIDCTokenFile = testRole, testProvider, "token"
		c.RoleSessionName, c.STSEndpoint = "flagcast-cn@1.2_3", exampleSTS
	}
	tests := map[string]struct {
		config Config
		keys   []string // settings at fault
	}{
		"access key":                {of("access_key", pair), nil},
		"sts":                       {of("sts", all), nil},
		"rrsa from the environment": {of("rrsa", nil), nil},
		"rrsa":                      {of("rrsa", role), nil},
		"the role of the instance":  {of("ecs_ram_role", nil), nil},
		"a role of the instance":    {of("ecs_ram_role", func(c *Config) { c.RoleName = "flagcast" }), nil},
		"nothing set":               {DefaultConfig(), []string{"c.access_key_id", "c.access_key_secret"}},
		"sts without a token":       {of("sts", pair), []string{"c.security_token"}},
		"access key with a token":   {of("access_key", all), []string{"c.security_token"}},
		"a type of another system":  {of("profile", pair), []string{"c.type"}},
		"rrsa with keys": {of("rrsa", all), []string{
			"c.access_key_id", "c.access_key_secret", "c.security_token",
		}},
		"an instance with keys": {of("ecs_ram_role", all), []string{
			"c.access_key_id", "c.access_key_secret", "c.security_token",
		}},
		"keys with a role": {
			of("access_key", func(c *Config) { pair(c); role(c); c.RoleName = "r" }),
			[]string{
				"c.role_arn", "c.oidc_provider_arn", "c.oidc_token_file", "c.role_session_name", "c.sts_endpoint",
				"c.role_name",
			},
		},
		"no ARNs": {
			of("rrsa", func(c *Config) { c.RoleARN, c.OIDCProviderARN = "flagcast", testRole }),
			[]string{"c.role_arn", "c.oidc_provider_arn"},
		},
		"a session in words": {of("rrsa", func(c *Config) {
			c.RoleSessionName = "my flags"
		}), []string{"c.role_session_name"}},
		"no session": {of("rrsa", func(c *Config) {
			c.RoleSessionName = ""
		}), []string{"c.role_session_name"}},
		"STS without TLS": {of("rrsa", func(c *Config) {
			c.STSEndpoint = "http://sts.aliyuncs.com"
		}), []string{"c.sts_endpoint"}},
		"no STS":              {of("rrsa", func(c *Config) { c.STSEndpoint = "" }), []string{"c.sts_endpoint"}},
		"an ARN for a name":   {of("ecs_ram_role", func(c *Config) { c.RoleName = testRole }), []string{"c.role_name"}},
		"a path for a name":   {of("ecs_ram_role", func(c *Config) { c.RoleName = "../x" }), []string{"c.role_name"}},
		"a role of a cluster": {of("ecs_ram_role", func(c *Config) { c.RoleARN = testRole }), []string{"c.role_arn"}},
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
			_, err := test.config.New(http.DefaultTransport)
			if (err != nil) != (test.keys != nil) {
				t.Errorf("New gives the error %v", err)
			}
			if text := fmt.Sprint(err, test.config); strings.Contains(text, "the-secret") ||
				strings.Contains(text, "the-token") {
				t.Errorf("a secret is printed: %s", text)
			}
		})
	}
}

func TestKeysOfTheEnvironment(t *testing.T) {
	tests := map[string]struct {
		config    Config
		id, token string // of the variables; the secret is always there
		want      string // id and token that are used; empty: faults
	}{
		"a pair":              {of("access_key", nil), "env-id", "", "env-id "},
		"a pair, and a token": {of("access_key", nil), "env-id", "env-token", "env-id "},
		"temporary keys":      {of("sts", nil), "env-id", "env-token", "env-id env-token"},
		"no token":            {of("sts", nil), "env-id", "", ""},
		"no id":               {of("access_key", nil), "", "", ""},
		"half and half":       {of("access_key", func(c *Config) { c.AccessKeyID = "id" }), "env-id", "", ""},
		"the file comes first": {of("access_key", func(c *Config) {
			c.AccessKeyID, c.AccessKeySecret = "id", secret.New("s")
		}), "env-id", "", "id "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			outside(t)
			t.Setenv(variableID, test.id)
			t.Setenv(variableSecret, "env-secret")
			t.Setenv(variableSession, test.token)
			credentials, err := test.config.New(http.DefaultTransport)
			if test.want == "" {
				if err == nil {
					t.Error("no fault")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			keys, err := credentials.Retrieve(t.Context())
			if got := keys.AccessKeyID + " " + keys.SecurityToken.Reveal(); err != nil || got != test.want ||
				keys.AccessKeySecret.IsZero() {
				t.Errorf("got %q and %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestUnsupportedTypeListsTheSupportedOnes(t *testing.T) {
	err := errors.Join(Config{Type: "profile"}.Check("credentials.")...)
	for _, want := range []string{
		`"profile"`, `"access_key"`, `"sts"`, `"rrsa"`, `"ecs_ram_role"`, "credentials.type",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}

func TestCredentialNamesWhoCalls(t *testing.T) {
	pair := func(id, key string) Config {
		return of("access_key", func(c *Config) { c.AccessKeyID, c.AccessKeySecret = id, secret.New(key) })
	}
	t.Setenv(variableRole, testRole)
	same := [][2]string{
		{pair("id", "old").Credential("esa"), pair("id", "new").Credential("esa")},
		{of("rrsa", nil).Credential("oss"), of("rrsa", func(c *Config) { c.RoleARN = testRole }).Credential("oss")},
		{of("ecs_ram_role", nil).Credential("oss"), of("ecs_ram_role", nil).Credential("oss")},
	}
	seen := map[string]bool{}
	for _, names := range same {
		if names[0] != names[1] {
			t.Errorf("one credential is named %q and %q", names[0], names[1])
		}
		seen[names[0]] = true
	}
	for _, other := range []string{
		pair("other", "old").Credential("esa"), pair("id", "old").Credential("dcdn"),
		of("rrsa", func(c *Config) { c.RoleARN = testRole + "2" }).Credential("oss"),
		of("ecs_ram_role", func(c *Config) { c.RoleName = "r" }).Credential("oss"),
	} {
		if seen[other] || strings.Contains(other, "other") || strings.Contains(other, "id") {
			t.Errorf("name %q is another's, or tells the key", other)
		}
		seen[other] = true
	}
}
