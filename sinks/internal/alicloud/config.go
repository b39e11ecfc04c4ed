package alicloud

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
)

// Config is the setting "credentials" of a sink.
type Config struct {
	// Type says where the keys come from: "access_key" (an AccessKey pair of
	// a RAM user; the default), "sts" (temporary keys with a security token),
	// "rrsa" (a role that a pod of ACK assumes with its token) or
	// "ecs_ram_role" (the role of an ECS instance).
	Type string `yaml:"type"`
	// Of access_key and sts. Where all are absent they come from the
	// environment, by the names that the tools of Alibaba Cloud use.
	AccessKeyID     string        `yaml:"access_key_id"`
	AccessKeySecret secret.Secret `yaml:"access_key_secret"`
	SecurityToken   secret.Secret `yaml:"security_token"`
	// Of rrsa. The first three are, where they are absent, what ACK's
	// ack-pod-identity-webhook has put into the environment of the pod.
	RoleARN         string `yaml:"role_arn"`
	OIDCProviderARN string `yaml:"oidc_provider_arn"`
	OIDCTokenFile   string `yaml:"oidc_token_file"`
	RoleSessionName string `yaml:"role_session_name"`
	STSEndpoint     string `yaml:"sts_endpoint"`
	// Of ecs_ram_role; absent is the role that the instance has.
	RoleName string `yaml:"role_name"`
}

const (
	typeAccessKey = "access_key"
	typeSTS       = "sts"
	typeRRSA      = "rrsa"
	typeECS       = "ecs_ram_role"
)

// Variables that all tools of Alibaba Cloud read; those of a role are set by
// ack-pod-identity-webhook.
const (
	variableID       = "ALIBABA_CLOUD_ACCESS_KEY_ID"
	variableSecret   = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
	variableSession  = "ALIBABA_CLOUD_SECURITY_TOKEN"
	variableRole     = "ALIBABA_CLOUD_ROLE_ARN"
	variableProvider = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN"
	variableToken    = "ALIBABA_CLOUD_OIDC_TOKEN_FILE"
)

// DefaultConfig returns the default settings.
func DefaultConfig() Config {
	return Config{Type: typeAccessKey, RoleSessionName: "flagcast", STSEndpoint: "sts.aliyuncs.com"}
}

var (
	rolePattern     = regexp.MustCompile(`^acs:ram::\d+:role/[A-Za-z0-9._-]+$`)
	providerPattern = regexp.MustCompile(`^acs:ram::\d+:oidc-provider/[A-Za-z0-9._-]+$`)
	sessionPattern  = regexp.MustCompile(`^[A-Za-z0-9.@_-]{2,64}$`)
	namePattern     = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// Check returns a *sinks.ConfigError for every fault; prefix is put before the name of
// each setting ("credentials."). Missing variables of rrsa are an error when they are
// used, not here: the same file must load outside of the pod.
func (c Config) Check(prefix string) []error {
	var faults []error
	fault := func(key, problem string) {
		faults = append(faults, &sinks.ConfigError{Key: prefix + key, Problem: problem})
	}
	absent := func(key, problem string) {
		faults = append(faults, &sinks.ConfigError{Key: prefix + key, Problem: problem, Absent: true})
	}
	switch c.Type {
	case typeAccessKey, typeSTS:
		keys := c.resolved()
		if keys.AccessKeyID == "" {
			absent("access_key_id", "is missing: set it, or the variable "+variableID)
		}
		if keys.AccessKeySecret.IsZero() {
			absent("access_key_secret",
				"is missing: set it, name a file in access_key_secret_file, or leave access_key_id out, too, and set "+
					"the variable "+variableSecret)
		}
		if c.Type == typeSTS && keys.SecurityToken.IsZero() {
			absent("security_token",
				`is missing, and type "sts" needs it: set it, name a file in security_token_file, or leave the `+
					`others out, too, and set the variable `+variableSession)
		}
	case typeRRSA:
		if c.RoleARN != "" && !rolePattern.MatchString(c.RoleARN) {
			fault("role_arn",
				fmt.Sprintf(`%q is not the ARN of a role: write it like "acs:ram::1234567890123456:role/flagcast"`,
					c.RoleARN))
		}
		if c.OIDCProviderARN != "" && !providerPattern.MatchString(c.OIDCProviderARN) {
			fault("oidc_provider_arn",
				fmt.Sprintf(
					`%q is not the ARN of an OIDC provider: write it like `+
						`"acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123456789"`, c.OIDCProviderARN))
		}
		if !sessionPattern.MatchString(c.RoleSessionName) {
			fault("role_session_name", fmt.Sprintf(`%q is not a name: 2 to 64 letters, digits, ".", "@", "-" and "_"`,
				c.RoleSessionName))
		}
		if _, problem := ParseEndpoint(c.STSEndpoint, exampleSTS); problem != "" {
			fault("sts_endpoint", problem)
		}
	case typeECS:
		if c.RoleName != "" && !namePattern.MatchString(c.RoleName) {
			fault("role_name",
				fmt.Sprintf(`%q is not the name of a role: letters, digits, ".", "-" and "_", and no ARN`, c.RoleName))
		}
	default:
		fault("type", fmt.Sprintf("%q is not supported: use %q, %q, %q or %q", c.Type, typeAccessKey, typeSTS, typeRRSA,
			typeECS))
		return faults
	}
	return append(faults, c.checkUnused(prefix)...)
}

const exampleSTS = "sts-vpc.cn-hangzhou.aliyuncs.com"

// checkUnused returns an error for every setting of another type.
func (c Config) checkUnused(prefix string) []error {
	var faults []error
	defaults := DefaultConfig()
	for _, setting := range []struct {
		key     string
		set     bool
		typesOf string
	}{
		{"access_key_id", c.AccessKeyID != "", typeAccessKey + " " + typeSTS},
		{"access_key_secret", !c.AccessKeySecret.IsZero(), typeAccessKey + " " + typeSTS},
		{"security_token", !c.SecurityToken.IsZero(), typeSTS},
		{"role_arn", c.RoleARN != "", typeRRSA},
		{"oidc_provider_arn", c.OIDCProviderARN != "", typeRRSA},
		{"oidc_token_file", c.OIDCTokenFile != "", typeRRSA},
		{"role_session_name", c.RoleSessionName != "" && c.RoleSessionName != defaults.RoleSessionName, typeRRSA},
		{"sts_endpoint", c.STSEndpoint != "" && c.STSEndpoint != defaults.STSEndpoint, typeRRSA},
		{"role_name", c.RoleName != "", typeECS},
	} {
		types := strings.Fields(setting.typesOf)
		if setting.set && c.Type != types[0] && c.Type != types[len(types)-1] {
			faults = append(faults, &sinks.ConfigError{
				Key: prefix + setting.key, Problem: fmt.Sprintf("does not go with type %q: set type %q, or remove it",
					c.Type, types[0]),
			})
		}
	}
	return faults
}

// resolved adds missing settings from the environment. Keys are either all from the
// settings or all from the environment.
func (c Config) resolved() Config {
	switch c.Type {
	case typeAccessKey, typeSTS:
		if c.AccessKeyID != "" || !c.AccessKeySecret.IsZero() || !c.SecurityToken.IsZero() {
			return c
		}
		c.AccessKeyID, c.AccessKeySecret = os.Getenv(variableID), secret.New(os.Getenv(variableSecret))
		if c.Type == typeSTS {
			c.SecurityToken = secret.New(os.Getenv(variableSession))
		}
	case typeRRSA:
		for setting, variable := range map[*string]string{
			&c.RoleARN: variableRole, &c.OIDCProviderARN: variableProvider, &c.OIDCTokenFile: variableToken,
		} {
			if *setting == "" {
				*setting = os.Getenv(variable)
			}
		}
	}
	return c
}

// Credential returns an identifier of the credential that does not reveal it: equal
// settings have the same identifier, other keys or roles another.
func (c Config) Credential(service string) string {
	c = c.resolved()
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{service, c.Type, c.AccessKeyID, c.RoleARN, c.RoleName}))
	return "alicloud-" + hex.EncodeToString(sum[:8])
}
