package httpclient

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// Certificate is a certificate with its key, in PEM files that may be replaced
// at any time: cert-manager and others renew them while a process runs.
// It is safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	failed            func(error)

	mu      sync.Mutex
	loaded  *tls.Certificate
	stamps  [2]stamp
	checked time.Time
}

// stamp distinguishes versions of a file.
type stamp struct {
	modified time.Time
	size     int64
}

// NewCertificate reads both files. failed is called once for each version of them
// that cannot be used; the previous certificate stays in use.
func NewCertificate(certFile, keyFile string, failed func(error)) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, failed: failed}
	c.stamps = c.look()
	loaded, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	c.loaded, c.checked = &loaded, time.Now()
	return c, nil
}

// recheck is how often the files are compared, when there are connections.
const recheck = time.Second

// Get returns the newest certificate. Its form is that of
// tls.Config.GetCertificate.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.newest(), nil }

// GetClient is Get for tls.Config.GetClientCertificate.
func (c *Certificate) GetClient(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return c.newest(), nil
}

func (c *Certificate) newest() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= recheck {
		c.checked = now
		if stamps := c.look(); stamps != c.stamps {
			c.stamps = stamps
			if loaded, err := tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
				c.loaded = &loaded
			} else {
				c.failed(fmt.Errorf("read certificate: %w", err))
			}
		}
	}
	return c.loaded
}

func (c *Certificate) look() (stamps [2]stamp) {
	for i, path := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(path); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}
