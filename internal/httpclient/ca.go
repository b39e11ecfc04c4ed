package httpclient

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
)

// TLS are the TLS settings of a client. The zero value changes nothing.
type TLS struct {
	CAFile     string       // PEM authorities to trust beside those of the system
	Client     *Certificate // to show to the server
	SkipVerify bool         // accept any certificate of the server
}

// WithTLS returns a copy of base with TLS settings. base nil means
// http.DefaultTransport.
func WithTLS(base *http.Transport, t TLS) (*http.Transport, error) {
	base, err := WithCA(base, t.CAFile)
	if err != nil || t.Client == nil && !t.SkipVerify {
		return base, err
	}
	if base.TLSClientConfig == nil {
		base.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	base.TLSClientConfig.InsecureSkipVerify = t.SkipVerify
	if t.Client != nil {
		base.TLSClientConfig.GetClientCertificate = t.Client.GetClient
	}
	return base, nil
}

// WithCA returns a transport that trusts the authorities of a PEM file beside
// those of the system. base nil means http.DefaultTransport; an empty path
// changes nothing.
func WithCA(base *http.Transport, path string) (*http.Transport, error) {
	if base == nil {
		base = http.DefaultTransport.(*http.Transport)
	}
	base = base.Clone()
	if path == "" {
		return base, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate authorities: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read certificate authorities: %q holds no PEM certificate", path)
	}
	base.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return base, nil
}
