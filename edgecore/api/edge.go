package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// edge is what other cores, and Unleash Edge, ask.
func (a *api) edge(mux *routes) {
	mux.HandleFunc("POST /edge/validate", a.validate)
	mux.HandleFunc("POST /api/client/metrics/edge", a.instance)
}

// instance takes what an Unleash Edge that asks here reports of itself, for the
// dashboards of Unleash Enterprise. It is not read; a 404 would make it warn.
func (a *api) instance(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := a.admit(w, r, access.Client); ok {
		w.WriteHeader(http.StatusAccepted)
	}
}

// validatedToken is a valid token on the wire. Its type is "client", which
// every version of Unleash Edge reads: those before 19.9 know no "backend".
type validatedToken struct {
	Token       string      `json:"token"`
	Type        access.Kind `json:"type"`
	Environment string      `json:"environment"`
	Projects    []string    `json:"projects"`
}

// validate says which tokens are valid. It asks for no token itself, as
// Unleash does not: who has none learns nothing from it.
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
		fail(w, code, err.Error())
		return
	}
	known, err := a.Access.Validate(r.Context(), clientOf(r), tokens)
	if err != nil {
		retryLater(w, "the tokens cannot be validated now: upstream does not answer, or is asked about too many")
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
	errManyTokens = fmt.Errorf("more than %d tokens at once", access.MaxTokens)
	errNoQuestion = errors.New(`the body is not {"tokens": ["…"]}`)
)

// tokensOf reads the question of another core. It counts while it reads: a body
// may have many more texts than tokens that are taken.
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
