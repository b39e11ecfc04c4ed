package publish_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/flagcast/flagcast/edgecore/publish"
	"github.com/flagcast/flagcast/sinks"
)

// rewrite lets a person pin the content that was stored first, or unpin.
func (w *world) rewrite(t *testing.T, pin []byte) publish.Outcome {
	t.Helper()
	r := publish.Rewrite{Key: "k", Kind: publish.Unpinned}
	if pin != nil {
		r = publish.Rewrite{Key: "k", Kind: publish.Pinned, Content: pin, Pinned: "an incident"}
	}
	out, err := w.session().Rewrite(t.Context(), r)
	if err != nil {
		t.Error(err)
	}
	return out
}

func (s *store) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.now)
}

// A running publisher leaves a pin alone whatever happens, until it is gone.
func TestPinIsRespected(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(t *testing.T, w *world)
		after   string // the unpin and a reconcile
	}{
		"nothing": {func(*testing.T, *world) {}, "f=off"},
		"a change": {func(t *testing.T, w *world) {
			w.deliver(t, true)
			w.deliver(t, false)
		}, "f=off"},
		"a flip": {func(t *testing.T, w *world) {
			flip := time.Now().Add(30 * time.Minute).UTC().Format(time.RFC3339)
			w.put(t,
				`{"features":[{"name":"f","enabled":true,"strategies":[{"name":"default",`+
					`"constraints":[{"contextName":"currentTime","operator":"DATE_AFTER","value":"`+flip+`"}]}]}]}`)
		}, "f=on"},
		"a restart": {func(t *testing.T, w *world) { w.session() }, "f=off"},
		"a heartbeat": {func(t *testing.T, w *world) {
			w.target.Heartbeat = time.Hour
			stop := w.run(t)
			after(time.Hour)
			stop()
		}, "f=off"},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				stop := w.run(t)
				w.deliver(t, true)
				after(time.Minute)
				first := w.sink.bytes()
				w.deliver(t, false)
				after(5 * time.Minute)
				expect(t, w, "f=off", 2)
				w.rewrite(t, first)
				pinned := w.sink.meta()
				after(time.Second)
				if name == "a restart" || name == "a heartbeat" {
					stop()
				}
				c.happens(t, w)
				if name == "a restart" || name == "a heartbeat" {
					stop = w.run(t)
				}
				after(time.Hour)
				now := w.sink.meta()
				if w.sink.has() != "f=on" || now.Digest != pinned.Digest || now.Pinned != "an incident" ||
					name != "a heartbeat" && now.Seq != pinned.Seq {
					t.Errorf("stored is %+v, pinned was %+v\n%s", now, pinned, w.log)
				}
				if s := w.running.Status(); s.State != "pinned" || s.Keys[0].Pinned != "an incident" ||
					metric(t, w.registry, "pinned", "") != 1 {
					t.Errorf("the status is %+v", s)
				}
				puts := w.sink.count()
				w.rewrite(t, nil)
				if now := w.sink.meta(); now.Pinned != "" || now.Digest != pinned.Digest {
					t.Errorf("unpinned is %+v", now)
				}
				after(time.Minute)
				if puts += 2; c.after == "f=on" { // as the pin
					puts--
				}
				expect(t, w, c.after, puts)
				if s := w.running.Status(); s.State != "ok" && s.State != "unverified" {
					t.Errorf("the status is %+v", s)
				}
				stop()
			})
		})
	}
}

// A read may show the pin for a while after it is gone, and what was there
// before the pin for a while after it is there.
func TestPinAndStaleReads(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		defer w.run(t)()
		w.deliver(t, true)
		after(5 * time.Minute)
		first := w.sink.bytes()
		w.deliver(t, false)
		after(5 * time.Minute)
		w.sink.change(func(s *store) { s.lag = 50 * time.Second })
		w.rewrite(t, first)
		after(2 * time.Minute) // it is seen
		w.sink.change(func(s *store) { s.at = time.Now() })
		w.flags(t, "g")
		after(30 * time.Second) // reads show what was before the pin, again
		if now := w.sink.meta(); now.Pinned == "" {
			t.Errorf("a pin that was seen is overwritten after a stale read")
		}
		w.deliver(t, false)
		after(10 * time.Minute)
		puts := w.sink.count()
		w.rewrite(t, nil)
		after(2 * time.Minute)
		expect(t, w, "f=off", puts+2)
		after(10 * time.Minute)
		expect(t, w, "f=off", puts+2)
	})
}

func TestRewriteRefuses(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		w.deliver(t, true)
		stop := w.run(t)
		after(time.Minute)
		stop()
		stored := w.sink.meta()
		base := &publish.Base{Digest: stored.Digest, Seq: stored.Seq}
		for name, c := range map[string]struct {
			rewrite publish.Rewrite
			before  func()
			err     error // nil: any
		}{
			"something else is stored": {publish.Rewrite{
				Key: "k", Content: w.sink.bytes(), Base: &publish.Base{Digest: "x", Seq: 1},
			}, func() {}, publish.ErrChanged},
			"nothing was to be stored": {
				publish.Rewrite{Key: "k", Content: w.sink.bytes(), Base: &publish.Base{}},
				func() {}, publish.ErrChanged,
			},
			"nothing is stored": {publish.Rewrite{Key: "k"}, func() { w.sink.set(nil) }, nil},
			"deleted since": {publish.Rewrite{Key: "k", Content: w.sink.bytes(), Base: base}, func() {
				w.sink.set(nil)
			}, publish.ErrChanged},
			"damaged":          {publish.Rewrite{Key: "k"}, func() { w.sink.set([]byte("{")) }, nil},
			"not the target's": {publish.Rewrite{Key: "other"}, func() {}, nil},
			"no snapshot":      {publish.Rewrite{Key: "k", Content: []byte(`{}`)}, func() {}, nil},
			"the sink fails": {publish.Rewrite{Key: "k"}, func() {
				w.sink.fail(func() error { return sinks.ErrPermanent }, nil)
			}, sinks.ErrPermanent},
		} {
			whole := w.sink.bytes()
			p := w.session()
			if _, err := p.Stored(t.Context(), "k"); err != nil { // what it has read is not an excuse
				t.Error(err)
			}
			c.before()
			out, err := p.Rewrite(t.Context(), c.rewrite)
			if err == nil || out.Action != "failed" || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%s: %+v, %v", name, out, err)
			}
			w.sink.set(whole)
			w.sink.fail(nil, nil)
		}
		if w.sink.count() != 1 {
			t.Errorf("%d puts", w.sink.count())
		}
		after(time.Second)
		if out, err := w.session().Rewrite(t.Context(), publish.Rewrite{
			Key: "k", Content: w.sink.bytes(), Base: base,
		}); err != nil || out.Action != "published" || out.Seq <= stored.Seq {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

func TestExpect(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		p := w.session()
		if err := p.Check(t.Context(), publish.Rewrite{Key: "k", Base: &publish.Base{}}); err != nil {
			t.Error(err)
		}
		w.deliver(t, true)
		outcomes, err := p.Once(t.Context(), true)
		if err != nil || outcomes[0].Base != (publish.Base{}) {
			t.Errorf("%+v, %v", outcomes, err)
		}
		if err := p.Check(t.Context(), publish.Rewrite{Key: "k", Base: &publish.Base{}}); !errors.Is(err,
			publish.ErrChanged) {
			t.Errorf("%v, want ErrChanged", err)
		}
		if err := p.Check(t.Context(), publish.Rewrite{
			Key: "k", Base: &publish.Base{Digest: outcomes[0].Digest, Seq: outcomes[0].Seq},
		}); err != nil {
			t.Error(err)
		}
	})
}

// After a rewrite the same publisher wants what upstream says, not what it has
// written for a person.
func TestOnceAfterRewrite(t *testing.T) {
	within(t, func(t *testing.T, w *world) {
		p := w.session()
		w.deliver(t, true)
		if _, err := p.Once(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		first := w.sink.bytes()
		after(time.Minute)
		w.deliver(t, false)
		if _, err := p.Once(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Minute)
		if _, err := p.Rewrite(t.Context(), publish.Rewrite{Key: "k", Content: first}); err != nil {
			t.Fatal(err)
		}
		expect(t, w, "f=on", 3)
		after(5 * time.Minute)
		if out, err := p.Once(t.Context(), true); err != nil || out[0].Action != "published" {
			t.Errorf("%+v, %v", out, err)
		}
		expect(t, w, "f=off", 4)
	})
}

func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		set   func(s *store)
		shown bool
		takes time.Duration
	}{
		"at once":         {func(*store) {}, true, 0},
		"after a while":   {func(s *store) { s.lag = 10 * time.Second }, true, 15 * time.Second},
		"never":           {func(s *store) { s.drops = true }, false, 2*time.Minute + 7*time.Second},
		"never, no lag":   {func(s *store) { s.drops, s.limits.Propagation = true, 0 }, false, 0},
		"reads that fail": {func(s *store) { s.lag, s.limits.Propagation = 0, 0 }, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T, w *world) {
				w.sink.change(c.set)
				p := w.session()
				w.deliver(t, true)
				if _, err := p.Once(t.Context(), true); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				if name == "reads that fail" {
					n := 0
					w.sink.change(func(s *store) {
						s.read = func() error {
							if n++; n < 4 {
								return errors.New("503")
							}
							return nil
						}
					})
					c.takes = 7 * time.Second
				}
				if shown := p.Verify(t.Context()); shown != c.shown || time.Since(began) != c.takes {
					t.Errorf("shown: %v after %s, want %v after %s", shown, time.Since(began), c.shown, c.takes)
				}
			})
		})
	}
}
