package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// edgeRoutes adds what other cores and Unleash Edge call.
func (a *api) edgeRoutes(mux router) {
	mux.HandleFunc("POST /edge/validate", a.validate)
	mux.HandleFunc("POST /api/client/metrics/edge", a.instance)
}

// instance accepts the report of an Unleash Edge about itself, for the dashboards of
// Unleash Enterprise, and discards it; a 404 would make it log warnings.
func (a *api) instance(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := a.authorize(w, r, access.Client); ok {
		w.WriteHeader(http.StatusAccepted)
	}
}

// validatedToken is a valid token on the wire. Its type is "client", which
// every version of Unleash Edge reads: those before 19.9 do not support "backend".
type validatedToken struct {
	Token       string      `json:"token"`
	Type        access.Kind `json:"type"`
	Environment string      `json:"environment"`
	Projects    []string    `json:"projects"`
}

// validate returns which tokens are valid. It needs no token itself, as in Unleash: a
// caller without tokens learns nothing from it.
func (a *api) validate(w http.ResponseWriter, r *http.Request) {
	body, ok := a.readBody(w, r, maxValidateBody, true)
	if !ok {
		return
	}
	defer body.release()
	tokens, err := tokensOf(body.bytes)
	if err != nil {
		code := http.StatusBadRequest
		if errors.Is(err, errManyTokens) {
			code = http.StatusRequestEntityTooLarge
		}
		writeError(w, code, err.Error())
		return
	}
	known, err := a.Access.Validate(r.Context(), clientOf(r), tokens)
	if err != nil {
		writeUnavailable(w, "the tokens cannot be validated now: upstream does not answer, or is asked about too many")
		return
	}
	list := []validatedToken{}
	for i, k := range known {
		if k != nil {
			list = append(list, validatedToken{
				Token: tokens[i], Type: k.Kind,
				Environment: string(k.Scope.Environment), Projects: k.Scope.Names(),
			})
		}
	}
	a.sendJSON(w, map[string][]validatedToken{"tokens": list})
}

var (
	errManyTokens = fmt.Errorf("more than %d tokens in one request", access.MaxTokens)
	errNoQuestion = errors.New(`invalid body: want {"tokens": ["…"]}`)
)

// tokensOf reads the request of another core. It counts while it reads: a body may
// have many more strings than the limit of tokens.
func tokensOf(body []byte) (tokens []string, err error) {
	if untrusted.CheckJSON(body, untrusted.RequestDepth) != nil {
		return nil, errNoQuestion
	}
	question := gjson.ParseBytes(body)
	list := question.Get("tokens")
	switch {
	case question.IsObject() && list.Type == gjson.Null: // or missing
		return nil, nil
	case !question.IsObject() || !list.IsArray():
		return nil, errNoQuestion
	}
	list.ForEach(func(_, token gjson.Result) bool {
		switch {
		case token.Type != gjson.String:
			err = errNoQuestion
		case len(tokens) == access.MaxTokens:
			err = errManyTokens
		default:
			tokens = append(tokens, token.Str)
		}
		return err == nil
	})
	return tokens, err
}
