// Package edgekv stores snapshots in EdgeKV of Alibaba Cloud, which workers at
// the edge read: that of ESA, and that of DCDN, its predecessor. Both are an
// OpenAPI with the same few calls under other names.
//
// A write is seen after some 20 seconds, 300 at worst, and a key that was read
// before it existed may stay absent for longer at the place that read it: put
// it before the worker that reads it is deployed. The service has no place for
// metadata, which is dropped, and takes text only.
package edgekv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
)

// Sink is one namespace. It is safe for concurrent use.
type Sink struct {
	dialect   dialect
	namespace string
	create    bool
	client    *alicloud.Client
}

// New returns a sink with the settings. base makes its connections; nil means
// a transport of its own. Nothing is sent before the first call.
func New(c Config, base http.RoundTripper) (*Sink, error) {
	if err := errors.Join(c.Check()...); err != nil {
		return nil, err
	}
	base, err := httpclient.WithProxy(base, c.Proxy)
	if err != nil {
		return nil, err
	}
	credentials, err := c.Credentials.New(base)
	if err != nil {
		return nil, err
	}
	d, _ := dialectOf(c.Product)
	return &Sink{
		dialect: d, namespace: c.Namespace, create: c.CreateNamespace,
		client: alicloud.NewClient(c.endpoint(), d.version, credentials, base),
	}, nil
}

// Limits are those of the product pages. The API pages say 2,000,000 bytes for
// a value; the smaller figure is the safe one. They do not say whether 2,000,000
// bytes are those of the value or of the request: the request is held to them
// too, as in a batch. 50 calls a second for each
// account are stated on the page of PutDcdnKv, for that action; ESA states
// nothing, and we take the same.
func (s *Sink) Limits() sinks.Limits {
	return sinks.Limits{
		KeyBytes: 512, ValueBytes: 1_800_000, FormBytes: requestBytes - len("Value="),
		Propagation: 20 * time.Second, PropagationMax: 300 * time.Second,
		ReportsPropagation: s.dialect.status.action != "",
		Calls:              50, CallsIn: time.Second,
	}
}

// Put stores the body, which must be UTF-8 text, without its metadata.
func (s *Sink) Put(ctx context.Context, o sinks.Object) error {
	err := s.check(o)
	if err == nil {
		err = s.intoNamespace(ctx, func() error { return s.put(ctx, o) })
	}
	return s.notPut(s.dialect.put, o, err)
}

// notPut is failed for an object that was to be put.
func (s *Sink) notPut(by operation, o sinks.Object, err error) error {
	if isCode(err, codeValueTooLarge) {
		err = fmt.Errorf("%w: %w", err, s.Limits().TooLarge(o.Body))
	}
	return s.failed("put", by, o.Key, err)
}

// check finds what cannot be stored before anything is sent.
func (s *Sink) check(o sinks.Object) error {
	if err := s.Limits().CheckSize(o); err != nil {
		return err
	}
	if len(o.Body) == 0 || !utf8.Valid(o.Body) {
		return fmt.Errorf("body is empty or no UTF-8 text, and EdgeKV stores text: %w", sinks.ErrPermanent)
	}
	return nil
}

// intoNamespace puts something, and creates the namespace for it where that is
// missing and allowed.
func (s *Sink) intoNamespace(ctx context.Context, put func() error) error {
	err := put()
	if !s.create || !isCode(err, codeNoNamespace) {
		return err
	}
	if err := s.createNamespace(ctx); err != nil {
		return fmt.Errorf("create the namespace: %w", err)
	}
	if err = put(); isCode(err, codeNoNamespace) {
		return errors.New("the namespace was created just now and is not there yet")
	}
	return err
}

func (s *Sink) put(ctx context.Context, o sinks.Object) error {
	var answer struct{ RequestID string }
	call := s.at(s.dialect.put, o.Key)
	call.Form = url.Values{"Value": {string(o.Body)}}
	err := s.client.Do(ctx, call, &answer)
	if err == nil && answer.RequestID == "" {
		return notTheService(call.Action)
	}
	return err
}

// notTheService is the error of a success that another server has answered.
func notTheService(action string) error {
	return &alicloud.Error{
		Action: action, Status: http.StatusOK, MaybeApplied: true,
		Err: errors.New(`answer has no "RequestId", so it is not the service's: check endpoint and proxy`),
	}
}

// Get returns what the central store holds; the edge may be behind it.
func (s *Sink) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	if err := s.Limits().CheckKey(key); err != nil {
		return nil, s.failed("get", s.dialect.get, key, err)
	}
	var answer struct{ Value *string }
	err := s.client.Do(ctx, s.at(s.dialect.get, key), &answer)
	switch {
	case s.isAbsent(err):
		return nil, fmt.Errorf("get %q from %s: %w", key, s, sinks.ErrNotFound)
	case err == nil && answer.Value == nil:
		err = errors.New(`answer has no "Value"`)
	}
	if err != nil {
		return nil, s.failed("get", s.dialect.get, key, err)
	}
	return []byte(*answer.Value), nil
}

// Delete removes a key.
func (s *Sink) Delete(ctx context.Context, key sinks.Key) error {
	err := s.Limits().CheckKey(key)
	if err == nil {
		err = s.client.Do(ctx, s.at(s.dialect.delete, key), new(any))
	}
	if s.isAbsent(err) {
		return nil
	}
	return s.failed("delete", s.dialect.delete, key, err)
}

// Propagated implements sinks.PropagationReporter: DCDN reports whether all places have a key.
// ESA has no API for that.
func (s *Sink) Propagated(ctx context.Context, key sinks.Key) (bool, error) {
	ask := s.dialect.status
	if ask.action == "" {
		return false, fmt.Errorf("ask whether %q of %s is everywhere: ESA has no API for that: %w", key, s,
			errors.ErrUnsupported)
	}
	err := s.Limits().CheckKey(key)
	var answer struct{ Complete *bool }
	if err == nil {
		err = s.client.Do(ctx, s.at(ask, key), &answer)
	}
	switch {
	case s.isAbsent(err):
		return false, fmt.Errorf("ask whether %q of %s is everywhere: %w", key, s, sinks.ErrNotFound)
	case err == nil && answer.Complete == nil:
		err = errors.New(`answer has no "Complete"`)
	case err == nil:
		return *answer.Complete, nil
	}
	return false, s.failed("ask for the propagation of", ask, key, err)
}

// isAbsent: a key of a namespace that the next put creates is absent, too.
func (s *Sink) isAbsent(err error) bool {
	return isCode(err, codeNoKey) || s.create && isCode(err, codeNoNamespace)
}

func (s *Sink) createNamespace(ctx context.Context) error {
	err := s.client.Do(ctx, alicloud.Call{
		Action: s.dialect.create.action, Method: s.dialect.create.method,
		Form: url.Values{"Namespace": {s.namespace}, "Description": {"feature flags, published by flagcast"}},
	}, new(any))
	if isCode(err, codeNamespaceExists) {
		return nil
	}
	return err
}

func (s *Sink) at(o operation, key sinks.Key) alicloud.Call {
	return alicloud.Call{
		Action: o.action, Method: o.method,
		Query: url.Values{"Namespace": {s.namespace}, "Key": {string(key)}},
	}
}

// String names the namespace in messages.
func (s *Sink) String() string {
	return fmt.Sprintf("%s namespace %q", s.dialect.product, s.namespace)
}

// Locate implements sinks.Locator.
func (s *Sink) Locate(key sinks.Key) string {
	return fmt.Sprintf("%s, key %q", s, key)
}
