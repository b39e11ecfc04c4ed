package alicloud

import (
	"context"
	"errors"
	"fmt"

	"github.com/flagcast/flagcast/edgecore/secret"
	"github.com/flagcast/flagcast/sinks"
)

// Keys are what one request is signed with.
type Keys struct {
	AccessKeyID     string
	AccessKeySecret secret.Secret
	SecurityToken   secret.Secret // absent for a permanent access key
}

// Credentials hands out keys. It is asked before every attempt, so that keys
// that expire can be renewed between two of them, and is safe for concurrent
// use.
type Credentials interface {
	Retrieve(ctx context.Context) (Keys, error)
}

// Config is the setting "credentials" of a sink.
type Config struct {
	// Type says where the keys come from: "access_key" (an AccessKey pair of
	// a RAM user; the default) or "sts" (temporary keys with a security token).
	Type            string        `yaml:"type"`
	AccessKeyID     string        `yaml:"access_key_id"`
	AccessKeySecret secret.Secret `yaml:"access_key_secret"`
	SecurityToken   secret.Secret `yaml:"security_token"`
}

const (
	typeAccessKey = "access_key"
	typeSTS       = "sts"
)

// DefaultConfig returns the settings that hold where the file says nothing.
func DefaultConfig() Config { return Config{Type: typeAccessKey} }

// Check returns a *sinks.ConfigError for every fault; prefix is put before the
// name of each setting ("credentials.").
func (c Config) Check(prefix string) []error {
	var faults []error
	fault := func(key, problem string) {
		faults = append(faults, &sinks.ConfigError{Key: prefix + key, Problem: problem})
	}
	if c.Type != typeAccessKey && c.Type != typeSTS {
		fault("type", fmt.Sprintf("%q is not supported: use %q or %q", c.Type, typeAccessKey, typeSTS))
		return faults
	}
	if c.AccessKeyID == "" {
		fault("access_key_id", `is missing: set it, for instance to "${ALIBABA_CLOUD_ACCESS_KEY_ID}"`)
	}
	if c.AccessKeySecret.IsZero() {
		fault("access_key_secret", `is missing: set it, for instance to "${ALIBABA_CLOUD_ACCESS_KEY_SECRET}", or name a file in access_key_secret_file`)
	}
	switch {
	case c.Type == typeSTS && c.SecurityToken.IsZero():
		fault("security_token", `is missing, and type "sts" needs it: set it, for instance to "${ALIBABA_CLOUD_SECURITY_TOKEN}", or name a file in security_token_file`)
	case c.Type == typeAccessKey && !c.SecurityToken.IsZero():
		fault("security_token", `does not go with type "access_key": set type "sts", or remove the token`)
	}
	return faults
}

// New returns the credentials that the settings describe.
func (c Config) New() (Credentials, error) {
	if err := errors.Join(c.Check("credentials.")...); err != nil {
		return nil, err
	}
	return static{Keys{AccessKeyID: c.AccessKeyID, AccessKeySecret: c.AccessKeySecret, SecurityToken: c.SecurityToken}}, nil
}

type static struct{ keys Keys }

func (s static) Retrieve(context.Context) (Keys, error) { return s.keys, nil }
