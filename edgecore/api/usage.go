package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/usage"
)

// Usage takes what SDKs report (usage.Collector). An error says what is wrong
// with the body.
type Usage interface {
	Metrics(from usage.Source, body []byte) error
	Bulk(from usage.Source, body []byte) error
	Register(from usage.Source, body []byte) error
}

// report hands a body on. The token says which environment it is about,
// whatever the body says; that flags of it are there does not matter.
func (a *api) report(kind access.Kind, take func(usage.Source, []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scope, ok := a.scope(w, r, kind)
		if !ok {
			return
		}
		body, err := io.ReadAll(r.Body)
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit))
			return
		case err != nil:
			fail(w, http.StatusBadRequest, "the request body broke off")
			return
		}
		from := usage.Source{Environment: scope.Environment, Projects: scope.Projects, Frontend: kind == access.Frontend}
		if err := take(from, body); err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}
}
