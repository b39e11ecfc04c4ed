// Package cloudflare is a sink that stores objects in a namespace of Workers
// KV, through Cloudflare's REST API. Facts about the API are from Cloudflare's
// documentation of Workers KV (limits, REST reference) and from the code of
// cloudflare-go v7.9.0, whose packages kv and option make the requests; its
// root package takes minutes to build and is not used.
package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/kv"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
)

const (
	keyBytes      = 512
	valueBytes    = 25 << 20
	metadataBytes = 1024 // of the serialised JSON
)

// Calls of the API per user or token, from the documentation of its rate limits. After
// one call too many all calls are blocked for callsIn.
const (
	calls   = 1200
	callsIn = 5 * time.Minute
)

// Sink stores objects in one namespace.
type Sink struct {
	config     Config
	namespaces *kv.NamespaceService
	bulk       *http.Client // for calls that carry many objects
	quota      quota
	titles     titles
}

// New makes a sink whose requests use base, or a transport of its own if base is nil.
// It makes no network calls.
func New(c Config, base http.RoundTripper) (*Sink, error) {
	base, err := httpclient.WithProxy(base, c.Proxy)
	if err != nil {
		return nil, err
	}
	return open(c, httpclient.Options{Base: base})
}

func open(c Config, o httpclient.Options) (*Sink, error) {
	if errs := c.Check(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	o.Timeout, o.RetryStatus = c.Timeout, tooMany
	s := &Sink{config: c}
	s.namespaces = kv.NewNamespaceService(
		option.WithBaseURL(strings.TrimRight(c.Endpoint, "/")+"/"),
		option.WithHTTPClient(httpclient.NewClient(o)),
		option.WithMaxRetries(0), // the client above retries
		option.WithMiddleware(s.middleware),
	)
	o.Timeout = 2 * c.Timeout // bulkBytes are twice valueBytes
	s.bulk = httpclient.NewClient(o)
	return s, nil
}

// Limits returns those of Cloudflare's documentation. It states that other locations
// usually see a write within 60 s, and promises no longest time.
func (s *Sink) Limits() sinks.Limits {
	return sinks.Limits{
		KeyBytes: keyBytes, ValueBytes: valueBytes,
		WritePace: time.Second, Propagation: time.Minute,
		Calls: calls, CallsIn: callsIn,
	}
}

// Locate returns the address of the value in the API.
func (s *Sink) Locate(key sinks.Key) string {
	return fmt.Sprintf("%s/accounts/%s/storage/kv/namespaces/%s/values/%s",
		strings.TrimRight(s.config.Endpoint, "/"), s.config.Account, s.config.Namespace, key)
}

// Put writes the value and its metadata. Workers KV stores no content type.
func (s *Sink) Put(ctx context.Context, o sinks.Object) error {
	if err := s.check(o); err != nil {
		return err
	}
	call := fmt.Sprintf("put %q", o.Key)
	if err := s.ready(ctx); err != nil {
		return s.explain(ctx, call, err, false, 0)
	}
	contentType, form := encode(o)
	traced, sent := trace(ctx)
	var params kv.NamespaceValueUpdateParams
	params.AccountID.Value, params.AccountID.Present = s.config.Account, true
	_, err := s.namespaces.Values.Update(traced, s.config.Namespace, string(o.Key), params,
		option.WithRequestBody(contentType, form))
	if err != nil {
		return s.explain(ctx, call, err, sent.Load(), len(o.Body))
	}
	return nil
}

// check returns the error of an object that the service would refuse.
func (s *Sink) check(o sinks.Object) error {
	if err := s.Limits().CheckSize(o); err != nil {
		return fmt.Errorf("cloudflare: put: %w", err)
	}
	if meta := metadata(o); len(meta) > metadataBytes {
		return fmt.Errorf("cloudflare: put %q: metadata has %d bytes as JSON, the limit is %d: %w", o.Key, len(meta),
			metadataBytes, sinks.ErrPermanent)
	}
	return nil
}

// ready returns an error if a call need not be sent.
func (s *Sink) ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", errUnsent, ctx.Err())
	case !pathSafe.MatchString(s.config.Namespace):
		return errNoID
	}
	return nil
}

// trace returns a context that sets sent when an attempt has reached the service, so
// that it may have been applied.
func trace(ctx context.Context) (traced context.Context, sent *atomic.Bool) {
	sent = new(atomic.Bool)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}), sent
}

// metadata returns the JSON of the metadata, nil for none.
func metadata(o sinks.Object) []byte {
	if len(o.Meta) == 0 {
		return nil
	}
	text, _ := json.Marshal(o.Meta) // does not fail for strings
	return text
}

// encode returns the form of a put: the part value, and the part metadata with one JSON
// text. The SDK would encode a map as several parts, which the service ignores.
func encode(o sinks.Object) (contentType string, form []byte) {
	var b bytes.Buffer
	b.Grow(len(o.Body) + 2048)
	w := multipart.NewWriter(&b)
	field := func(name string, content []byte) {
		// Writing to a buffer does not fail.
		part, _ := w.CreateFormField(name)
		_, _ = part.Write(content)
	}
	if meta := metadata(o); meta != nil {
		field("metadata", meta)
	}
	field("value", o.Body)
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}

// Get reads the value. For Limits().Propagation Cloudflare may return an older one, or
// report a new key as absent.
func (s *Sink) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	if err := s.Limits().CheckKey(key); err != nil {
		return nil, fmt.Errorf("cloudflare: get: %w", err)
	}
	call := fmt.Sprintf("get %q", key)
	if err := s.ready(ctx); err != nil {
		return nil, s.explain(ctx, call, err, false, 0)
	}
	var params kv.NamespaceValueGetParams
	params.AccountID.Value, params.AccountID.Present = s.config.Account, true
	resp, err := s.namespaces.Values.Get(ctx, s.config.Namespace, string(key), params)
	if err != nil {
		return nil, s.explain(ctx, call, err, false, 0)
	}
	defer resp.Body.Close()
	body, err := untrusted.ReadBody(resp, valueBytes)
	var large *untrusted.SizeError
	switch {
	case ctx.Err() != nil:
		return nil, s.explain(ctx, call, ctx.Err(), false, 0)
	case errors.As(err, &large):
		return nil, s.explain(ctx, call, fmt.Errorf("the answer has %w, which no value has", err), false, 0)
	case err != nil:
		return nil, s.explain(ctx, call, fmt.Errorf("read the answer: %w", err), false, 0)
	}
	return body, nil
}

// Delete removes the value.
func (s *Sink) Delete(ctx context.Context, key sinks.Key) error {
	if err := s.Limits().CheckKey(key); err != nil {
		return fmt.Errorf("cloudflare: delete: %w", err)
	}
	call := fmt.Sprintf("delete %q", key)
	if err := s.ready(ctx); err != nil {
		return s.explain(ctx, call, err, false, 0)
	}
	var params kv.NamespaceValueDeleteParams
	params.AccountID.Value, params.AccountID.Present = s.config.Account, true
	_, err := s.namespaces.Values.Delete(ctx, s.config.Namespace, string(key), params)
	if err == nil {
		return nil
	}
	if err = s.explain(ctx, call, err, false, 0); errors.Is(err, sinks.ErrNotFound) {
		return nil
	}
	return err
}
