package upstream_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flagcast/flagcast/internal/secret"
)

// isFrontend of every poll of these tests.
func isFrontend(_ context.Context, token secret.Secret) bool {
	return strings.Contains(token.Reveal(), "frontend")
}

// A list of tokens for Unleash Edge may hold some of the frontend API: they
// keep no client from getting flags. A backend token that is refused does.
func TestPollLeavesFrontendTokensOut(t *testing.T) {
	const ui = "*:production.frontend-secret"
	s := &server{
		answers: map[string]http.HandlerFunc{
			ui: status(http.StatusForbidden), aToken: flags(1, "x@a"), bToken: status(http.StatusForbidden),
		},
	}
	polling(t, []string{ui, aToken, bToken}, s, func(t *testing.T, f *follower) {
		f.expect(t)
		s.set(bToken, flags(1, "y@b"))
		later(time.Minute)
		f.expect(t, "x y")
		before := s.count()
		later(time.Minute)
		s.mu.Lock()
		later := s.asked[before:]
		s.mu.Unlock()
		if len(later) == 0 || slices.ContainsFunc(later, func(r *http.Request) bool {
			return r.Header.Get("Authorization") == ui
		}) {
			t.Errorf("of %d requests some are with the frontend token", len(later))
		}
		if n := strings.Count(f.log.String(), "for the frontend API"); n != 1 {
			t.Errorf("told %d times:\n%s", n, &f.log)
		}
	})
	alone := &server{answers: map[string]http.HandlerFunc{ui: status(http.StatusForbidden)}}
	polling(t, []string{ui}, alone, func(t *testing.T, f *follower) {
		if f.Status().Err == nil {
			t.Error("a frontend token alone is no fault")
		}
	})
}
