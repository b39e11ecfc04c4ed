package listen

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/test/need"
)

func TestRedirect(t *testing.T) {
	h := redirect(newTestHandler(t), &net.TCPAddr{Port: 3043})
	usual := redirect(newTestHandler(t), &net.TCPAddr{Port: 443})
	for _, tc := range []struct {
		h                http.Handler
		host, path, want string
	}{
		{h, "flags.example:3063", "/api/frontend?userId=7", "https://flags.example:3043/api/frontend?userId=7"},
		{h, "flags.example", "/a%2Fb", "https://flags.example:3043/a%2Fb"},
		{h, "[::1]:3063", "/", "https://[::1]:3043/"},
		{usual, "flags.example:80", "/", "https://flags.example/"},
		{usual, "[::1]:80", "/", "https://[::1]/"},
		{h, "flags.example", "//evil.example/", "https://flags.example:3043//evil.example/"},
		{h, "flags.example", "/health", ""},
		{h, "flags.example", "/internal-backstage/ready", ""},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		u := *r.URL
		path, query, _ := strings.Cut(tc.path, "?")
		u.Path, u.RawPath, u.RawQuery = strings.ReplaceAll(path, "%2F", "/"), path, query
		r.URL, r.Host = &u, tc.host
		w := httptest.NewRecorder()
		tc.h.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != tc.want || tc.want != "" && w.Code != 308 {
			t.Errorf("%s%s: %d %q, want %q", tc.host, tc.path, w.Code, got, tc.want)
		}
	}
}

// TestRedirectInBrowsers: a page learns of a redirect, and its preflight request is
// answered: a browser does not follow a redirect of one.
func TestRedirectInBrowsers(t *testing.T) {
	h := redirect(newTestHandler(t), &net.TCPAddr{Port: 443})
	for method, code := range map[string]int{"OPTIONS": 204, "GET": 308, "POST": 308} {
		r := httptest.NewRequest(method, "/api/frontend", nil)
		r.Header.Set("Origin", "https://shop.example")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		header := w.Result().Header
		if w.Code != code || header.Get("Access-Control-Allow-Origin") != "*" ||
			header.Get("Cache-Control") != "no-store" ||
			header.Get("X-Content-Type-Options") != "nosniff" || (header.Get("Location") == "") != (code == 204) {
			t.Errorf("%s: %d %v", method, w.Code, header)
		}
	}
}

// TestStrictTransport: with tls.redirect answers by TLS make browsers stay there,
// unless the client names a port, which a browser would keep.
func TestStrictTransport(t *testing.T) {
	certificate, key := filepath.Join(t.TempDir(), "c.pem"), filepath.Join(t.TempDir(), "k.pem")
	if err := need.Certificate(certificate, key); err != nil {
		t.Fatal(err)
	}
	for _, redirects := range []bool{true, false} {
		cfg := config.API{Listen: "127.0.0.1:0"}
		cfg.TLS.Listen, cfg.TLS.CertFile, cfg.TLS.KeyFile, cfg.TLS.Redirect = "127.0.0.1:0", certificate, key, redirects
		l, err := Open(&cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		group, running := errgroup.WithContext(ctx)
		l.Serve(running, group, newTestHandler(t), &cfg, slog.New(slog.DiscardHandler))
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		for host, want := range map[string]bool{
			"flags.example": redirects, "flags.example:443": redirects, "flags.example:3043": false,
		} {
			r, err := http.NewRequest("GET", "https://"+l.Encrypted.Addr().String()+"/health", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			response, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if got := response.Header.Get("Strict-Transport-Security"); response.StatusCode != 200 ||
				(got != "") != want {
				t.Errorf("%s with redirect %v: %d %q", host, redirects, response.StatusCode, got)
			}
		}
		transport.CloseIdleConnections()
		end()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	}
}
