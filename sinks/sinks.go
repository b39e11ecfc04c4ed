// Package sinks is the contract of stores for snapshots: bytes under keys, with a little
// metadata. A sink does not depend on flags.
//
// Package sinktest has the contract as a test suite; every sink passes it. What all
// sinks need is implemented once, outside of the sinks: retries (internal/httpclient),
// rate limits, metrics, dry runs.
package sinks

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Sink stores objects under keys. It is safe for concurrent use.
//
// An error wraps ErrPermanent if the same call fails again until a person changes
// something (a credential, a configuration, a size), and ErrAmbiguous if a put may or
// may not have been applied. Any other error is temporary. Error texts name the sink,
// the key and the response of the service; they never contain a credential.
type Sink interface {
	// Limits returns what the service accepts and how soon readers see a write.
	Limits() Limits
	// Put stores the object and replaces what was there. nil means that the
	// service has accepted it completely; readers may see the old one for
	// Limits().Propagation. On an error the old object or the new one is stored,
	// never a mixture.
	Put(ctx context.Context, o Object) error
	// Get returns what is stored, possibly an older object. A key that does
	// not exist is ErrNotFound; every other failure is another error.
	Get(ctx context.Context, key Key) ([]byte, error)
	// Delete removes the object. A key that does not exist is not an error.
	Delete(ctx context.Context, key Key) error
}

// Object is what a sink stores.
type Object struct {
	Key         Key
	Body        []byte // not changed by the sink, not kept after the call
	ContentType string
	// Meta is stored with the body if the service supports metadata, and dropped
	// otherwise: at most 1,024 bytes as JSON (Cloudflare KV).
	Meta map[string]string
	// Immutable is set if the object of this key never changes.
	Immutable bool
}

// Limits are facts about a service, from its documentation.
type Limits struct {
	KeyBytes   int // longest key
	ValueBytes int // largest body; 0: no limit
	// FormBytes is the largest body in the form encoding of a request
	// (application/x-www-form-urlencoded), if the service limits that, too;
	// 0: no limit. JSON has 1.3 to 1.6 times its size in this encoding.
	FormBytes int
	WritePace time.Duration // shortest time between two writes of one key
	// Propagation is the usual time until every reader sees a write, and
	// PropagationMax the longest time that the service promises, 0 if it promises
	// nothing.
	Propagation, PropagationMax time.Duration
	// ReportsPropagation is set if the service reports whether a write has reached
	// every edge location. The sink is then a PropagationReporter.
	ReportsPropagation bool
	// Calls is how many calls one credential may make in each period of CallsIn, for
	// all sinks that use it together; 0 if nothing is documented.
	Calls   int
	CallsIn time.Duration
}

// Key names an object in a sink.
type Key string

// keyPattern is the intersection of the keys of all services (Alibaba EdgeKV:
// letters, digits, "-", "_", 512 bytes).
var keyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,512}$`)

// ParseKey checks that a key is portable: 1 to 512 characters of
// [A-Za-z0-9_-].
func ParseKey(s string) (Key, error) {
	if !keyPattern.MatchString(s) {
		return "", fmt.Errorf("key %q is not portable: use 1 to 512 letters, digits, \"-\" and \"_\"", s)
	}
	return Key(s), nil
}

var (
	// ErrNotFound: there is no object under a key.
	ErrNotFound = errors.New("not found")
	// ErrPermanent: the same call fails again.
	ErrPermanent = errors.New("permanent")
	// ErrOversized: a get has found an object that is larger than any that a sink
	// stores: another program has written it.
	ErrOversized = errors.New("larger than any object that is stored here")
	// ErrAmbiguous: a put may have been applied.
	ErrAmbiguous = errors.New("outcome unknown")
)

// CheckKey returns a permanent error for a key that is not portable or longer than the
// service accepts. Sinks call it before they use a key in a path or an address, since
// a Key may have been converted from a string without ParseKey.
func (l Limits) CheckKey(key Key) error {
	if _, err := ParseKey(string(key)); err != nil {
		return fmt.Errorf("%w: %w", err, ErrPermanent)
	}
	if l.KeyBytes > 0 && len(key) > l.KeyBytes {
		return fmt.Errorf("key %q has %d bytes, the limit is %d: %w", key, len(key), l.KeyBytes, ErrPermanent)
	}
	return nil
}

// CheckSize returns a permanent error for an object that the service would
// refuse. Sinks call it before they send anything.
func (l Limits) CheckSize(o Object) error {
	if err := l.CheckKey(o.Key); err != nil {
		return err
	}
	if l.ValueBytes == 0 {
		l.ValueBytes = MaxObject
	}
	if l.Usage(o.Body) > 1 {
		return l.TooLarge(o.Body)
	}
	return nil
}

// MaxObject is the largest object in bytes that a sink stores, and reads, if its
// service has no limit: any program may write under a key.
const MaxObject = 32 << 20

// Usage returns the size of a body as a fraction of the tightest limit: above 1 it is
// too large. It is 0 without a limit.
func (l Limits) Usage(body []byte) (part float64) {
	if l.ValueBytes > 0 {
		part = float64(len(body)) / float64(l.ValueBytes)
	}
	if l.FormBytes > 0 {
		part = max(part, float64(formBytes(body))/float64(l.FormBytes))
	}
	return part
}

// TooLarge returns the error of a body that is too large for the service.
func (l Limits) TooLarge(body []byte) *TooLargeError {
	e := &TooLargeError{Size: len(body), Limit: l.ValueBytes}
	if l.FormBytes > 0 {
		e.FormSize, e.FormLimit = formBytes(body), l.FormBytes
	}
	return e
}

// formBytes returns the length of url.QueryEscape.
func formBytes(body []byte) (n int) {
	for _, b := range body {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.', b == '~',
			b == ' ':
			n++
		default:
			n += 3
		}
	}
	return n
}

// TooLargeError is the permanent error of an object that exceeds the limit of
// its sink. All fields are in bytes; FormLimit is 0 if the service does not limit the
// form encoding.
type TooLargeError struct{ Size, Limit, FormSize, FormLimit int }

// Error returns the size and the limit.
func (e *TooLargeError) Error() string {
	if e.FormLimit > 0 {
		return fmt.Sprintf(
			"object has %d bytes, the limit is %d; form-encoded, as a request sends it, it has %d, the limit is %d",
			e.Size, e.Limit, e.FormSize, e.FormLimit)
	}
	return fmt.Sprintf("object has %d bytes, the limit is %d", e.Size, e.Limit)
}

// Unwrap makes the error permanent.
func (e *TooLargeError) Unwrap() error { return ErrPermanent }

// ConfigError is an error in one setting of a sink. Key is the name of the setting in
// the configuration file, so that its position can be shown.
type ConfigError struct {
	Key, Problem string
	// Absent is set if the setting is a credential that is missing. Commands that do
	// not call the service do not need it.
	Absent bool
}

// Error returns the key and the problem.
func (e *ConfigError) Error() string { return e.Key + ": " + e.Problem }

// QuotaReporter is implemented by sinks whose service reports how many calls are left.
type QuotaReporter interface {
	// Quota returns what the last response reported: the number of calls that the
	// credential has left, and until when; ok is false if no response has reported
	// it. It is safe for concurrent use.
	Quota() (left int, until time.Time, ok bool)
}

// PropagationReporter is implemented by sinks whose service reports whether a write has
// reached every edge location.
type PropagationReporter interface {
	// Propagated reports whether the last write of a key has reached every edge
	// location. It returns errors.ErrUnsupported if Limits().ReportsPropagation is not
	// set.
	Propagated(ctx context.Context, key Key) (bool, error)
}

// Locator is implemented by sinks that can show where an object is, such as a path or
// a page of a console.
type Locator interface {
	Locate(key Key) string
}

// Permission is a permission that a sink needs, in the form of the service's console or
// API.
type Permission struct {
	Title    string // what it is and where to enter it
	Document string // a policy, or the lines of a form
}
