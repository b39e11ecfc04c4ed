package httpclient_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flagcast/flagcast/internal/httpclient"
	"github.com/flagcast/flagcast/internal/secret"
)

// writeCertificate writes a certificate for a name, with its key, into files.
func writeCertificate(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		"cert": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// age makes files as old as nothing else is, so that a change is one whatever
// the clock of the file system is.
func age(t *testing.T, dir string, hours int) {
	t.Helper()
	at := time.Date(2001, 1, 1, hours, 0, 0, 0, time.UTC)
	for _, file := range []string{"cert", "key"} {
		if err := os.Chtimes(filepath.Join(dir, file), at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir, "first")
	age(t, dir, 1)
	synctest.Test(t, func(t *testing.T) {
		var failures []error
		c, err := httpclient.NewCertificate(filepath.Join(dir, "cert"), filepath.Join(dir, "key"), func(err error) {
			failures = append(failures, err)
		})
		if err != nil {
			t.Fatal(err)
		}
		expect := func(want string) {
			t.Helper()
			got, err := c.Get(nil)
			if err != nil || got.Leaf.Subject.CommonName != want {
				t.Errorf("%v %v, want %s", got.Leaf.Subject, err, want)
			}
		}
		expect("first")
		writeCertificate(t, dir, "second")
		age(t, dir, 2)
		expect("first") // not looked at again yet
		time.Sleep(time.Second)
		expect("second")
		if err := os.WriteFile(filepath.Join(dir, "cert"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(time.Second)
			expect("second")
		}
		if len(failures) != 1 {
			t.Errorf("%d failures are told, want 1: %v", len(failures), failures)
		}
		writeCertificate(t, dir, "third")
		age(t, dir, 3)
		time.Sleep(time.Second)
		if got, _ := c.GetClient(nil); got.Leaf.Subject.CommonName != "third" {
			t.Errorf("%v, want third", got.Leaf.Subject)
		}
	})
	if _, err := httpclient.NewCertificate(filepath.Join(dir, "none"), filepath.Join(dir, "key"), nil); err == nil {
		t.Error("a certificate that is not there is used")
	}
}

type recorder struct{ header http.Header }

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.header = request.Header
	return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
}

func TestTokenHeader(t *testing.T) {
	for _, tc := range []struct{ name, authorization, wantToken, wantAuthorization string }{
		{"X-Unleash", "", "token", ""},
		{"X-Unleash", "Basic x", "token", "Basic x"},
		{"authorization", "", "", "token"},
	} {
		base := &recorder{}
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://unleash.example", nil)
		request.Header.Set("Authorization", "token")
		if _, err := httpclient.WithTokenHeader(base, tc.name, secret.New(tc.authorization)).RoundTrip(
			request); err != nil {
			t.Fatal(err)
		}
		if base.header.Get("X-Unleash") != tc.wantToken || base.header.Get("Authorization") != tc.wantAuthorization {
			t.Errorf("%+v: %v", tc, base.header)
		}
		if request.Header.Get("Authorization") != "token" {
			t.Errorf("%+v: the caller's request has changed", tc)
		}
	}
}
