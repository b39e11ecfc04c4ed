package api

import (
	"net/http"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/usage"
)

// Usage collects the reports of SDKs (usage.Collector). An error says what is wrong
// with the body.
type Usage interface {
	Metrics(from usage.Source, body []byte) error
	Bulk(from usage.Source, body []byte) error
	Register(from usage.Source, body []byte) error
	// Evaluated adds one evaluation that this server made for an SDK.
	Evaluated(from usage.Source, e usage.Evaluation)
}

// report passes a body on. The environment is that of the token, whatever the body
// says, and need not have flags yet.
func (a *api) report(kind access.Kind, record func(usage.Source, []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scope, ok := a.scope(w, r, kind)
		if !ok {
			return
		}
		body, ok := a.readBody(w, r, maxUsageBody, kind != access.Client)
		if !ok {
			return
		}
		defer body.release()
		if len(body.bytes) > unbudgeted { // decoded it needs several times as much
			done, err := a.acquireSlot(r.Context())
			if err != nil {
				writeBodyError(w, r, err)
				return
			}
			defer done()
		}
		from := usage.Source{
			Environment: scope.Environment, Projects: scope.Projects, Frontend: kind == access.Frontend,
		}
		if err := record(from, body.bytes); err != nil {
			writeError(w, http.StatusBadRequest, err.Error())
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}
}
