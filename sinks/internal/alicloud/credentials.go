package alicloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/sinks"
)

// Keys sign a call.
type Keys struct {
	AccessKeyID     string
	AccessKeySecret secret.Secret
	SecurityToken   secret.Secret // absent for a permanent access key
}

// Credentials provides keys. It is safe for concurrent use.
type Credentials interface {
	// Retrieve returns valid keys. An error that lasts until a person changes something
	// wraps sinks.ErrPermanent.
	Retrieve(ctx context.Context) (Keys, error)
	// Renew is called when the service has reported the keys as expired. It reports
	// whether Retrieve may return others now.
	Renew(used Keys) bool
}

// New returns the credentials of the settings. base makes the connections to the issuer
// of temporary keys. New makes no network calls.
//
// github.com/aliyun/credentials-go is not used for that: its providers (v1.4.14)
// have no context, no lock around their keys, fixed addresses, and discard keys that
// are still valid when they cannot renew them.
func (c Config) New(base http.RoundTripper) (Credentials, error) {
	if err := errors.Join(c.Check("credentials.")...); err != nil {
		return nil, err
	}
	switch c = c.resolved(); c.Type {
	case typeRRSA:
		return newRenewing(newRRSA(c, base).fetch), nil
	case typeECS:
		return newRenewing(newECS(c, base).fetch), nil
	}
	return static{Keys{AccessKeyID: c.AccessKeyID, AccessKeySecret: c.AccessKeySecret, SecurityToken: c.SecurityToken}},
		nil
}

type static struct{ keys Keys }

func (s static) Retrieve(context.Context) (Keys, error) { return s.keys, nil }

func (s static) Renew(Keys) bool { return false }

// With makes a call with valid keys, and once more with new ones if the service reports
// these as expired. action is the name of the call.
func With(ctx context.Context, c Credentials, action string, call func(Keys) error) error {
	maybeApplied := false
	for again := false; ; again = true {
		keys, err := c.Retrieve(ctx)
		if err != nil {
			return &Error{Action: action, MaybeApplied: maybeApplied, Err: fmt.Errorf("retrieve credentials: %w", err)}
		}
		err = call(keys)
		failed, ok := errors.AsType[*Error](err)
		if !ok {
			return err
		}
		failed.MaybeApplied = failed.MaybeApplied || maybeApplied
		if again || !expired(failed.Code) || !c.Renew(keys) {
			return err
		}
		maybeApplied = failed.MaybeApplied
	}
}

// temporary has keys in the JSON of STS and of the metadata service.
type temporary struct {
	AccessKeyID     string `json:"AccessKeyId"`
	AccessKeySecret string `json:"AccessKeySecret"`
	SecurityToken   string `json:"SecurityToken"`
	Expiration      string `json:"Expiration"`
}

func (t temporary) keys() (Keys, time.Time, error) {
	ends, err := time.Parse(time.RFC3339, t.Expiration)
	if err != nil || t.AccessKeyID == "" || t.AccessKeySecret == "" || t.SecurityToken == "" {
		return Keys{}, ends, errors.New("the answer does not hold temporary keys")
	}
	return Keys{
		AccessKeyID: t.AccessKeyID, AccessKeySecret: secret.New(t.AccessKeySecret),
		SecurityToken: secret.New(t.SecurityToken),
	}, ends, nil
}

// permanentError is an error that lasts until a person follows its hint.
type permanentError struct {
	what  string
	hint  string // "": there is none
	cause error  // or nil
}

func (m *permanentError) Error() string {
	if m.hint == "" {
		return m.what
	}
	return m.what + ": " + m.hint
}

// Hint implements what sinks.Hint asks for.
func (m *permanentError) Hint() string { return m.hint }

func (m *permanentError) Unwrap() []error {
	if m.cause == nil {
		return []error{sinks.ErrPermanent}
	}
	return []error{sinks.ErrPermanent, m.cause}
}
