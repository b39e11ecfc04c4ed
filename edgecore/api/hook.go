package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/flagcast/flagcast/internal/secret"
)

// maxWrongSecrets is how many wrong secrets per second get 401. Further ones get 429.
// The right one is always accepted.
const maxWrongSecrets = 10

// hookRoutes adds the receiver of Unleash's webhook integration, which reports a
// change: upstream is polled at once. The body is not read. Unleash sends the
// Authorization header that is configured in the integration, unchanged.
func (a *api) hookRoutes(mux router) {
	if a.WebhookSecret.IsZero() || a.Trigger == nil {
		return
	}
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flagcast_webhook_requests_total",
		Help: "Calls of Unleash's webhook, by result: accepted, refused, limited.",
	}, []string{"result"})
	a.Registry.MustRegister(calls)
	accepted, refused := calls.WithLabelValues("accepted"), calls.WithLabelValues("refused")
	limited := calls.WithLabelValues("limited")
	known := newComparison(a.WebhookSecret)
	wrong := rate.NewLimiter(maxWrongSecrets, maxWrongSecrets)
	mux.HandleFunc("POST /hooks/unleash", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case known.matches(r.Header.Get("Authorization")): // first: a flood of wrong secrets never blocks it
			accepted.Inc()
			a.Trigger()
			w.WriteHeader(http.StatusAccepted)
		case wrong.Allow():
			refused.Inc()
			writeError(w, http.StatusUnauthorized, "the Authorization header is not the secret of this webhook")
		default:
			limited.Inc()
			w.Header().Set("Retry-After", "1")
			writeError(w, http.StatusTooManyRequests, "too many calls with a wrong secret")
		}
	})
}

// comparison compares strings with a secret.
type comparison struct {
	digest  [sha256.Size]byte
	longest int // bytes of a header that may hold the secret
}

const bearer = "bearer "

func newComparison(s secret.Secret) comparison {
	return comparison{digest: sha256.Sum256([]byte(s.Reveal())), longest: len(s.Reveal()) + len(bearer)}
}

// matches compares in constant time, with or without "Bearer " before the secret.
// A header that is too long is not worth the time to hash it.
func (c *comparison) matches(authorization string) bool {
	if len(authorization) > c.longest {
		return false
	}
	bare := authorization
	if len(bare) > len(bearer) && strings.EqualFold(bare[:len(bearer)], bearer) {
		bare = bare[len(bearer):]
	}
	return c.same(authorization)|c.same(bare) == 1
}

func (c *comparison) same(text string) int {
	given := sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(given[:], c.digest[:])
}
