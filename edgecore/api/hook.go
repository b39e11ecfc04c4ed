package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore/secret"
)

// hook takes a call of Unleash's webhook integration, which says that
// something has changed: upstream is asked at once what. The body is not read.
// Unleash sends the Authorization header that the integration was given, as it
// stands there.
func (a *api) hook(mux *routes) {
	if a.WebhookSecret.IsZero() || a.Nudge == nil {
		return
	}
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flagcast_hooks_total", Help: "Calls of Unleash's webhook, by what came of them: accepted, refused.",
	}, []string{"result"})
	a.Registry.MustRegister(calls)
	accepted, refused := calls.WithLabelValues("accepted"), calls.WithLabelValues("refused")
	mux.HandleFunc("POST /hooks/unleash", func(w http.ResponseWriter, r *http.Request) {
		if !a.knows(r.Header.Get("Authorization")) {
			refused.Inc()
			fail(w, http.StatusUnauthorized, "the Authorization header is not the secret of this hook")
			return
		}
		accepted.Inc()
		a.Nudge()
		w.WriteHeader(http.StatusAccepted)
	})
}

// knows compares in constant time, with or without "Bearer " before the secret.
func (a *api) knows(authorization string) bool {
	bare := authorization
	if len(bare) > 7 && strings.EqualFold(bare[:7], "bearer ") {
		bare = bare[7:]
	}
	return same(authorization, a.WebhookSecret)|same(bare, a.WebhookSecret) == 1
}

func same(text string, s secret.Secret) int {
	given, want := sha256.Sum256([]byte(text)), sha256.Sum256([]byte(s.Reveal()))
	return subtle.ConstantTimeCompare(given[:], want[:])
}
