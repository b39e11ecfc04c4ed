package alicloud

import (
	"testing"

	"github.com/flagcast/flagcast/internal/secret"
)

func TestCleanMasksWholeSecrets(t *testing.T) {
	for _, c := range []struct {
		keys       Keys
		text, want string
	}{
		{
			Keys{"x", secret.New("y"), secret.New("ey")},
			"the key x of a proxy: y, ey, eye",
			"the key [redacted] of a proxy: [redacted], [redacted], eye",
		},
		{
			Keys{"LTAI", secret.New("LTAI-secret"), secret.Secret{}},
			"no key LTAI, sign(LTAI-secretPUT)",
			"no key [redacted], sign([redacted]PUT)",
		},
		{Keys{
			"id-1234", secret.New("abcd"), secret.New("token"),
		}, "Aabcd&token=token", "A[redacted]&[redacted]=[redacted]"},
	} {
		if got := Redact(c.text, c.keys); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
