package cloudflare

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudflare/cloudflare-go/v7/kv"
	"github.com/cloudflare/cloudflare-go/v7/option"

	"github.com/flagcast/flagcast/sinks"
)

// Limits of the calls for many objects, from the REST reference and, for the
// size of a bulk get, from Workers KV itself ("413 Total size of request
// exceeds the limit of 25MB").
const (
	bulkPutKeys  = 10_000
	bulkGetKeys  = 100
	bulkGetBytes = 25 << 20 // of all values together
	// bulkBytes is half of the limit of a bulk write. What one call has written need
	// not be sent again when the next one fails.
	bulkBytes = 50_000_000
)

// writes is how often a key is sent that the service reports as unsuccessful.
const writes = 3

// pair is an element of a bulk write. Its metadata is an object, not a string with JSON.
type pair struct {
	Key      string            `json:"key"`
	Value    any               `json:"value"` // a string, or bytes as base64
	Base64   bool              `json:"base64,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// PutBatch writes up to 10,000 objects in a call. Keys that the service reports as
// unsuccessful are sent again twice, with a WritePace between; if they are still
// unsuccessful, the error is ErrAmbiguous.
func (s *Sink) PutBatch(ctx context.Context, objects []sinks.Object) []error {
	errs := make([]error, len(objects))
	var left []int // indices
	for i, o := range objects {
		if errs[i] = s.check(o); errs[i] == nil {
			left = append(left, i)
		}
	}
	for n := 1; len(left) > 0; n++ {
		b := &batch{sink: s, objects: objects, errs: errs, again: n > 1}
		for len(left) > 0 {
			left = b.write(ctx, left)
		}
		if left = b.partly; len(left) == 0 {
			break
		}
		err := errPartly
		if n < writes {
			err = wait(ctx, s.Limits().WritePace)
		}
		if err != nil {
			b.fail(left, s.reason(ctx, err, true, 0))
			break
		}
	}
	return errs
}

var errPartly = errors.New("the service reported the key as unsuccessful after 3 attempts")

// wait waits for d. It returns the error of ctx if that ends before.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// batch is one round of writing objects, which are given by their indices.
type batch struct {
	sink    *Sink
	objects []sinks.Object
	errs    []error
	again   bool  // all have been sent before
	partly  []int // reported as unsuccessful
}

func (b *batch) fail(these []int, why *sinks.CallError) {
	if b.again && !slices.Contains(why.Causes, sinks.ErrAmbiguous) {
		why.Causes = append(why.Causes, sinks.ErrAmbiguous)
	}
	for _, i := range these {
		b.errs[i] = callError(why, callOf("put", b.objects[i].Key, len(these)))
	}
}

// callOf describes a call for one of several keys.
func callOf(verb string, key sinks.Key, n int) string {
	if n == 1 {
		return fmt.Sprintf("%s %q", verb, key)
	}
	return fmt.Sprintf("%s %q and %d more", verb, key, n-1)
}

// write makes one call with as many of the objects as possible, and returns the others.
func (b *batch) write(ctx context.Context, all []int) (rest []int) {
	if err := b.sink.ready(ctx); err != nil {
		b.fail(all, b.sink.reason(ctx, err, b.again, 0))
		return nil
	}
	body, n := encodeBatch(b.objects, all, bulkBytes)
	these, rest := all[:n], all[n:]
	traced, sent := trace(ctx)
	var params kv.NamespaceBulkUpdateParams
	params.AccountID.Value, params.AccountID.Present = b.sink.config.Account, true
	result, err := b.sink.namespaces.BulkUpdate(traced, b.sink.config.Namespace, params,
		option.WithRequestBody("application/json", body), option.WithHTTPClient(b.sink.bulk))
	switch {
	case err == nil:
		b.partly = append(b.partly, withKeys(b.objects, these, result.UnsuccessfulKeys)...)
	case n > 1 && tooLarge(err): // for a proxy: every object is within the limit of the service
		for half := range slices.Chunk(these, (n+1)/2) {
			for len(half) > 0 {
				half = b.write(ctx, half)
			}
		}
	default:
		b.fail(these, b.sink.reason(ctx, err, b.again || sent.Load(), len(b.objects[these[0]].Body)))
	}
	return rest
}

// withKeys returns the objects with some keys.
func withKeys(objects []sinks.Object, these []int, keys []string) []int {
	found := make(map[string]bool, len(keys))
	for _, key := range keys {
		found[key] = true
	}
	var list []int
	for _, i := range these {
		if found[string(objects[i].Key)] {
			list = append(list, i)
		}
	}
	return list
}

// encodeBatch returns the body of a bulk write of the first n objects: as many as fit
// into limit bytes, and at least one. The encoder of the SDK does not support bytes, and
// does not return the size.
func encodeBatch(objects []sinks.Object, these []int, limit int) (body []byte, n int) {
	var text bytes.Buffer
	_ = text.WriteByte('[')
	encoder := json.NewEncoder(&text) // writing to a buffer does not fail
	encoder.SetEscapeHTML(false)
	for _, i := range these[:min(len(these), bulkPutKeys)] {
		o, from := objects[i], text.Len()
		p := pair{Key: string(o.Key), Value: string(o.Body), Metadata: o.Meta}
		plain := utf8.Valid(o.Body)
		if plain {
			_ = encoder.Encode(p)
		}
		if !plain || text.Len()-from > 2048+base64.StdEncoding.EncodedLen(len(o.Body)) { // 2,048: key and metadata
			text.Truncate(from)
			p.Value, p.Base64 = o.Body, true
			_ = encoder.Encode(p)
		}
		if n > 0 && text.Len() > limit {
			text.Truncate(from)
			break
		}
		text.Bytes()[text.Len()-1] = ',' // for the line break of the encoder
		n++
	}
	text.Bytes()[text.Len()-1] = ']'
	return text.Bytes(), n
}

func tooLarge(err error) bool {
	a, ok := errors.AsType[*apiError](err)
	return ok && (a.status == http.StatusRequestEntityTooLarge || a.has(codeTooLarge))
}

// GetBatch reads up to 100 values in a call. Values that are not text, or too large to
// be read together, are read by separate calls. The service drops a byte order mark at
// the start of a text, and so does GetBatch, unlike Get.
func (s *Sink) GetBatch(ctx context.Context, keys []sinks.Key) ([][]byte, []error) {
	bodies, errs := make([][]byte, len(keys)), make([]error, len(keys))
	var good []int
	for i, key := range keys {
		if err := s.Limits().CheckKey(key); err != nil {
			errs[i] = fmt.Errorf("cloudflare: get: %w", err)
		} else {
			good = append(good, i)
		}
	}
	for these := range slices.Chunk(good, bulkGetKeys) {
		s.read(ctx, keys, these, bodies, errs)
	}
	return bodies, errs
}

// read makes one call for keys, which are given by their indices.
func (s *Sink) read(ctx context.Context, keys []sinks.Key, these []int, bodies [][]byte, errs []error) {
	if len(these) == 1 {
		i := these[0]
		bodies[i], errs[i] = s.Get(ctx, keys[i])
		return
	}
	values, err := s.values(ctx, keys, these)
	if tooLarge(err) {
		for half := range slices.Chunk(these, (len(these)+1)/2) {
			s.read(ctx, keys, half, bodies, errs)
		}
		return
	}
	if err != nil {
		why := s.reason(ctx, err, false, 0)
		for _, i := range these {
			errs[i] = callError(why, callOf("get", keys[i], len(these)))
		}
		return
	}
	for _, i := range these {
		value, answered := values[string(keys[i])]
		text, isText := value.(string)
		switch {
		case answered && value == nil:
			errs[i] = fmt.Errorf("cloudflare: get %q: %w", keys[i], sinks.ErrNotFound)
		case isText && !strings.ContainsRune(text, utf8.RuneError): // which replaces bytes that are not text
			bodies[i] = []byte(text)
		default:
			bodies[i], errs[i] = s.Get(ctx, keys[i])
		}
	}
}

// values returns strings by key, nil for an absent one.
func (s *Sink) values(ctx context.Context, keys []sinks.Key, these []int) (map[string]any, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	var params kv.NamespaceBulkGetParams
	params.AccountID.Value, params.AccountID.Present = s.config.Account, true
	params.Type.Value, params.Type.Present = kv.NamespaceBulkGetParamsTypeText, true
	params.Keys.Present = true
	for _, i := range these {
		params.Keys.Value = append(params.Keys.Value, string(keys[i]))
	}
	// The decoder of the SDK does not support null.
	var answer []byte
	_, err := s.namespaces.BulkGet(ctx, s.config.Namespace, params,
		option.WithResponseBodyInto(&answer), option.WithHTTPClient(s.bulk))
	if err != nil {
		return nil, err
	}
	var envelope struct {
		Result struct {
			Values map[string]any `json:"values"`
		} `json:"result"`
	}
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return envelope.Result.Values, nil
}
