package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/internal/secret"
)

// TestUpstreamTransport: an upstream with a certificate of its own, that wants a client
// certificate, behind a proxy that wants Authorization for itself.
func TestUpstreamTransport(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) != 1 || r.Header.Get("X-Token") != "token" ||
			r.Header.Get("Authorization") != "Basic proxy" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	defer server.Close()

	own := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	// One file with both, as for PEM_CERT_FILE of Unleash Edge.
	both := filepath.Join(t.TempDir(), "client.pem")
	content := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(both, content, 0o600); err != nil {
		t.Fatal(err)
	}
	good := config.Upstream{
		ClientCertFile: both, ClientKeyFile: both, CAFile: both, TokenHeader: "X-Token",
		Headers: map[string]secret.Secret{"authorization": secret.New("Basic proxy")},
	}
	for name, tc := range map[string]struct {
		change func(*config.Upstream)
		code   int // 0: no answer
	}{
		"all of it":             {func(*config.Upstream) {}, 200},
		"nobody is asked":       {func(u *config.Upstream) { u.CAFile, u.SkipVerify = "", true }, 200},
		"an unknown authority":  {func(u *config.Upstream) { u.CAFile = "" }, 0},
		"no client certificate": {func(u *config.Upstream) { u.ClientCertFile = "" }, 0},
		"the usual header":      {func(u *config.Upstream) { u.TokenHeader = "Authorization" }, 403},
	} {
		u := good
		tc.change(&u)
		base, err := newTransport(&u, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		base.DisableKeepAlives = true
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		request.Header.Set("Authorization", "token")
		response, err := withToken(base, &u).RoundTrip(request)
		code := 0
		if err == nil {
			code = response.StatusCode
			_ = response.Body.Close()
		}
		if code != tc.code {
			t.Errorf("%s: %d, want %d (%v)", name, code, tc.code, err)
		}
	}
}
