package api_test

import (
	"net/http"
	"net/netip"
	"slices"
	"testing"

	"github.com/flagcast/flagcast/edgecore/api"
)

// TestErrorsHaveCORS: a page sees the status of every error below /api, and a
// browser may ask everywhere there. Elsewhere, and in definitions, nothing is for
// pages.
func TestErrorsHaveCORS(t *testing.T) {
	const page = "https://shop.example"
	any, _ := with(t, func(*api.Options) {})
	one, _ := with(t, func(o *api.Options) { o.CORS.Origins = []string{page} })
	denied, _ := with(t, func(o *api.Options) { o.Peers.Deny = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	for _, tc := range []struct {
		f                   *fixture
		method, path, token string
		code                int
		origin              string // allowed
	}{
		{any, "GET", "/api/frontent", frontend, 404, "*"},
		{any, "GET", "/api", "", 404, "*"},
		{any, "GET", "/api/frontend/features/none", frontend, 404, "*"},
		{any, "GET", "/api/client/features/none", backend, 404, "*"},
		{any, "GET", "/api/client/features", frontend, 403, "*"},
		{any, "GET", "/api/client/features", "", 401, "*"},
		{any, "GET", "/api/frontend", backend, 403, "*"},
		{any, "DELETE", "/api/frontend", frontend, 405, "*"},
		{any, "GET", "/api/client/metrics", backend, 405, "*"},
		{any, "GET", "/api/../x", "", 404, "*"},
		{one, "GET", "/api/frontent", frontend, 404, page},
		{one, "GET", "/api/client/features", frontend, 403, page},
		{denied, "GET", "/api/frontend", frontend, 403, "*"},
		{any, "OPTIONS", "/api/frontent", "", 204, "*"},
		{any, "OPTIONS", "/api/client/features", "", 204, "*"},
		{one, "OPTIONS", "/api/client/features", "", 204, page},
		{any, "GET", "/api/client/features", backend, 200, ""},
		{any, "GET", "/apis", "", 404, ""},
		{any, "OPTIONS", "/edge/validate", "", 405, ""},
		{denied, "GET", "/health", "", 403, ""},
	} {
		r := tc.f.ask(tc.method, tc.path, tc.token, "", "Origin", page)
		if got := r.Header.Get("Access-Control-Allow-Origin"); r.StatusCode != tc.code || got != tc.origin {
			t.Errorf("%s %s: %d for %q, want %d for %q", tc.method, tc.path, r.StatusCode, got, tc.code, tc.origin)
		}
		if byOrigin := slices.Contains(r.Header.Values("Vary"), "Origin"); byOrigin != (tc.origin == page) {
			t.Errorf("%s %s: Vary %q", tc.method, tc.path, r.Header.Values("Vary"))
		}
		if tc.code == 204 && r.Header.Get("Access-Control-Allow-Headers") == "" {
			t.Errorf("%s %s: a preflight request without headers that it allows", tc.method, tc.path)
		}
	}
	r := any.ask("POST", "/api/frontend", frontend, "x", "Content-Encoding", "br")
	if r.StatusCode != http.StatusUnsupportedMediaType || r.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	r = one.ask("GET", "/api/frontent", "", "", "Origin", "https://other.example")
	if r.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("any page may read errors: %v", r.Header)
	}
}
