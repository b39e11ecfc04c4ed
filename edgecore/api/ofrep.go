package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/eval"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/edgecore/usage"
	"github.com/flagcast/flagcast/internal/untrusted"
)

// ofrepPath is the path of the OpenFeature Remote Evaluation Protocol, version 0.3
// (open-feature/protocol), which providers of OpenFeature speak.
const ofrepPath = "/ofrep/v1/evaluate/flags"

// ofrepApp is the name of the application under which Unleash lists evaluations:
// providers send none.
const ofrepApp = "ofrep"

func (a *api) ofrepRoutes(mux router) {
	for path, handle := range map[string]http.HandlerFunc{
		ofrepPath: a.ofrepAll, ofrepPath + "/{name}": a.ofrepOne,
	} {
		mux.HandleFunc("POST "+path, a.cors.wrap(handle))
		mux.HandleFunc("OPTIONS "+path, a.cors.preflight)
	}
	mux.HandleFunc(noticesRoute, a.cors.wrap(a.ofrepStream))
}

// isOFREP reports whether a path is of this protocol.
func isOFREP(path string) bool { return strings.HasPrefix(path, "/ofrep/") }

// errorCode is one of OpenFeature.
type errorCode string

const (
	flagNotFound   errorCode = "FLAG_NOT_FOUND"
	parseError     errorCode = "PARSE_ERROR"
	invalidContext errorCode = "INVALID_CONTEXT"
)

// ofrepError is the body of an error. Key is of one evaluation.
type ofrepError struct {
	Key     string    `json:"key,omitempty"`
	Code    errorCode `json:"errorCode,omitempty"`
	Details string    `json:"errorDetails"`
}

// ofrepOne evaluates one flag, and counts the evaluation as an SDK's.
func (a *api) ofrepOne(w http.ResponseWriter, r *http.Request) {
	scope, st, c, done, ok := a.ofrepRequest(w, r)
	if !ok {
		return
	}
	defer done()
	key := r.PathValue("name")
	name, boolean := flagOfKey(key)
	f, known := st.Program.Lookup(name)
	if !known || !scope.Sees(f.Project) {
		writeJSON(w, http.StatusNotFound, ofrepError{key, flagNotFound, "no such flag"})
		return
	}
	result := st.Program.Evaluate(f.Name, c)
	a.Usage.Evaluated(usage.Source{
		Environment: scope.Environment, Projects: scope.Projects, Frontend: true,
	}, usage.Evaluation{App: ofrepApp, Flag: f.Name, Variant: result.Variant.Name, Enabled: result.Enabled})
	body, fault := appendEvaluation(nil, key, boolean, &f, result)
	if fault != nil {
		writeJSON(w, http.StatusBadRequest, *fault)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	a.send(w, append(body, '\n'))
}

// ofrepAll evaluates every flag of the scope, with one seed. A flag that may have a
// payload is there under two keys: see flagOfKey.
func (a *api) ofrepAll(w http.ResponseWriter, r *http.Request) {
	scope, st, c, done, ok := a.ofrepRequest(w, r)
	if !ok {
		return
	}
	defer done()
	view := st.Program.NewView(c)
	payloads := a.payloadsOf(st)
	b := []byte(`{"flags":[`)
	flags := st.Program.Flags()
	for i := range flags {
		f := &flags[i]
		if !scope.Sees(f.Project) {
			continue
		}
		result := view.Flag(i)
		for _, boolean := range []bool{false, true} {
			if boolean && !payloads[f.Name] {
				continue
			}
			key := f.Name
			if boolean {
				key += enabledSuffix
			}
			one, fault := appendEvaluation(b, key, boolean, f, result)
			if fault != nil {
				one = appendFault(b, fault)
			}
			b = append(one, ',')
		}
	}
	b = append(trimComma(b), ']')
	etag := etagOf(b)    // of the flags alone: the ticket changes without them
	if hasTag(r, etag) { // of a POST, too: the protocol has no other method
		w.Header().Set("ETag", etag)
		w.Header().Set("Cache-Control", "no-cache")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	b = append(a.appendStreams(b, tokenOfOFREP(r, a.tokenHeader())), "}\n"...)
	a.respondTagged(w, r, etag, false, b, func() {})
}

// ofrepRequest reads the token and the context of a request. If ok is false, the
// response has been written.
func (a *api) ofrepRequest(w http.ResponseWriter, r *http.Request) (
	scope access.Scope, st *state.State, c *eval.Context, done func(), ok bool,
) {
	scope, err := a.Access.Check(r.Context(), clientOf(r), tokenOfOFREP(r, a.tokenHeader()), access.Frontend)
	if err == nil {
		st, err = a.States.Load(scope.Environment)
	}
	if err != nil {
		writeOFREPRefusal(w, err)
		return scope, nil, nil, nil, false
	}
	body, ok := a.readBody(w, r, maxContextBody, true)
	if !ok {
		return scope, nil, nil, nil, false
	}
	given, fault := ofrepContext(body.bytes)
	if fault != nil {
		body.release()
		fault.Key = r.PathValue("name")
		writeJSON(w, http.StatusBadRequest, *fault)
		return scope, nil, nil, nil, false
	}
	setDefaults(&given, scope.Environment)
	setFromRequest(&given, r)
	return scope, st, &given, body.release, true
}

// tokenOfOFREP returns what a request has in a header for tokens.
func tokenOfOFREP(r *http.Request, header string) string {
	if token := r.Header.Get(header); token != "" {
		return token
	}
	return r.Header.Get("X-API-Key")
}

func writeOFREPRefusal(w http.ResponseWriter, err error) {
	code, text := http.StatusUnauthorized, "neither Authorization nor X-API-Key has a known frontend token"
	switch {
	case errors.Is(err, access.ErrForbidden):
		code, text = http.StatusForbidden, "this token is not for the frontend API"
	case errors.Is(err, access.ErrUnavailable), errors.Is(err, access.ErrUncovered), errors.Is(err, state.ErrNotReady):
		code, text = http.StatusServiceUnavailable, "there are no flags for this token now: "+err.Error()
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, code, ofrepError{Details: text})
}

// ofrepContext reads {"context": {…}}. targetingKey is the userId; texts, numbers and
// booleans are fields, and what is nested is not.
func ofrepContext(body []byte) (c eval.Context, fault *ofrepError) {
	if len(body) == 0 {
		body = []byte("{}")
	}
	if err := untrusted.CheckJSON(body, untrusted.RequestDepth); err != nil {
		return c, &ofrepError{Code: parseError, Details: "the body is not JSON: " + err.Error()}
	}
	text := "{}"
	switch member := gjson.GetBytes(body, "context"); {
	case member.IsObject():
		text = member.Raw
	case member.Exists() && member.Type != gjson.Null, !gjson.ParseBytes(body).IsObject():
		return c, &ofrepError{Code: invalidContext, Details: `want {"context": {…}}`}
	}
	c, err := eval.ReadContext([]byte(text))
	if err != nil {
		return c, &ofrepError{Code: invalidContext, Details: err.Error()}
	}
	if key := c.Fields["targetingKey"]; key != "" {
		c.Fields["userId"] = key
	}
	return c, nil
}

func trimComma(b []byte) []byte {
	if n := len(b) - 1; n >= 0 && b[n] == ',' {
		return b[:n]
	}
	return b
}
