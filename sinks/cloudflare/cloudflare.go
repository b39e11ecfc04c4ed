// Package cloudflare is a sink that stores objects in a namespace of Workers
// KV, by Cloudflare's REST API. Facts about the API are from Cloudflare's
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
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/kv"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/flagcast/flagcast/edgecore/transport"
	"github.com/flagcast/flagcast/sinks"
)

const (
	keyBytes      = 512
	valueBytes    = 25 << 20
	metadataBytes = 1024 // of the serialised JSON
)

// Sink stores objects in one namespace.
type Sink struct {
	config Config
	values *kv.NamespaceValueService
}

// New makes a sink whose requests go through base, or a transport of its own
// when base is nil. It sends nothing.
func New(c Config, base http.RoundTripper) (*Sink, error) {
	base, err := transport.WithProxy(base, c.Proxy)
	if err != nil {
		return nil, err
	}
	return open(c, transport.Options{Base: base})
}

func open(c Config, o transport.Options) (*Sink, error) {
	if errs := c.Check(); len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	o.Timeout, o.RetryStatus = c.Timeout, tooMany
	s := &Sink{config: c}
	s.values = kv.NewNamespaceValueService(
		option.WithBaseURL(strings.TrimRight(c.Endpoint, "/")+"/"),
		option.WithHTTPClient(transport.NewClient(o)),
		option.WithMaxRetries(0), // the client above retries
		option.WithMiddleware(s.exchange),
	)
	return s, nil
}

// Limits are those of Cloudflare's documentation. It calls 60 s until other
// places see a write usual and promises no longest time.
func (s *Sink) Limits() sinks.Limits {
	return sinks.Limits{
		KeyBytes: keyBytes, ValueBytes: valueBytes,
		WritePace: time.Second, Propagation: time.Minute,
	}
}

// Locate returns the address of the value in the API.
func (s *Sink) Locate(key sinks.Key) string {
	return fmt.Sprintf("%s/accounts/%s/storage/kv/namespaces/%s/values/%s",
		strings.TrimRight(s.config.Endpoint, "/"), s.config.Account, s.config.Namespace, key)
}

// Put writes the value and its metadata. The content type has no place in
// Workers KV and is dropped.
func (s *Sink) Put(ctx context.Context, o sinks.Object) error {
	if err := s.Limits().CheckSize(o); err != nil {
		return fmt.Errorf("cloudflare: put: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cloudflare: put %q: %w", o.Key, err)
	}
	contentType, form, err := encode(o)
	if err != nil {
		return fmt.Errorf("cloudflare: put %q: %w", o.Key, err)
	}
	// Any attempt that has reached the service may have been carried out.
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	var params kv.NamespaceValueUpdateParams
	params.AccountID.Value, params.AccountID.Present = s.config.Account, true
	_, err = s.values.Update(traced, s.config.Namespace, string(o.Key), params, option.WithRequestBody(contentType, form))
	if err != nil {
		return s.explain(fmt.Sprintf("put %q", o.Key), err, sent.Load(), len(o.Body))
	}
	return nil
}

// encode makes the form of a put: the part value, and the part metadata with
// one JSON text. The SDK would spread a map over several parts, which the
// service ignores.
func encode(o sinks.Object) (contentType string, form []byte, err error) {
	var b bytes.Buffer
	b.Grow(len(o.Body) + 2048)
	w := multipart.NewWriter(&b)
	field := func(name string, content []byte) {
		// Writing to a buffer does not fail.
		part, _ := w.CreateFormField(name)
		_, _ = part.Write(content)
	}
	if len(o.Meta) > 0 {
		meta, err := json.Marshal(o.Meta)
		if err != nil {
			return "", nil, err
		}
		if len(meta) > metadataBytes {
			return "", nil, fmt.Errorf("metadata has %d bytes as JSON, the limit is %d: %w", len(meta), metadataBytes, sinks.ErrPermanent)
		}
		field("metadata", meta)
	}
	field("value", o.Body)
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes(), nil
}

// Get reads the value. Cloudflare may answer with an older one, and that a new
// key is absent, for Limits().Propagation.
func (s *Sink) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	if err := s.Limits().CheckKey(key); err != nil {
		return nil, fmt.Errorf("cloudflare: get: %w", err)
	}
	call := fmt.Sprintf("get %q", key)
	var params kv.NamespaceValueGetParams
	params.AccountID.Value, params.AccountID.Present = s.config.Account, true
	resp, err := s.values.Get(ctx, s.config.Namespace, string(key), params)
	if err != nil {
		return nil, s.explain(call, err, false, 0)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, valueBytes+1))
	switch {
	case ctx.Err() != nil:
		return nil, s.explain(call, ctx.Err(), false, 0)
	case err != nil:
		return nil, s.explain(call, fmt.Errorf("read the answer: %w", err), false, 0)
	case len(body) > valueBytes:
		return nil, s.explain(call, fmt.Errorf("the answer has more than %d bytes, which no value has", valueBytes), false, 0)
	}
	return body, nil
}

// Delete removes the value.
func (s *Sink) Delete(ctx context.Context, key sinks.Key) error {
	if err := s.Limits().CheckKey(key); err != nil {
		return fmt.Errorf("cloudflare: delete: %w", err)
	}
	var params kv.NamespaceValueDeleteParams
	params.AccountID.Value, params.AccountID.Present = s.config.Account, true
	_, err := s.values.Delete(ctx, s.config.Namespace, string(key), params)
	if err == nil {
		return nil
	}
	if err = s.explain(fmt.Sprintf("delete %q", key), err, false, 0); errors.Is(err, sinks.ErrNotFound) {
		return nil
	}
	return err
}
