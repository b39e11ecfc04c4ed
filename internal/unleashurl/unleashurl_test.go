package unleashurl_test

import (
	"testing"

	"github.com/flagcast/flagcast/internal/unleashurl"
)

func TestParse(t *testing.T) {
	for address, want := range map[string]string{
		"https://unleash.example":              "https://unleash.example",
		"https://unleash.example/":             "https://unleash.example",
		"https://unleash.example/api":          "https://unleash.example",
		"https://unleash.example//api//":       "https://unleash.example",
		"http://unleash.example:4242/base/api": "http://unleash.example:4242/base",
		"https://unleash.example/apis":         "https://unleash.example/apis",
		"https://u:p@unleash.example/api?a#b":  "https://u:p@unleash.example",
		"https://unleash.example/a%20b/api/":   "https://unleash.example/a%20b",
	} {
		u, err := unleashurl.Parse(address)
		if err != nil || u.String() != want {
			t.Errorf("%s: %v, %v, want %s", address, u, err, want)
		}
		if want == "https://unleash.example" && unleashurl.Trim(address) != want && u.User == nil {
			t.Errorf("%s: trimmed to %s", address, unleashurl.Trim(address))
		}
	}
	for _, address := range []string{
		"", "unleash.example", "ftp://unleash.example", "https://", "https://a b/", "/api",
	} {
		if u, err := unleashurl.Parse(address); err == nil {
			t.Errorf("%q is %s", address, u)
		}
	}
}
