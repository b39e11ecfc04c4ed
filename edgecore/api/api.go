// Package api is the HTTP interface of the core: Unleash's client and frontend
// APIs as Unleash Edge serves them, the validation of tokens for other cores,
// health, readiness and metrics. openapi.json describes it, and is served.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
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
	Wait(ctx context.Context, env edgecore.Environment, after uint64) (*state.State, error)
}

// Options of the API. States, Access, Log, Registry and Usage are required.
type Options struct {
	States       States
	Access       *access.Access
	Usage        Usage
	Environments []edgecore.Environment // that must have flags to be ready
	Log          *slog.Logger
	Registry     *prometheus.Registry
	Build        Build
	// Upstream returns how upstream of an environment is, for metrics. nil: there are none.
	Upstream func(edgecore.Environment) Upstream
	BasePath string // "" or "/path"
	// Targets returns the state of the targets, to be encoded as JSON; nil: nothing
	// is published.
	Targets func() any
	// TokenHeader is the header with the token of an SDK. "": Authorization.
	// Unleash's webhook always sends Authorization.
	TokenHeader string
	// DisableAll removes /api/frontend/all and the like, which list flags
	// that are off.
	DisableAll  bool
	CORS        CORS
	SharedCache SharedCache
	Peers       Peers
	Backstage   Backstage
	// WebhookSecret lets Unleash call POST /hooks/unleash, which calls Trigger.
	// Trigger must not block. Without both the path does not exist.
	WebhookSecret secret.Secret
	Trigger       func()
	// MaxBodies and MaxAnswers bound the memory of all request bodies, and of all
	// responses that clients have not read, in bytes. 0: an eighth and a quarter of
	// the memory limit of the process.
	MaxBodies, MaxAnswers int64
	// MaxStreams bounds the clients of GET /api/client/streaming. 0: there is none.
	MaxStreams int
}

// Handler is the API. Its ServeHTTP answers all paths, or all but those of the
// backstage that has a handler of its own.
type Handler struct {
	http.Handler
	// Backstage serves the paths below /internal-backstage if Backstage.Separate is
	// set; else it is nil.
	Backstage http.Handler

	api *api
}

// Drain makes /ready answer 503 from now on, so that no new requests are sent
// to a process that is about to end. Everything else is answered as before, but that
// streams end, within a time.
func (h *Handler) Drain(within time.Duration) {
	h.api.draining.Store(true)
	h.api.streams.drain(within)
}

// Close waits for the goroutine that compresses bodies for later requests, and
// prevents another one. It is called once, after the last request.
func (h *Handler) Close() { h.api.bodies.packing.Lock() }

type api struct {
	Options
	cors      *cors
	bodies    bodies
	scratches sync.Pool // of *scratch
	draining  atomic.Bool
	requests  *prometheus.HistogramVec

	incoming, outgoing budget        // bodies of requests; answers that clients have not read
	slots              chan struct{} // of work that needs much memory
	gzipReaders        sync.Pool     // of *gzip.Reader
	compressors        sync.Pool     // of *compressor
	payloads           sync.Map      // of *payloads, by environment
	contents           contents      // that clients of delta and streams may have
	streams            *streams
}

// router registers handlers by the pattern of their requests (http.ServeMux).
type router interface {
	Handle(pattern string, h http.Handler)
	HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request))
}

// New returns the handler of all paths.
func New(o Options) *Handler {
	a := &api{
		Options:  o,
		requests: newDurations(),
		slots:    make(chan struct{}, runtime.GOMAXPROCS(0)),
		cors:     newCORS(&o.CORS),
	}
	a.streams = newStreams(a)
	if a.incoming.max = o.MaxBodies; a.incoming.max == 0 {
		a.incoming.max = shareOfMemory(8)
	}
	if a.outgoing.max = o.MaxAnswers; a.outgoing.max == 0 {
		a.outgoing.max = shareOfMemory(4)
	}
	o.Registry.MustRegister(a.requests, newStateCollector(&o), newBuildInfo(o.Build), newReadiness(a),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flagcast_http_body_bytes", Help: "Memory of request bodies beyond 4 kB each.",
		}, func() float64 { return float64(a.incoming.used.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flagcast_http_answer_bytes",
			Help: "Memory of responses that clients have not read, beyond 4 kB each.",
		}, func() float64 { return float64(a.outgoing.used.Load()) }),
	)
	mux := http.NewServeMux()
	backstage := mux
	h := &Handler{Handler: a.guard(mux), api: a}
	if o.Backstage.Separate {
		backstage = http.NewServeMux()
		a.healthRoutes(backstage)
		h.Backstage = a.guard(backstage)
	}
	a.register(mux, backstage)
	return h
}

// register adds all routes. backstage, which may be the same router, gets those of
// the backstage.
func (a *api) register(mux, backstage router) {
	a.clientRoutes(mux)
	a.frontendRoutes(mux)
	a.ofrepRoutes(mux)
	a.edgeRoutes(mux)
	a.hookRoutes(mux)
	a.healthRoutes(mux)
	a.documentRoutes(mux)
	a.backstageRoutes(backstage)
}

// writeError writes a JSON error.
func writeError(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // a cache may keep a 404 otherwise
	w.Header().Del("ETag")
	w.Header().Del("Content-Length")
	w.Header().Del("Content-Encoding")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text})
}

// tokenHeader returns the name of the header with the token.
func (a *api) tokenHeader() string {
	if a.TokenHeader == "" {
		return "Authorization"
	}
	return a.TokenHeader
}

// authorize returns the scope of a request, and the state of its environment. If ok
// is false, the response has been written. Not ready is 503: Unleash's Node SDK never
// polls again after a 401 or 403.
func (a *api) authorize(
	w http.ResponseWriter, r *http.Request, kind access.Kind,
) (scope access.Scope, st *state.State, ok bool) {
	if scope, ok = a.scope(w, r, kind); !ok {
		return scope, nil, false
	}
	st, err := a.States.Load(scope.Environment)
	if err != nil {
		writeUnavailable(w, "no flags of environment "+strconv.Quote(string(scope.Environment))+" yet")
		return scope, nil, false
	}
	return scope, st, true
}

// scope returns the scope of the token of a request. If ok is false, the response has
// been written.
func (a *api) scope(w http.ResponseWriter, r *http.Request, kind access.Kind) (scope access.Scope, ok bool) {
	scope, err := a.Access.Check(r.Context(), clientOf(r), r.Header.Get(a.tokenHeader()), kind)
	switch {
	case errors.Is(err, access.ErrUnavailable):
		writeUnavailable(w, "the token cannot be validated now: upstream does not answer, or is asked about too many")
	case errors.Is(err, access.ErrUncovered):
		writeUnavailable(w,
			"the token covers environments or projects that this instance does not serve; a token of upstream must "+
				"cover them")
	case errors.Is(err, access.ErrForbidden):
		writeError(w, http.StatusForbidden, "this token is not for the "+string(kind)+" API")
	case err != nil:
		writeError(w, http.StatusUnauthorized, "the "+a.tokenHeader()+" header has no known token")
	}
	return scope, err == nil
}

func writeUnavailable(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	writeError(w, http.StatusServiceUnavailable, text)
}

// sendJSON is writeJSON for large values.
func (a *api) sendJSON(w http.ResponseWriter, v any) {
	content, err := json.Marshal(v)
	if err != nil {
		panic(err) // guard logs it; all our types can be encoded
	}
	w.Header().Set("Content-Type", "application/json")
	a.send(w, append(content, '\n'))
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}
