package compare

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/untrusted"
	"github.com/flagcast/flagcast/test/need"
)

// A server whose answer says that it is too large is not read.
func TestAnswersAreBounded(t *testing.T) {
	endless := &need.Endless{Start: `{"features":[`, Text: "0,", Length: 1 << 40}
	s := &Server{
		URL: "http://unleash.example", Tokens: []secret.Secret{secret.New("*:e.secret")},
		Client: &http.Client{Transport: endless},
	}
	err := s.open(t.Context())
	if large := new(untrusted.SizeError); !errors.As(err, &large) ||
		!strings.Contains(err.Error(), "the answer has more than 268435456 bytes") || endless.Read.Load() > 0 {
		t.Errorf("%v, %d bytes are read", err, endless.Read.Load())
	}
}
