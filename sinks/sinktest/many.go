package sinktest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/flagcast/flagcast/sinks"
)

// The cases of sinks.PutAll and sinks.GetAll, for sinks with calls for many
// objects and for those without.

// many makes keys and bodies, all different.
func (p *tester) many(n int) (keys []sinks.Key, bodies []string) {
	for i := range n {
		keys = append(keys, p.key())
		bodies = append(bodies, fmt.Sprintf(`{"n":%d,"text":"größe-尺寸-🚀 <&> \\ \u2028 `+"\u2028"+`%s"}`, i,
			strings.Repeat("x", 10*i)))
	}
	return keys, bodies
}

// putAll stores objects and returns what sinks.PutAll does.
func (p *tester) putAll(keys []sinks.Key, bodies []string) []error {
	p.Helper()
	var objects []sinks.Object
	for i, key := range keys {
		p.pace(p.Context(), key)
		objects = append(objects, object(key, []byte(bodies[i])))
	}
	errs := sinks.PutAll(p.Context(), p.sink, objects)
	if len(errs) != len(keys) {
		p.Fatalf("a put of %d objects has %d results", len(keys), len(errs))
	}
	return errs
}

// expectAll reads until each key has its body; "" is an absent key.
func (p *tester) expectAll(keys []sinks.Key, bodies []string) {
	p.Helper()
	err := p.until(func() (bool, error) {
		got, errs := sinks.GetAll(p.Context(), p.sink, keys)
		if len(got) != len(keys) || len(errs) != len(keys) {
			p.Fatalf("a get of %d keys has %d bodies and %d errors", len(keys), len(got), len(errs))
		}
		for i, key := range keys {
			switch {
			case bodies[i] == "" && errs[i] == nil:
				return false, fmt.Errorf("the absent key %q has %s, want sinks.ErrNotFound", key, excerpt(got[i]))
			case bodies[i] == "" && !errors.Is(errs[i], sinks.ErrNotFound):
				return false, fmt.Errorf("the absent key %q, want sinks.ErrNotFound: %w", key, errs[i])
			case bodies[i] != "" && errs[i] != nil:
				return false, fmt.Errorf("key %q: %w", key, errs[i])
			case bodies[i] != string(got[i]):
				return false, fmt.Errorf("key %q has %s, want %s", key, excerpt(got[i]), excerpt([]byte(bodies[i])))
			}
		}
		return true, nil
	})
	if err != nil {
		p.Fatalf("get %d keys at once: %v", len(keys), err)
	}
}

func storesMany(p *tester) {
	keys, bodies := p.many(12)
	for range 2 { // new keys, and the same again
		for i, err := range p.putAll(keys, bodies) {
			if err != nil {
				p.Fatalf("put %q: %v", keys[i], err)
			}
		}
		p.expectAll(keys, bodies)
		for i := range bodies {
			bodies[i] = fmt.Sprintf(`{"again":%d}`, i)
		}
	}
	for i, body := range []string{`{"again":0}`, `{"again":1}`} {
		p.expect(keys[i], body)
	}
	if errs := sinks.PutAll(p.Context(), p.sink, nil); len(errs) != 0 {
		p.Errorf("a put of nothing answers %v", errs)
	}
}

// answersForEach: one object that cannot be stored keeps back no other.
func answersForEach(p *tester) {
	keys, bodies := p.many(5)
	const bad, large = 1, 3
	wanted := append([]string(nil), bodies...)
	keys[bad] = "a/b"
	limit := p.sink.Limits().ValueBytes
	if limit > 0 {
		bodies[large], wanted[large] = text('a', limit+1), ""
	}
	for i, err := range p.putAll(keys, bodies) {
		var tooLarge *sinks.TooLargeError
		switch {
		case i == bad && (!errors.Is(err, sinks.ErrPermanent) || errors.As(err, &tooLarge)):
			p.Errorf("the key %q among good ones answers %v, want a permanent error of its own", keys[i], err)
		case i == large && limit > 0 && (!errors.As(err, &tooLarge) || tooLarge.Size != limit+1):
			p.Errorf("an object of %d bytes, one above the limit, among others answers %v, want a *sinks.TooLargeError",
				limit+1, err)
		case i != bad && (i != large || limit == 0) && err != nil:
			p.Errorf("an object beside ones that cannot be stored answers %v", err)
		}
	}
	for i := range keys {
		if i != bad && wanted[i] != "" {
			p.expect(keys[i], wanted[i])
		}
	}
	if limit > 0 {
		p.expectAbsent(keys[large])
	}
}

func readsMany(p *tester) {
	keys, bodies := p.many(4)
	for _, i := range []int{0, 3} {
		p.put(keys[i], bodies[i])
		p.expect(keys[i], bodies[i])
	}
	bodies[1], bodies[2] = "", ""
	p.expectAll(keys, bodies)
	p.expectAll(keys[1:3], bodies[1:3])

	got, errs := sinks.GetAll(p.Context(), p.sink, []sinks.Key{keys[0], "../up", keys[1]})
	if errs[0] != nil || string(got[0]) != bodies[0] {
		p.Errorf("beside a key that is not portable, %q answers %s, %v", keys[0], excerpt(got[0]), errs[0])
	}
	if !errors.Is(errs[1], sinks.ErrPermanent) || errors.Is(errs[1], sinks.ErrNotFound) {
		p.Errorf("a get of the key \"../up\" among others answers %v, want a permanent error", errs[1])
	}
	if !errors.Is(errs[2], sinks.ErrNotFound) {
		p.Errorf("beside a key that is not portable, an absent key answers %v, want sinks.ErrNotFound", errs[2])
	}
}

func cancelledMany(p *tester) {
	keys, bodies := p.many(3)
	p.put(keys[0], bodies[0])
	p.expect(keys[0], bodies[0])
	ended, cancel := context.WithCancel(p.Context())
	cancel()
	var objects []sinks.Object
	for _, key := range keys {
		objects = append(objects, object(key, []byte(`{"new":true}`)))
	}
	puts := sinks.PutAll(ended, p.sink, objects)
	_, gets := sinks.GetAll(ended, p.sink, keys)
	for call, errs := range map[string][]error{"put": puts, "get": gets} {
		for i, err := range errs {
			if !errors.Is(err, context.Canceled) {
				p.Errorf("%s of many objects with an ended context answers %v for %q, want context.Canceled", call, err,
					keys[i])
			}
			if errors.Is(err, sinks.ErrPermanent) || errors.Is(err, sinks.ErrAmbiguous) ||
				errors.Is(err, sinks.ErrNotFound) {
				p.Errorf("%s of many objects with an ended context answers %v for %q: nothing was sent, and the next "+
					"call may work", call, err, keys[i])
			}
		}
	}
	p.expect(keys[0], bodies[0])
	p.expectAbsent(keys[1])
}
