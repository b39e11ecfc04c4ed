package upstream_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A lower revision is taken once three answers in a row, over an interval and ten
// seconds at least, say so: of two servers behind a balancer one may lag, but a
// restored database stays.
func TestLowerRevisions(t *testing.T) {
	newest, lagging := flags(9, "x@a", "y@a"), flags(7, "x@a")
	t.Run("two servers", func(t *testing.T) {
		asked := 0
		turns := func(w http.ResponseWriter, r *http.Request) {
			asked++
			if asked%3 == 0 { // newest, newest, lagging, newest, …
				lagging(w, r)
				return
			}
			newest(w, r)
		}
		s := &server{answers: map[string]http.HandlerFunc{allToken: turns}}
		polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
			later(30 * time.Minute)
			f.expect(t, "x y")
			if f.Status().Failures != 0 {
				t.Errorf("an older answer counts as a failure: %+v", f.Status())
			}
		})
	})
	t.Run("two lagging answers in a row", func(t *testing.T) {
		asked := 0
		turns := func(w http.ResponseWriter, r *http.Request) {
			asked++
			if asked%3 == 1 { // newest, lagging, lagging, newest, …
				newest(w, r)
				return
			}
			lagging(w, r)
		}
		s := &server{answers: map[string]http.HandlerFunc{allToken: turns}}
		polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
			later(30 * time.Minute)
			f.expect(t, "x y")
		})
	})
	t.Run("a restored database", func(t *testing.T) {
		s := &server{answers: map[string]http.HandlerFunc{allToken: newest}}
		polling(t, []string{allToken}, s, func(t *testing.T, f *follower) {
			later(time.Minute)
			s.set(allToken, lagging)
			for asked := s.count(); s.count() < asked+2; {
				later(time.Second)
			}
			f.expect(t, "x y")
			for asked := s.count(); s.count() < asked+1; {
				later(time.Second)
			}
			f.expect(t, "x y", "x")
			if got := f.revisions; got[len(got)-1] != 7 {
				t.Errorf("revisions %v", got)
			}
			for _, text := range []string{
				`an older revision from upstream until all answers, at least three, have one for this time" time=15s`,
				"has gone back to an older revision",
			} {
				if !strings.Contains(f.log.String(), text) {
					t.Errorf("the log does not say %q:\n%s", text, f.log.String())
				}
			}
			later(time.Minute)
			s.set(allToken, flags(8, "x@a", "z@a")) // above what was taken: at once
			later(20 * time.Second)
			f.expect(t, "x y", "x", "x z")
		})
	})
}

// TestTriggerBesideALaggingServer: a trigger asks five times within two seconds. A
// server that has the change later than that takes nothing back.
func TestTriggerBesideALaggingServer(t *testing.T) {
	for _, lag := range []time.Duration{750 * ms, 3 * time.Second, 9 * time.Second} {
		t.Run(lag.String(), func(t *testing.T) {
			nudging(t, flags(1, "x@a", "off@a"), func(t *testing.T, c *clocked, f *follower) {
				later(time.Second)
				// The first answer has the change, others are of a server that lags.
				newest, lagging := flags(2, "x@a"), flags(1, "x@a", "off@a")
				asked, changed := 0, time.Now()
				c.set(func(w http.ResponseWriter, r *http.Request) {
					if asked++; asked == 1 || time.Since(changed) > lag {
						newest(w, r)
						return
					}
					lagging(w, r)
				})
				for range 4*lag/(2*time.Second) + 1 { // triggers go on
					f.Trigger()
					later(500 * ms)
				}
				later(time.Minute)
				if asked < 5 {
					t.Errorf("asked %d times", asked)
				}
				f.expect(t, "x off", "x")
			})
		})
	}
}

// TestRestoredDatabase: triggers do not keep it from being taken, nor do failures
// and changes that are made in it meanwhile; and it is taken in time.
func TestRestoredDatabase(t *testing.T) {
	for name, tc := range map[string]struct {
		answers  []http.HandlerFunc // one after the other, the last again and again
		triggers bool
		within   time.Duration
		want     []string
	}{
		"as it is":      {[]http.HandlerFunc{flags(7, "old@a")}, false, 35 * time.Second, []string{"x", "old"}},
		"with triggers": {[]http.HandlerFunc{flags(7, "old@a")}, true, 18 * time.Second, []string{"x", "old"}},
		"changed since": {
			[]http.HandlerFunc{flags(5, "old@a"), flags(6, "old@a"), flags(7, "newer@a")},
			false,
			35 * time.Second,
			[]string{"x", "newer"},
		},
		"no revision": {[]http.HandlerFunc{flags(0, "old@a")}, false, 35 * time.Second, []string{"x", "old"}},
		"failures": {[]http.HandlerFunc{
			flags(7, "old@a"), status(http.StatusNotFound), flags(7, "old@a"), status(http.StatusNotFound),
			flags(7, "old@a"),
		}, false, 90 * time.Second, []string{"x", "old"}},
		"two that lag": {
			alternating(flags(7, "old@a"), flags(6, "older@a")), false, 10 * time.Minute, []string{"x"},
		},
		"one of them":      {alternating(flags(7, "old@a"), flags(9, "x@a")), false, 10 * time.Minute, []string{"x"}},
		"none, of two":     {alternating(flags(0, "old@a"), flags(9, "x@a")), true, 10 * time.Minute, []string{"x"}},
		"not yet, trigger": {[]http.HandlerFunc{flags(7, "old@a")}, true, 9 * time.Second, []string{"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			nudging(t, flags(9, "x@a"), func(t *testing.T, c *clocked, f *follower) {
				later(time.Second)
				asked := 0
				c.set(func(w http.ResponseWriter, r *http.Request) {
					asked++
					tc.answers[min(asked, len(tc.answers))-1](w, r)
				})
				f.Trigger()
				for end := time.Now().Add(tc.within); time.Now().Before(end); {
					if tc.triggers {
						f.Trigger()
					}
					later(250 * ms)
				}
				f.expect(t, tc.want...)
			})
		})
	}
}

// alternating answers in turn, for longer than any test.
func alternating(a, b http.HandlerFunc) []http.HandlerFunc {
	return slices.Repeat([]http.HandlerFunc{a, b}, 1<<14)
}

// TestLowerRevisionOfOneToken: each token has answers of its own.
func TestLowerRevisionOfOneToken(t *testing.T) {
	s := &server{answers: map[string]http.HandlerFunc{aToken: flags(9, "x@a"), bToken: flags(9, "y@b")}}
	polling(t, []string{aToken, bToken}, s, func(t *testing.T, f *follower) {
		s.set(bToken, flags(7, "old@b"))
		s.set(aToken, flags(10, "x@a", "z@a"))
		later(20 * time.Second)
		f.expect(t, "x y", "x y z")
		later(30 * time.Second)
		f.expect(t, "x y", "x y z", "old x z")
	})
}
