package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/flagcast/flagcast/edgecore/access"
)

// edge is what other cores, and Unleash Edge, ask.
func (a *api) edge(mux *routes) {
	mux.HandleFunc("POST /edge/validate", a.validate)
	mux.HandleFunc("POST /api/client/metrics/edge", a.instance)
}

// instance takes what an Unleash Edge that asks here tells of itself, for the
// dashboards of Unleash Enterprise. Nobody reads it; a 404 would make it warn.
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

// validate tells which tokens are valid. It asks for no token itself, as
// Unleash does not: who has none learns nothing from it.
func (a *api) validate(w http.ResponseWriter, r *http.Request) {
	var question struct {
		Tokens []string `json:"tokens"`
	}
	if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
		refuse(w, err, `the body is no {"tokens": ["…"]}`)
		return
	}
	if len(question.Tokens) > access.MaxTokens {
		fail(w, http.StatusRequestEntityTooLarge, "too many tokens at once")
		return
	}
	known, err := a.Access.Validate(r.Context(), question.Tokens)
	if err != nil {
		retryLater(w, "the tokens cannot be validated now: upstream does not answer, or is asked about too many")
		return
	}
	list := []validatedToken{}
	for i, k := range known {
		if k != nil {
			list = append(list, validatedToken{
				Token: question.Tokens[i], Type: k.Kind,
				Environment: string(k.Scope.Environment), Projects: k.Scope.Names(),
			})
		}
	}
	writeJSON(w, http.StatusOK, map[string][]validatedToken{"tokens": list})
}

// refuse answers for a body that cannot be read: 413 where it is too large,
// else 400.
func refuse(w http.ResponseWriter, err error, text string) {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		fail(w, http.StatusRequestEntityTooLarge, large.Error())
		return
	}
	fail(w, http.StatusBadRequest, text)
}
