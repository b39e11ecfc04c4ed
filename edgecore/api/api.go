// Package api is the HTTP interface of the core: Unleash's client and frontend
// APIs as Unleash Edge serves them, the validation of tokens for other cores,
// health, readiness and metrics. openapi.json describes it, and is served.
package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/flagcast/flagcast/edgecore"
	"github.com/flagcast/flagcast/edgecore/access"
	"github.com/flagcast/flagcast/edgecore/state"
	"github.com/flagcast/flagcast/internal/secret"
)

// States gives the newest definitions (state.Store).
type States interface {
	Load(env edgecore.Environment) (*state.State, error)
}

// Options of the API. States, Access, Log, Registry and Usage are required.
type Options struct {
	States       States
	Access       *access.Access
	Usage        Usage
	Environments []edgecore.Environment // what must be there to be ready
	Log          *slog.Logger
	Registry     *prometheus.Registry
	Build        Build
	// LastConfirmed says when upstream last confirmed an environment, and how often
	// it has failed since, for metrics. nil: unknown.
	LastConfirmed func(env edgecore.Environment) (at time.Time, failures int)
	BasePath      string // "" or "/path"
	// Targets says how what is published is doing, as JSON; nil: nothing is
	// published.
	Targets func() any
	// TokenHeader carries the token of an SDK. "": Authorization. Unleash's
	// webhook sends Authorization whatever it is.
	TokenHeader string
	// NoAll removes /api/frontend/all and the like, which list flags
	// that are off.
	NoAll     bool
	CORS      CORS
	Shared    Shared
	Peers     Peers
	Backstage Backstage
	// WebhookSecret lets Unleash call POST /hooks/unleash, and Nudge is called
	// then: it must not block. There is no such path without them.
	WebhookSecret secret.Secret
	Trigger       func()
	// MaxBodies and MaxAnswers bound what all requests together hold of bodies
	// that come in and of answers that clients have not read, in bytes. 0: an
	// eighth and a quarter of the memory limit of the process.
	MaxBodies, MaxAnswers int64
}

// Handler is the API. Its ServeHTTP answers all paths, or all but those of the
// backstage that has a handler of its own.
type Handler struct {
	http.Handler
	// Backstage answers the paths below /internal-backstage, where Options say
	// that it is apart; else nil.
	Backstage http.Handler

	api    *api
	routes []string // of both handlers, for tests
}

// Drain makes /ready answer 503 from now on, so that no new requests are sent
// to a process that is about to end. Everything else is answered as before.
func (h *Handler) Drain() { h.api.draining.Store(true) }

type api struct {
	Options
	cors     *cors
	bodies   bodies
	spares   sync.Pool // of *spare
	draining atomic.Bool
	requests *prometheus.HistogramVec

	incoming, outgoing budget        // bodies of requests; answers that clients have not read
	turns              chan struct{} // of work that needs much memory
	unpackers          sync.Pool     // of *gzip.Reader
	packers            sync.Pool     // of *packer
}

// routes is a mux that keeps its patterns.
type routes struct {
	http.ServeMux
	patterns []string
}

func (m *routes) Handle(pattern string, h http.Handler) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.Handle(pattern, h)
}

func (m *routes) HandleFunc(pattern string, h http.HandlerFunc) { m.Handle(pattern, h) }

// New returns the handler of all paths.
func New(o Options) *Handler {
	a := &api{
		Options:  o,
		requests: newDurations(),
		turns:    make(chan struct{}, runtime.GOMAXPROCS(0)),
		cors:     newCORS(&o.CORS),
	}
	if a.incoming.max = o.MaxBodies; a.incoming.max == 0 {
		a.incoming.max = shareOfMemory(8)
	}
	if a.outgoing.max = o.MaxAnswers; a.outgoing.max == 0 {
		a.outgoing.max = shareOfMemory(4)
	}
	o.Registry.MustRegister(a.requests, newStateCollector(&o), newBuildInfo(o.Build), newReadiness(a),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flagcast_http_body_bytes", Help: "Memory that bodies of requests take beyond 4 kB each.",
		}, func() float64 { return float64(a.incoming.used.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flagcast_http_answer_bytes", Help: "Memory of answers that clients have not read, beyond 4 kB each.",
		}, func() float64 { return float64(a.outgoing.used.Load()) }),
	)
	mux := &routes{}
	a.client(mux)
	a.frontend(mux)
	a.edge(mux)
	a.hook(mux)
	a.probes(mux)
	a.document(mux)
	h := &Handler{Handler: a.guard(&mux.ServeMux), api: a}
	backstage := mux
	if o.Backstage.Apart {
		backstage = &routes{}
		a.probes(backstage)
		h.Backstage = a.guard(&backstage.ServeMux)
	}
	a.backstage(backstage)
	h.routes = mux.patterns
	if backstage != mux {
		h.routes = append(h.routes, backstage.patterns...)
	}
	return h
}

// guard does what every request needs: who may ask at all, a path without doubled or trailing slashes, a count, and an answer when a
// handler panics.
func (a *api) guard(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, ctx := time.Now(), r.Context()
		path := tidy(a.local(r.URL.EscapedPath()))
		seen := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		a.headers(w.Header(), path)
		if ofAPI(path) {
			seen.failing = func() { a.cors.allow(w.Header(), r) }
		}
		route := "none"
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				a.Log.Error("a request handler has panicked", "route", route, "panic", p)
				fail(seen, http.StatusInternalServerError, "internal error")
			}
			a.requests.WithLabelValues(route, strconv.Itoa(seen.code)).Observe(time.Since(start).Seconds())
			if a.Log.Enabled(ctx, slog.LevelDebug) { // else its values cost something, too
				a.Log.Debug("request", "route", route, "code", seen.code, "took", time.Since(start).String())
			}
		}()
		if !a.Peers.admits(r) {
			fail(seen, http.StatusForbidden, "this address may not ask here")
			return
		}
		r, ok := a.prepare(seen, r, path)
		if !ok {
			return
		}
		h, pattern := mux.Handler(r)
		if pattern == "" {
			if r.Method == http.MethodOptions && ofAPI(path) {
				a.cors.preflight(seen, r)
				return
			}
			unrouted(seen, r, mux)
			return
		}
		if route = pattern; strings.Contains(pattern, "{") {
			h = mux // which sets the values of the path
		}
		h.ServeHTTP(seen, r)
	})
}

// headers sets what every answer has. Handlers replace Cache-Control where a cache
// may keep an answer. Below /api each answer, an error too, depends on the token.
func (a *api) headers(h http.Header, path string) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if ofAPI(path) {
		h.Set("Vary", "Accept-Encoding, "+a.tokenHeader())
	}
}

// Redirected sets the headers of an answer that is made elsewhere, in place of
// that of the handler, such as a redirect.
func (h *Handler) Redirected(w http.ResponseWriter, r *http.Request) {
	path := tidy(h.api.local(r.URL.EscapedPath()))
	h.api.headers(w.Header(), path)
	if ofAPI(path) {
		h.api.cors.allow(w.Header(), r)
	}
}

// ofAPI reports whether a path is one that SDKs may ask for.
func ofAPI(path string) bool { return path == "/api" || strings.HasPrefix(path, "/api/") }

// prepare returns the request as handlers see it, with an escaped path. It has
// answered when ok is false.
func (a *api) prepare(w http.ResponseWriter, r *http.Request, path string) (prepared *http.Request, ok bool) {
	plain, err := url.PathUnescape(path)
	if err != nil || dotted(plain) {
		fail(w, http.StatusNotFound, "there is nothing at this path")
		return nil, false
	}
	if plain != r.URL.Path {
		u, r2 := *r.URL, *r
		u.Path, u.RawPath = plain, path
		r2.URL = &u
		r = &r2
	}
	r.RemoteAddr = a.Peers.client(r)
	return r, true
}

// dotted reports whether a path has segments that lead elsewhere. Nothing that
// is served has.
func dotted(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
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
func unrouted(w http.ResponseWriter, r *http.Request, mux http.Handler) {
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
	code    int
	failing func() // adds headers to errors; nil: none
}

func (w *statusWriter) WriteHeader(code int) {
	if code >= http.StatusBadRequest && w.failing != nil {
		w.failing()
	}
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// fail answers with a JSON error.
func fail(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // a cache may keep a 404 otherwise
	w.Header().Del("ETag")
	w.Header().Del("Content-Length")
	w.Header().Del("Content-Encoding")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
}

// tokenHeader names the header that answers depend on.
func (a *api) tokenHeader() string {
	if a.TokenHeader == "" {
		return "Authorization"
	}
	return a.TokenHeader
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
	scope, err := a.Access.Check(r.Context(), clientOf(r), r.Header.Get(a.tokenHeader()), kind)
	switch {
	case errors.Is(err, access.ErrUnavailable):
		retryLater(w, "the token cannot be validated now: upstream does not answer, or is asked about too many")
	case errors.Is(err, access.ErrUncovered):
		retryLater(w, "the token is for an environment, or for projects, that are not followed here; a token of upstream has to see them")
	case errors.Is(err, access.ErrForbidden):
		fail(w, http.StatusForbidden, "this token is not for the "+string(kind)+" API")
	case err != nil:
		fail(w, http.StatusUnauthorized, "the "+a.tokenHeader()+" header has no token that is known here")
	}
	return scope, err == nil
}

func retryLater(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	fail(w, http.StatusServiceUnavailable, text)
}

// sendJSON is writeJSON for what may be large.
func (a *api) sendJSON(w http.ResponseWriter, v any) {
	content, err := json.Marshal(v)
	if err != nil {
		panic(err) // guard logs it; none of our types has what JSON has not
	}
	w.Header().Set("Content-Type", "application/json")
	a.send(w, append(content, '\n'))
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}
