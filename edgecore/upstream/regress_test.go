package upstream_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A lower revision is taken once three answers in a row say so: of two servers
// behind a balancer one may lag, but a restored database stays.
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
			for _, text := range []string{"an older revision: it is taken when three answers", "has gone back to an older revision"} {
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
