package api_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore/api"
)

// TestHeadersOfEveryAnswer: errors and answers alike say what they depend on, who
// may keep them, and that their type is not a guess.
func TestHeadersOfEveryAnswer(t *testing.T) {
	f, _ := with(t, func(o *api.Options) {
		everything(o)
		o.TokenHeader = "X-Unleash"
		o.Peers.Deny = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	})
	const vary = "Accept-Encoding, X-Unleash"
	for _, tc := range []struct {
		method, path, token string
		code                int
		cache, vary         string
	}{
		{"GET", "/api/frontend", frontend, 200, "no-cache", vary},
		{"GET", "/api/frontend", "", 401, "no-store", vary},
		{"GET", "/api/frontend", backend, 403, "no-store", vary},
		{"GET", "/api/frontend/features/none", frontend, 404, "no-store", vary},
		{"PUT", "/api/frontend", frontend, 405, "no-store", vary},
		{"GET", "/api/client/features", backend, 200, "no-cache", vary},
		{"GET", "/api/client/features", "", 401, "no-store", vary},
		{"GET", "/api/client/features/none", backend, 404, "no-store", vary},
		{"POST", "/api/client/metrics/edge", backend, 202, "no-store", vary},
		{"OPTIONS", "/api/frontend", "", 204, "no-store", vary},
		{"GET", "/api/none", "", 404, "no-store", vary},
		{"GET", "/none", "", 404, "no-store", ""},
		{"POST", "/edge/validate", "", 200, "no-store", ""},
		{"POST", "/hooks/unleash", "", 401, "no-store", ""},
		{"GET", "/health", "", 200, "no-store", ""},
		{"GET", "/ready", "", 503, "no-store", ""}, // one environment has no flags
		{"GET", "/docs/openapi.json", "", 200, "no-cache", ""},
		{"GET", "/internal-backstage/targets", "", 200, "no-store", ""},
		{"GET", "/internal-backstage/features", "", 200, "no-store", ""},
		{"GET", "/internal-backstage/tokens", "", 200, "no-store", ""},
		// Both by promhttp: the form of the metrics, and its compression.
		{"GET", "/internal-backstage/metrics", "", 200, "no-store", "Accept, Accept-Encoding"},
	} {
		body := ""
		if tc.path == "/edge/validate" {
			body = "{}"
		}
		r := f.ask(tc.method, tc.path, "", body, "X-Unleash", tc.token)
		h := r.Header
		if r.StatusCode != tc.code || h.Get("Cache-Control") != tc.cache ||
			strings.Join(h.Values("Vary"), ", ") != tc.vary ||
			h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %d, want %d: %v", tc.method, tc.path, r.StatusCode, tc.code, h)
		}
	}
}

// TestPostIsAnsweredWhole: 304 is for GET and HEAD alone, as in Unleash.
func TestPostIsAnsweredWhole(t *testing.T) {
	f, _ := with(t, func(*api.Options) {})
	for path, token := range map[string]string{
		"/api/client/features": backend, "/api/frontend/all": frontendB, "/api/frontend/features/for-7": frontendB,
	} {
		etag := f.ask("POST", path, token, "").Header.Get("ETag")
		r := f.ask("POST", path, token, "", "If-None-Match", etag)
		if r.StatusCode != 200 || r.Header.Get("ETag") != etag || text(t, r) == "" {
			t.Errorf("POST %s: %d %v", path, r.StatusCode, r.Header)
		}
		for _, method := range []string{"GET", "HEAD"} {
			if r := f.ask(method, path, token, "", "If-None-Match", etag); r.StatusCode != 304 {
				t.Errorf("%s %s: %d", method, path, r.StatusCode)
			}
		}
	}
}
