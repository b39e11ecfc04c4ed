// Package sinktest holds the contract of sinks.Sink as a test suite, and a
// sink whose calls fail on demand. Every sink runs the suite: against a fake
// or a local runtime always, against a real account when its variables are
// set (Options.Staleness).
package sinktest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/sinks"
)

// Options say what a service takes to be tested. The zero value suits a sink
// that shows a write at once.
type Options struct {
	// Large is the size in bytes of the largest object that is stored and read
	// back. Default 1 MiB; never more than Limits().ValueBytes.
	Large int
	// Staleness is how long a read may show an older state. Above 0 the suite
	// reads until then, waits Limits().WritePace between two writes of one
	// key, and lets concurrent writes of one key be refused, as long as one is
	// accepted: set it for real accounts.
	Staleness time.Duration
}

// Run tests a sink. open returns a sink for one test; all of them may store in
// the same place: the suite makes keys of its own and deletes them.
func Run(t *testing.T, open func(t *testing.T) sinks.Sink, o Options) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sink := open(t)
			if o.Large == 0 {
				o.Large = 1 << 20
			}
			if limit := sink.Limits().ValueBytes; limit > 0 {
				o.Large = min(o.Large, limit)
			}
			c.run(&tester{T: t, sink: sink, options: o, written: map[sinks.Key]time.Time{}})
		})
	}
}

// tester is one test of one sink.
type tester struct {
	*testing.T
	sink    sinks.Sink
	options Options
	written map[sinks.Key]time.Time
}

const callTimeout = 2 * time.Minute

// key makes a key that nothing else uses and that is deleted after the test.
func (p *tester) key() sinks.Key {
	return p.own(sinks.Key("sinktest-" + strings.ToLower(rand.Text())))
}

func (p *tester) own(key sinks.Key) sinks.Key {
	p.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		p.pace(ctx, key)
		if err := p.sink.Delete(ctx, key); err != nil {
			p.Errorf("clean up: delete %q: %v", key, err)
		}
	})
	return key
}

// pace waits until the service takes another write of the key.
func (p *tester) pace(ctx context.Context, key sinks.Key) {
	if last, ok := p.written[key]; ok && p.options.Staleness > 0 {
		wait(ctx, time.Until(last.Add(p.sink.Limits().WritePace)))
	}
	p.written[key] = time.Now()
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func object(key sinks.Key, body []byte) sinks.Object {
	return sinks.Object{
		Key: key, Body: body, ContentType: "application/json",
		Meta: map[string]string{"seq": "1", "digest": "a\"b é"},
	}
}

func (p *tester) put(key sinks.Key, body string) {
	p.Helper()
	p.pace(p.Context(), key)
	if err := p.sink.Put(p.Context(), object(key, []byte(body))); err != nil {
		p.Fatalf("put %q (%d bytes): %v", key, len(body), err)
	}
}

func (p *tester) delete(key sinks.Key) {
	p.Helper()
	p.pace(p.Context(), key)
	if err := p.sink.Delete(p.Context(), key); err != nil {
		p.Fatalf("delete %q: %v", key, err)
	}
}

// expect reads until one of the bodies is there, and returns it.
func (p *tester) expect(key sinks.Key, bodies ...string) string {
	p.Helper()
	var got []byte
	err := p.until(func() (done bool, err error) {
		got, err = p.sink.Get(p.Context(), key)
		for _, b := range bodies {
			done = done || err == nil && string(got) == b
		}
		return done, err
	})
	if err != nil {
		p.Fatalf("get %q: %v", key, err)
	}
	return string(got)
}

// expectAbsent reads until the key is not found.
func (p *tester) expectAbsent(key sinks.Key) {
	p.Helper()
	err := p.until(func() (bool, error) {
		got, err := p.sink.Get(p.Context(), key)
		switch {
		case errors.Is(err, sinks.ErrNotFound):
			return true, nil
		case err == nil:
			err = fmt.Errorf("got %s, want sinks.ErrNotFound", excerpt(got))
		}
		return false, err
	})
	if err != nil {
		p.Fatalf("get the absent key %q: %v", key, err)
	}
}

// until repeats a read until it is done or Options.Staleness has passed; an error is
// repeated, too, since a stale read may say that the key is absent.
func (p *tester) until(read func() (bool, error)) error {
	deadline := time.Now().Add(p.options.Staleness)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		done, err := read()
		switch {
		case done:
			return nil
		case time.Now().Before(deadline):
			wait(p.Context(), pause)
		case err == nil:
			return errors.New("read something else than what was stored")
		default:
			return err
		}
	}
}

func excerpt(b []byte) string {
	if len(b) > 80 {
		return fmt.Sprintf("%d bytes that start with %q", len(b), b[:80])
	}
	return fmt.Sprintf("%q", b)
}

// text makes a JSON string of exactly n bytes, in which no two places look
// alike for long, so that a torn or mixed object is noticed.
func text(mark byte, n int) string {
	b := make([]byte, 0, n+24)
	b = append(b, '"')
	for i := int64(0); len(b) < n; i++ {
		b = append(strconv.AppendInt(append(b, mark), i, 36), ' ')
	}
	return string(append(b[:max(n-1, 1)], '"'))
}
