package edgecore

import (
	"errors"
	"strings"

	"github.com/flagcast/flagcast/edgecore/secret"
)

// Token is what the text of an Unleash API token says by itself. Whether the
// server knows it is another question.
type Token struct {
	// Project is "*" for all projects, "[]" for several whose names only the
	// server knows, else the name of one.
	Project     string
	Environment Environment
	Secret      secret.Secret // the whole text
}

// ErrToken says that a text does not look like a token.
var ErrToken = errors.New("a token looks like project:environment.secret")

// ParseToken splits a token of the form project:environment.secret, at the
// first colon and the first dot behind it.
func ParseToken(s secret.Secret) (Token, error) {
	project, rest, ok := strings.Cut(strings.TrimSpace(s.Reveal()), ":")
	environment, key, dot := strings.Cut(rest, ".")
	if !ok || !dot || project == "" || environment == "" || key == "" {
		return Token{}, ErrToken
	}
	return Token{Project: project, Environment: Environment(environment), Secret: secret.New(strings.TrimSpace(s.Reveal()))}, nil
}
