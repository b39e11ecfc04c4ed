package sinktest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/flagcast/flagcast/sinks"
)

// cases is the contract, sentence by sentence.
var cases = []struct {
	name string
	run  func(p *tester)
}{
	{"stores bytes exactly", storesExactly},
	{"stores a large object", storesLarge},
	{"returns what another program has stored, whatever it is", returnsForeign},
	{"replaces the object", replaces},
	{"distinguishes absent from failed", absent},
	{"deletes, twice if asked", deletes},
	{"refuses an object that is too large", tooLarge},
	{"takes the longest key", longestKey},
	{"refuses a key that is not portable", badKeys},
	{"keeps keys apart", keepsKeysApart},
	{"leaves one whole object of concurrent puts", concurrentPuts},
	{"does nothing when the context has ended", cancelledBefore},
	{"leaves a whole object when the context ends", cancelledDuring},
	{"neither keeps nor changes the caller's bytes", bodyIsTheCallers},
	{"stores many objects at once", storesMany},
	{"answers for each of many objects", answersForEach},
	{"reads many keys, absent ones among them", readsMany},
	{"does nothing for many when the context has ended", cancelledMany},
}

func storesExactly(p *tester) {
	bodies := map[string]string{
		"non-ASCII":       `{"toggles":[{"name":"größe-尺寸-🚀"}]}`,
		"white space":     " {\n\t\"a\" : 1\r\n}\n",
		"empty object":    `{}`,
		"one byte":        `0`,
		"form characters": `"a+b%20c&d=e;f=%ZZ --boundary\r\n"`,
		"line separators": "\"\u2028\u2029\ufeff\"",
		"leading BOM":     "\ufeff{}",
		"escapes":         `"\u0000\ud83d\ude80\/"`,
	}
	for name, body := range bodies {
		key := p.key()
		p.put(key, body)
		if got := p.expect(key, body); got != body {
			p.Errorf("%s: got %q, want %q", name, got, body)
		}
	}
}

func storesLarge(p *tester) {
	key, body := p.key(), text('a', p.options.Large)
	p.put(key, body)
	p.expect(key, body)
}

// returnsForeign: a sink does not look into objects. One that no reader can
// make sense of harms neither the sink nor the objects that are read with it.
func returnsForeign(p *tester) {
	deep := min(256<<10, p.options.Large)
	bodies := []string{
		`{"a":1}`, strings.Repeat("[", deep), strings.Repeat(`{"flagcast":`, deep/12),
		"<html>", `"`, "null", `{"flagcast":{"seq":18446744073709551615}}`, `{"b":2}`,
	}
	keys := make([]sinks.Key, len(bodies))
	for i, body := range bodies {
		keys[i] = p.key()
		p.put(keys[i], body)
		p.expect(keys[i], body)
	}
	found, errs := sinks.GetAll(p.Context(), p.sink, keys)
	for i, body := range bodies {
		if errs[i] != nil || string(found[i]) != body {
			p.Errorf("among others: %.40q, %v, want %.40q", found[i], errs[i], body)
		}
	}
}

func replaces(p *tester) {
	key := p.key()
	p.put(key, `{"long":"a longer object than the one that follows"}`)
	p.put(key, `{"b":2}`)
	p.expect(key, `{"b":2}`)
	p.put(key, `{"b":2}`)
	p.expect(key, `{"b":2}`)
}

func absent(p *tester) {
	p.expectAbsent(p.key())
	ended, cancel := context.WithCancel(p.Context())
	cancel()
	if _, err := p.sink.Get(ended, p.key()); err == nil || errors.Is(err, sinks.ErrNotFound) {
		p.Errorf("a get that was not carried out answers %v: it must not look like an absent key", err)
	}
}

func deletes(p *tester) {
	key := p.key()
	p.delete(key)
	p.put(key, `{"a":1}`)
	p.expect(key, `{"a":1}`)
	p.delete(key)
	p.expectAbsent(key)
	p.delete(key)
	p.put(key, `{"a":2}`)
	p.expect(key, `{"a":2}`)
}

func tooLarge(p *tester) {
	limit := p.sink.Limits().ValueBytes
	key := p.key()
	if limit == 0 { // then it takes what is larger than usual
		body := text('a', 4*p.options.Large)
		p.put(key, body)
		p.expect(key, body)
		return
	}
	p.put(key, `{"old":true}`)
	p.expect(key, `{"old":true}`)
	p.pace(p.Context(), key)
	err := p.sink.Put(p.Context(), object(key, []byte(text('a', limit+1))))
	var large *sinks.TooLargeError
	switch {
	case !errors.As(err, &large) || !errors.Is(err, sinks.ErrPermanent):
		p.Fatalf("a put of %d bytes, one above the limit, answers %v, want a permanent *sinks.TooLargeError", limit+1,
			err)
	case large.Size != limit+1 || large.Limit != limit:
		p.Errorf("the error says %d of %d bytes, want %d of %d", large.Size, large.Limit, limit+1, limit)
	}
	p.expect(key, `{"old":true}`)
}

func longestKey(p *tester) {
	limit := p.sink.Limits().KeyBytes
	if limit < 1 || limit > 512 {
		p.Fatalf("Limits().KeyBytes is %d, want 1 to 512", limit)
	}
	key := p.key()
	long := key + sinks.Key(strings.Repeat("k", limit-len(key)))
	p.own(long)
	p.put(key, `{"a":1}`)
	p.put(long, `{"long":true}`)
	p.expect(long, `{"long":true}`)
	p.expect(key, `{"a":1}`)
	p.delete(long)
	p.expectAbsent(long)
	if err := p.sink.Put(p.Context(), object(long+"k", []byte(`{}`))); !errors.Is(err, sinks.ErrPermanent) {
		p.Errorf("a put under a key of %d bytes, one above the limit, answers %v, want a permanent error", limit+1, err)
	}
}

func badKeys(p *tester) {
	for _, key := range []sinks.Key{
		"", ".", "..", "../up", "a/b", "a.b", "a b", "a?b", "a#b", "a%2fb", "ключ", "a\x00",
	} {
		_, getErr := p.sink.Get(p.Context(), key)
		for call, err := range map[string]error{
			"put":    p.sink.Put(p.Context(), object(key, []byte(`{}`))),
			"get":    getErr,
			"delete": p.sink.Delete(p.Context(), key),
		} {
			if !errors.Is(err, sinks.ErrPermanent) {
				p.Errorf("%s of the key %q answers %v, want a permanent error", call, key, err)
			}
		}
	}
}

func keepsKeysApart(p *tester) {
	base := p.key()
	bodies := map[sinks.Key]string{}
	for _, suffix := range []sinks.Key{"-", "_", "-a", "_a", "-A", "-json", "-0"} {
		bodies[p.own(base+suffix)] = `"` + string(suffix) + `"`
	}
	var group sync.WaitGroup
	for key, body := range bodies {
		group.Go(func() {
			if err := p.sink.Put(p.Context(), object(key, []byte(body))); err != nil {
				p.Errorf("put %q: %v", key, err)
			}
		})
	}
	group.Wait()
	for key, body := range bodies {
		p.expect(key, body)
	}
	p.expectAbsent(base)
}

func concurrentPuts(p *tester) {
	key := p.key()
	var bodies []string
	for i := range 8 {
		bodies = append(bodies, text(byte('a'+i), 1+i*p.options.Large/32))
	}
	errs := make([]error, len(bodies))
	var group sync.WaitGroup
	for i, body := range bodies {
		group.Go(func() {
			errs[i] = p.sink.Put(p.Context(), object(key, []byte(body)))
			if got, err := p.sink.Get(p.Context(), key); err == nil && !slices.Contains(bodies, string(got)) {
				p.Errorf("a read beside puts gives a mixture: %s", excerpt(got))
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil && p.options.Staleness == 0 {
			p.Errorf("one of several puts of one key: %v", err)
		}
	}
	if !slices.Contains(errs, nil) {
		p.Fatalf("none of %d concurrent puts was accepted: %v", len(errs), errors.Join(errs...))
	}
	p.expect(key, bodies...)
}

func cancelledBefore(p *tester) {
	key := p.key()
	p.put(key, `{"old":true}`)
	p.expect(key, `{"old":true}`)
	ended, cancel := context.WithCancel(p.Context())
	cancel()
	_, getErr := p.sink.Get(ended, key)
	for call, err := range map[string]error{
		"put":    p.sink.Put(ended, object(key, []byte(`{"new":true}`))),
		"delete": p.sink.Delete(ended, key),
		"get":    getErr,
	} {
		if !errors.Is(err, context.Canceled) {
			p.Errorf("%s with an ended context answers %v, want context.Canceled", call, err)
		}
		if errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrAmbiguous) {
			p.Errorf("%s with an ended context answers %v: nothing was sent, and the next call may work", call, err)
		}
	}
	p.expect(key, `{"old":true}`)
}

func cancelledDuring(p *tester) {
	key := p.key()
	old, replacement := text('o', p.options.Large), text('n', p.options.Large)
	p.put(key, old)
	p.expect(key, old)
	p.pace(p.Context(), key)
	ctx, cancel := context.WithCancel(p.Context())
	answer := make(chan error)
	go func() { answer <- p.sink.Put(ctx, object(key, []byte(replacement))) }()
	cancel()
	err := <-answer
	switch {
	case err == nil:
		p.expect(key, replacement)
	case errors.Is(err, context.Canceled):
		p.expect(key, old, replacement)
	default:
		p.Errorf("a put whose context ends answers %v, want nil or context.Canceled", err)
	}
}

func bodyIsTheCallers(p *tester) {
	key := p.key()
	body := []byte(`{"mine":true}`)
	o := object(key, body)
	meta := len(o.Meta)
	p.pace(p.Context(), key)
	if err := p.sink.Put(p.Context(), o); err != nil {
		p.Fatalf("put: %v", err)
	}
	if string(body) != `{"mine":true}` || len(o.Meta) != meta {
		p.Errorf("the put has changed its object: body %q, meta %v", body, o.Meta)
	}
	copy(body, bytes.Repeat([]byte("x"), len(body)))
	p.expect(key, `{"mine":true}`)
	got, err := p.sink.Get(p.Context(), key)
	if err != nil {
		p.Fatalf("get: %v", err)
	}
	copy(got, bytes.Repeat([]byte("y"), len(got)))
	p.expect(key, `{"mine":true}`)
}
