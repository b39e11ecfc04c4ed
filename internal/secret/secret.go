// Package secret keeps credentials out of logs, errors, metrics and snapshots:
// every way of printing a Secret gives "[redacted]".
package secret

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a credential. Its zero value is the absent secret.
type Secret struct{ value string }

// New wraps a credential.
func New(value string) Secret { return Secret{value: value} }

// Reveal returns the credential. Call it where it is used, such as in the line
// that sets a header, and nowhere else.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no credential.
func (s Secret) IsZero() bool { return s.value == "" }

// Format prints the redacted form for every verb, also inside other values.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// String returns "[redacted]", or "" for an absent secret.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return redacted
}

// MarshalText makes JSON, YAML and text encoders write the redacted form.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue makes log/slog write the redacted form.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
