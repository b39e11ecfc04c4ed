package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/flagcast/flagcast/cmd/flagcast/config"
	"github.com/flagcast/flagcast/cmd/flagcast/exit"
	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/internal/secret"
)

// tokensTimeout bounds the question about tokens whose text has two readings.
const tokensTimeout = 5 * time.Second

// resolveTokens asks which environment tokens of the configuration are for where
// their texts have two readings: what the validator says counts. Where it says
// nothing the reading of the text stays, with a warning. validator nil: there is
// none to ask. It returns an error if a target publishes an environment that no
// token is for.
func resolveTokens(ctx context.Context, c *config.Config, validator access.Validator, log *slog.Logger) error {
	type place struct {
		token *edgecore.Token
		name  string
	}
	var open []place
	for _, list := range []struct {
		name   string
		tokens []edgecore.Token
	}{
		{"upstream.tokens", c.Upstream.Tokens}, {
			"api.backend_tokens", c.API.BackendTokens,
		}, {"api.frontend_tokens", c.API.FrontendTokens},
	} {
		for i := range list.tokens {
			if list.tokens[i].Other != "" {
				open = append(open, place{&list.tokens[i], fmt.Sprintf("token %d of %s", i+1, list.name)})
			}
		}
	}
	if len(open) == 0 {
		return nil
	}
	known := make([]*access.TokenInfo, len(open))
	if validator != nil {
		asking, cancel := context.WithTimeout(ctx, tokensTimeout)
		defer cancel()
		texts := make([]secret.Secret, len(open))
		for i, p := range open {
			texts[i] = p.token.Secret
		}
		if answers, err := validator.Validate(asking, texts); err == nil {
			known = answers
		}
	}
	for i, p := range open {
		if known[i] != nil {
			p.token.Environment, p.token.Other = known[i].Scope.Environment, ""
			continue
		}
		log.Warn(
			"a token may be for two environments: the first is used until upstream confirms one by /edge/validate at "+
				"a start",
			"token", p.name, "environment", p.token.Environment, "other", p.token.Other)
	}
	return checkTargets(c)
}

// checkTargets returns an error for a target of an environment that no token of
// upstream is for.
func checkTargets(c *config.Config) error {
	if c.Upstream.File != "" {
		return nil
	}
	byEnv := c.Upstream.TokensByEnvironment()
	for _, t := range c.Targets {
		if byEnv[t.Environment] == nil {
			var list []edgecore.Environment
			for env := range byEnv {
				list = append(list, env)
			}
			slices.Sort(list)
			return exit.With(exit.Usage,
				fmt.Errorf("target %q publishes environment %q, and no token of upstream is for it", t.Name,
					t.Environment),
				"the tokens are for "+JoinNames(list))
		}
	}
	return nil
}
