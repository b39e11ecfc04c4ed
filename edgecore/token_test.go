package edgecore_test

import (
	"strings"
	"testing"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/secret"
)

func TestParseToken(t *testing.T) {
	hex := strings.Repeat("0a", 16)
	for _, tc := range []struct{ text, project, environment, other string }{
		{"*:production.secret", "*", "production", ""},
		{"default:development." + hex, "default", "development", ""},
		{"*:eu.prod." + hex, "*", "eu.prod", "eu"},
		{"*:eu.test." + hex + hex, "*", "eu.test", "eu"},
		{"[]:a.b.c." + hex, "[]", "a.b.c", "a"},
		{"*:eu.prod.v2_abc_def", "*", "eu.prod", "eu"},
		{"default:development.my.secret", "default", "development", "development.my"},
		{"*:eu.prod." + hex[1:], "*", "eu", "eu.prod"},
		{"*:eu.prod." + hex + "g", "*", "eu", "eu.prod"},
		{"*:e.x.", "*", "e", ""},
		{" *:e.x\n", "*", "e", ""},
		{"a:b:c.d", "a", "b:c", ""},
	} {
		token, err := edgecore.ParseToken(secret.New(tc.text))
		if err != nil || token.Project != tc.project || string(token.Environment) != tc.environment ||
			string(token.Other) != tc.other ||
			token.Secret.Reveal() != strings.TrimSpace(tc.text) {
			t.Errorf("%s: %s %q %q, %v", tc.text, token.Project, token.Environment, token.Other, err)
		}
	}
	for _, text := range []string{
		"", "secret", "*:e", "*:e.", "*:.x", ":e.x", "*.development:mysecret", "*:.", "*:.a.b",
	} {
		if token, err := edgecore.ParseToken(secret.New(text)); err == nil {
			t.Errorf("%q is a token of %q", text, token.Environment)
		}
	}
}
