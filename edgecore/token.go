package edgecore

import (
	"errors"
	"strings"

	"github.com/flagcast/flagcast/internal/secret"
)

// Token is what the text of an Unleash API token says by itself. Whether the
// server has it is another question.
type Token struct {
	// Project is "*" for all projects, "[]" for several whose names only the
	// server has, else the name of one.
	Project     string
	Environment Environment
	Other       Environment   // of the other reading of the text; "" for none
	Secret      secret.Secret // the whole text
}

// ErrToken says that a text does not look like a token.
var ErrToken = errors.New("a token looks like project:environment.secret")

// ParseToken splits a token of the form project:environment.secret. It is the
// only parser of tokens. The name of an environment and a secret made by hand
// may have dots: the text is cut at the last one if what follows is a secret as
// Unleash makes it, else at the first. With several dots Other is the
// environment of the other reading; only the server can say which one is right.
func ParseToken(s secret.Secret) (Token, error) {
	text := strings.TrimSpace(s.Reveal())
	project, rest, ok := strings.Cut(text, ":")
	first, last := strings.IndexByte(rest, '.'), strings.LastIndexByte(rest, '.')
	if !ok || project == "" || first <= 0 || first == len(rest)-1 {
		return Token{}, ErrToken
	}
	at, other := first, last
	if isSecret(rest[last+1:]) {
		at, other = last, first
	}
	t := Token{Project: project, Environment: Environment(rest[:at]), Secret: secret.New(text)}
	if other != at && other < len(rest)-1 {
		t.Other = Environment(rest[:other])
	}
	return t, nil
}

// isSecret reports whether a text is a secret as Unleash makes it: 32 or more
// hexadecimal digits, or one of its second version.
func isSecret(text string) bool {
	return strings.HasPrefix(text, "v2_") || len(text) >= 32 && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}
