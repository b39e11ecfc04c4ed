// Package api is the HTTP interface of the core: Unleash's client and frontend
// APIs as Unleash Edge serves them, health, readiness and metrics.
package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/secret"
	"github.com/flagcast/flagcast/edgecore/state"
)

// States gives the newest definitions (state.Store).
type States interface {
	Load(env edgecore.Environment) (*state.State, error)
}

// Options of the API. All but Heard, BasePath, Targets and the webhook are
// required.
type Options struct {
	States       States
	Access       *access.Access
	Usage        Usage
	Environments []edgecore.Environment // what has to be there to be ready
	Log          *slog.Logger
	Registry     *prometheus.Registry
	// Heard tells when upstream was last heard of an environment, and how often
	// it has failed since, for metrics. nil: nobody knows.
	Heard    func(env edgecore.Environment) (at time.Time, failures int)
	BasePath string // "" or "/path"
	// Targets tells how what is published is doing, as JSON; nil: nothing is
	// published.
	Targets func() any
	// WebhookSecret lets Unleash call POST /hooks/unleash, and Nudge is called
	// then: it must not block. There is no such path without them.
	WebhookSecret secret.Secret
	Nudge         func()
}

type api struct {
	Options
	bodies   bodies
	requests *prometheus.HistogramVec
}

const maxRequestBody = 1 << 20

// New returns the handler of all paths.
func New(o Options) http.Handler {
	a := &api{
		Options: o,
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "flagcast_http_request_duration_seconds", Help: "Duration of requests by route and status.",
			Buckets: []float64{.0001, .001, .01, .1, 1, 10},
		}, []string{"route", "code"}),
	}
	o.Registry.MustRegister(a.requests, newStateCollector(&o))
	mux := http.NewServeMux()
	a.client(mux)
	a.frontend(mux)
	a.backstage(mux)
	a.hook(mux)
	return a.guard(mux)
}

// guard does what every request needs: a bound on the body, a path without
// doubled or trailing slashes, a count, and an answer when a handler panics.
func (a *api) guard(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
		path := tidy(a.local(r.URL.Path))
		if path != r.URL.Path {
			u := *r.URL
			u.Path, u.RawPath = path, ""
			r2 := *r
			r2.URL = &u
			r = &r2
		}
		seen := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				a.Log.Error("a request handler has panicked", "route", r.Pattern, "panic", p)
				fail(seen, http.StatusInternalServerError, "internal error")
			}
			route := r.Pattern
			if route == "" {
				route = "none"
			}
			a.requests.WithLabelValues(route, strconv.Itoa(seen.code)).Observe(time.Since(start).Seconds())
			a.Log.Debug("request", "route", route, "code", seen.code, "took", time.Since(start).String())
		}()
		if _, route := mux.Handler(r); route == "" {
			unrouted(seen, r, mux)
			return
		}
		mux.ServeHTTP(seen, r)
	})
}

// local is a path without the base path. What comes without it is served, too:
// a proxy may have taken it off, and probes come straight.
func (a *api) local(path string) string {
	if rest, below := strings.CutPrefix(path, a.BasePath); below && (rest == "" || rest[0] == '/') {
		return rest
	}
	return path
}

// unrouted answers in JSON what the mux would answer in text: 404, or 405 with
// the methods that there are.
func unrouted(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	probe := &probe{header: http.Header{}}
	mux.ServeHTTP(probe, r)
	if probe.code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		fail(w, probe.code, "this path takes "+probe.header.Get("Allow"))
		return
	}
	fail(w, http.StatusNotFound, "there is nothing at this path")
}

// probe keeps the status of an answer and drops the rest.
type probe struct {
	header http.Header
	code   int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) WriteHeader(code int)        { p.code = code }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// tidy drops doubled and trailing slashes.
func tidy(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if trimmed := strings.TrimRight(path, "/"); trimmed != "" {
		return trimmed
	}
	return "/"
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// fail answers with a JSON error.
func fail(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Del("ETag")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
}

// admit returns what a request may see, and the state of its environment. It
// has answered when ok is false. Not ready is 503: Unleash's Node SDK never
// polls again after a 401 or 403.
func (a *api) admit(w http.ResponseWriter, r *http.Request, kind access.Kind) (scope access.Scope, st *state.State, ok bool) {
	if scope, ok = a.scope(w, r, kind); !ok {
		return scope, nil, false
	}
	st, err := a.States.Load(scope.Environment)
	if err != nil {
		retryLater(w, "no flags of environment "+strconv.Quote(string(scope.Environment))+" yet")
		return scope, nil, false
	}
	return scope, st, true
}

// scope returns what a request may see. It has answered when ok is false.
func (a *api) scope(w http.ResponseWriter, r *http.Request, kind access.Kind) (scope access.Scope, ok bool) {
	scope, err := a.Access.Check(r.Context(), r.Header.Get("Authorization"), kind)
	switch {
	case errors.Is(err, access.ErrUnavailable):
		retryLater(w, "the token cannot be validated: upstream does not answer")
	case errors.Is(err, access.ErrForbidden):
		fail(w, http.StatusForbidden, "this token is not for the "+string(kind)+" API")
	case err != nil:
		fail(w, http.StatusUnauthorized, "the Authorization header has no token that is known here")
	}
	return scope, err == nil
}

func retryLater(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	fail(w, http.StatusServiceUnavailable, text)
}

func (a *api) backstage(mux *http.ServeMux) {
	health := func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "OK"})
	}
	metrics := promhttp.HandlerFor(a.Registry, promhttp.HandlerOpts{})
	for _, prefix := range []string{"", "/internal-backstage"} {
		mux.HandleFunc("GET "+prefix+"/health", health)
		mux.HandleFunc("GET "+prefix+"/ready", a.ready)
	}
	mux.Handle("GET /internal-backstage/prometheus", metrics)
	mux.Handle("GET /internal-backstage/metrics", metrics)
	if a.Targets != nil {
		mux.HandleFunc("GET /internal-backstage/targets", func(w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, http.StatusOK, a.Targets())
		})
	}
}

// ready answers 200 once every environment has flags, restored ones included.
func (a *api) ready(w http.ResponseWriter, _ *http.Request) {
	for _, env := range a.Environments {
		if _, err := a.States.Load(env); err != nil {
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{
				"status": "NOTREADY", "error": "no flags of environment " + strconv.Quote(string(env)) + " yet",
			})
			return
		}
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "READY"})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}
