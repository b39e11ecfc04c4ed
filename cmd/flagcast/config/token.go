package config

import (
	"slices"
	"strings"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/internal/secret"
	"github.com/flagcast/flagcast/internal/strictyaml"
)

// TokensByEnvironment groups Tokens by the environment that each names, in
// the order of the configuration.
func (u *Upstream) TokensByEnvironment() map[edgecore.Environment][]edgecore.Token {
	byEnv := map[edgecore.Environment][]edgecore.Token{}
	for _, token := range u.Tokens {
		byEnv[token.Environment] = append(byEnv[token.Environment], token)
	}
	return byEnv
}

// readings lists the environments of tokens in each reading that their texts
// have, sorted.
func readings(tokens []edgecore.Token) environments {
	var list environments
	for _, token := range tokens {
		list = append(list, token.Environment)
		if token.Other != "" {
			list = append(list, token.Other)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// parseToken returns a token, or what is wrong with it, without any of its text.
func parseToken(s secret.Secret) (edgecore.Token, *strictyaml.Problem) {
	token, err := edgecore.ParseToken(s)
	switch {
	case err != nil:
		return token, &strictyaml.Problem{
			Message: "does not look like a token",
			Hint:    "a token looks like project:environment.secret, as Unleash shows it when it is created",
		}
	case strings.ContainsFunc(token.Secret.Reveal(), notInToken):
		return token, &strictyaml.Problem{
			Message: "holds a character that no token has",
			Hint:    "a token is one word of ASCII without quotes and commas; write several as a list",
		}
	case token.Environment == "*":
		return token, &strictyaml.Problem{
			Message: "is a token of all environments, an admin token",
			Hint:    "create a backend token for one environment",
		}
	}
	return token, nil
}

// notInToken holds for what cannot be in the header that carries a token,
// and for what separates tokens.
func notInToken(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\'' || r == ',' }
