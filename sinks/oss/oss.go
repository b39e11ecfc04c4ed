// Package oss stores snapshots in a bucket of Alibaba Cloud OSS, from where
// browsers, servers and CDNs read them. Facts about the service are from its
// documentation (PutObject, Error responses, "Include a V4 signature in the
// header"), those about the SDK from the code of aliyun-oss-go-sdk v3.0.2.
//
// Requests are signed by version 4: the SDK's default, version 1, is closed to
// accounts made since March 2025.
package oss

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aliyun/aliyun-oss-go-sdk/oss"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/sinks"
	"github.com/flagcast/flagcast/sinks/internal/alicloud"
)

// immutable lets caches keep what never changes for a year. It does not say
// "public", which would let them keep what only a signed request may read.
const immutable = "max-age=31536000, immutable"

// Sink is one bucket, or what is under one prefix of it. It is safe for
// concurrent use.
type Sink struct {
	bucket, region, prefix string
	cacheControl           string
	endpoint               *url.URL
	cname                  bool // endpoint is a domain of the bucket itself
	timeout                time.Duration
	credentials            alicloud.Credentials
	base                   http.RoundTripper
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
	return &Sink{
		bucket: c.Bucket, region: c.Region, prefix: c.Prefix, cacheControl: c.CacheControl,
		endpoint: c.endpoint(), cname: c.CNAME, timeout: c.Timeout, credentials: credentials, base: base,
	}, nil
}

// Limits are those of the documentation. The name of an object has up to 1,023
// bytes, of which prefix takes at most 511 ("Object naming conventions").
// PutObject takes 5 GB, more than a process wants to hold, so that sinks.MaxObject
// is the limit. A write is seen at once ("Strong consistency" in the terms of
// OSS), and no pace is asked for.
func (s *Sink) Limits() sinks.Limits { return sinks.Limits{KeyBytes: 512} }

// Put stores the body, its content type, how long it may be cached, and its
// metadata as x-oss-meta-*. An immutable object that exists already is left as
// it is, and that is a success. A bucket with versioning overwrites it: OSS
// ignores the condition there.
func (s *Sink) Put(ctx context.Context, o sinks.Object) error {
	err := s.put(ctx, o)
	if isCode(err, codeExists) && o.Immutable {
		return nil
	}
	if answer, ok := errors.AsType[*alicloud.Error](err); ok &&
		(answer.Code == codeTooLarge || answer.Status == http.StatusRequestEntityTooLarge) {
		err = fmt.Errorf("%w: %w", err, tooLarge(len(o.Body)))
	}
	return s.failed("put", actionPut, o.Key, err)
}

func (s *Sink) put(ctx context.Context, o sinks.Object) error {
	if err := s.Limits().CheckSize(o); err != nil {
		return err
	}
	options := []sdk.Option{sdk.WithContext(ctx)}
	if o.ContentType != "" {
		options = append(options, sdk.ContentType(o.ContentType))
	}
	cacheControl := s.cacheControl
	if o.Immutable {
		cacheControl = immutable
		options = append(options, sdk.ForbidOverWrite(true))
	}
	if cacheControl != "" {
		options = append(options, sdk.CacheControl(cacheControl))
	}
	for name, value := range o.Meta {
		options = append(options, sdk.Meta(name, headerText(value)))
	}
	// The SDK compares the CRC-64 of what it has sent with that of what is
	// stored.
	return s.call(ctx, actionPut, func(bucket *sdk.Bucket) error {
		return bucket.PutObject(s.prefix+string(o.Key), bytes.NewReader(o.Body), options...)
	})
}

// headerText writes what a header cannot hold as an escape of a Go string, such
// as \u00e9. Digits and digests stay as they are.
func headerText(value string) string {
	quoted := strconv.QuoteToASCII(value)
	return quoted[1 : len(quoted)-1]
}

// Get reads the object whole and compares its CRC-64.
func (s *Sink) Get(ctx context.Context, key sinks.Key) ([]byte, error) {
	body, err := s.get(ctx, key)
	if isCode(err, codeNoKey) {
		return nil, fmt.Errorf("get %q from %s: %w", key, s, sinks.ErrNotFound)
	}
	if err != nil {
		return nil, s.failed("get", actionGet, key, err)
	}
	return body, nil
}

func (s *Sink) get(ctx context.Context, key sinks.Key) ([]byte, error) {
	if err := s.Limits().CheckKey(key); err != nil {
		return nil, err
	}
	var body []byte
	err := s.call(ctx, actionGet, func(bucket *sdk.Bucket) error {
		result, err := bucket.DoGetObject(&sdk.GetObjectRequest{ObjectKey: s.prefix + string(key)},
			[]sdk.Option{sdk.WithContext(ctx)})
		if err != nil {
			return err
		}
		defer func() { _ = result.Response.Close() }()
		if size, err := strconv.ParseInt(result.Response.Headers.Get("Content-Length"), 10, 64); err == nil &&
			size > sinks.MaxObject {
			return &untrusted.SizeError{Max: sinks.MaxObject}
		}
		if body, err = untrusted.ReadAll(result.Response, sinks.MaxObject); err != nil {
			return fmt.Errorf("read the object: %w", err)
		}
		result.Response.ClientCRC = result.ClientCRC.Sum64()
		return sdk.CheckCRC(result.Response, actionGet)
	})
	return body, err
}

// Delete removes the object. OSS itself takes an absent one for a success.
func (s *Sink) Delete(ctx context.Context, key sinks.Key) error {
	return s.failed("delete", actionDelete, key, s.delete(ctx, key))
}

func (s *Sink) delete(ctx context.Context, key sinks.Key) error {
	if err := s.Limits().CheckKey(key); err != nil {
		return err
	}
	return s.call(ctx, actionDelete, func(bucket *sdk.Bucket) error {
		return bucket.DeleteObject(s.prefix+string(key), sdk.WithContext(ctx))
	})
}

// call makes one call of an action with the SDK, of which a client costs a few
// allocations; the connections belong to base and stay.
func (s *Sink) call(ctx context.Context, action string, do func(*sdk.Bucket) error) error {
	return alicloud.With(ctx, s.credentials, action, func(keys alicloud.Keys) error {
		client, err := sdk.New(
			s.endpoint.String(), keys.AccessKeyID, keys.AccessKeySecret.Reveal(),
			sdk.SecurityToken(keys.SecurityToken.Reveal()),
			sdk.AuthVersion(sdk.AuthV4), sdk.Region(s.region), sdk.UserAgent("flagcast"), sdk.UseCname(s.cname),
			sdk.HTTPClient(&http.Client{
				Transport: &transport{base: s.base, timeout: s.timeout, action: action, keys: keys},
			}),
		)
		if err != nil {
			return err
		}
		bucket, err := client.Bucket(s.bucket)
		if err != nil {
			return err
		}
		return alicloud.Cause(do(bucket))
	})
}

// String names the bucket in messages.
func (s *Sink) String() string { return fmt.Sprintf("oss bucket %q", s.bucket) }

// Locate implements sinks.Locator: the URL of the object, which opens where
// the bucket may be read by everyone.
func (s *Sink) Locate(key sinks.Key) string {
	at := *s.endpoint
	at.Path = "/" + s.prefix + string(key)
	switch {
	case s.cname:
	case net.ParseIP(strings.Trim(at.Hostname(), "[]")) != nil:
		at.Path = "/" + s.bucket + at.Path // a number has no names below it
	default:
		at.Host = s.bucket + "." + at.Host
	}
	return at.String()
}
