package httpclient

import (
	"net/http"

	"github.com/flagcast/flagcast/internal/secret"
)

// WithTokenHeader returns a transport that sends the value of Authorization in another
// header, and authorization, if it is set, in its place: for an upstream behind a proxy
// that needs Authorization for itself.
func WithTokenHeader(base http.RoundTripper, name string, authorization secret.Secret) http.RoundTripper {
	if http.CanonicalHeaderKey(name) == "Authorization" {
		return base
	}
	return &tokenHeader{base, name, authorization}
}

type tokenHeader struct {
	base          http.RoundTripper
	name          string
	authorization secret.Secret
}

func (t *tokenHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context()) // a RoundTripper must not change its request
	r.Header.Set(t.name, r.Header.Get("Authorization"))
	r.Header.Del("Authorization")
	if !t.authorization.IsZero() {
		r.Header.Set("Authorization", t.authorization.Reveal())
	}
	return t.base.RoundTrip(r)
}
