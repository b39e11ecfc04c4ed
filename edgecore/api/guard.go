package api

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// guard wraps all handlers: it checks the client address, cleans the path, sets common
// headers, measures, and writes a response when a handler panics.
func (a *api) guard(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, ctx := time.Now(), r.Context()
		path := cleanPath(a.withoutBasePath(r.URL.EscapedPath()))
		seen := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		a.headers(w.Header(), path)
		if isAPIPath(path) {
			seen.failing = func() { a.cors.allow(w.Header(), r) }
		}
		route := "none"
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				a.Log.Error("request handler panicked", "route", route, "panic", p)
				writeError(seen, http.StatusInternalServerError, "internal error")
			}
			// The time of a stream is not that of a response.
			if route != streamRoute && route != noticesRoute || seen.code != http.StatusOK {
				a.requests.WithLabelValues(route, strconv.Itoa(seen.code)).Observe(time.Since(start).Seconds())
			}
			if a.Log.Enabled(ctx, slog.LevelDebug) { // so that its values cost nothing otherwise
				a.Log.Debug("request", "route", route, "code", seen.code, "took", time.Since(start).String())
			}
		}()
		if !a.Peers.allows(r) {
			writeError(seen, http.StatusForbidden, "client address not allowed")
			return
		}
		r, ok := a.prepare(seen, r, path)
		if !ok {
			return
		}
		h, pattern := mux.Handler(r)
		if pattern == "" {
			if r.Method == http.MethodOptions && isAPIPath(path) {
				a.cors.preflight(seen, r)
				return
			}
			writeNoRoute(seen, r, mux)
			return
		}
		if route = pattern; strings.Contains(pattern, "{") {
			h = mux // which sets the values of the path
		}
		h.ServeHTTP(seen, r)
	})
}

// headers sets the headers of every response. Handlers replace Cache-Control where a
// cache may keep the response. Below /api every response, also an error, depends on
// the token.
func (a *api) headers(h http.Header, path string) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if isAPIPath(path) {
		h.Set("Vary", "Accept-Encoding, "+a.tokenHeader())
		if isOFREP(path) {
			h.Add("Vary", "X-API-Key")
		}
	}
}

// SetHeaders sets the headers of a response that another handler writes in place of
// this one, such as a redirect.
func (h *Handler) SetHeaders(w http.ResponseWriter, r *http.Request) {
	path := cleanPath(h.api.withoutBasePath(r.URL.EscapedPath()))
	h.api.headers(w.Header(), path)
	if isAPIPath(path) {
		h.api.cors.allow(w.Header(), r)
	}
}

// isAPIPath reports whether a path is of the APIs for SDKs.
func isAPIPath(path string) bool {
	return path == "/api" || strings.HasPrefix(path, "/api/") || isOFREP(path)
}

// prepare returns the request for the handlers, with the escaped path and the client
// address. If ok is false, the response has been written.
func (a *api) prepare(w http.ResponseWriter, r *http.Request, path string) (prepared *http.Request, ok bool) {
	plain, err := url.PathUnescape(path)
	if err != nil || hasDotSegment(plain) {
		writeError(w, http.StatusNotFound, "no such path")
		return nil, false
	}
	if plain != r.URL.Path {
		u, r2 := *r.URL, *r
		u.Path, u.RawPath = plain, path
		r2.URL = &u
		r = &r2
	}
	r.RemoteAddr = a.Peers.clientAddress(r)
	return r, true
}

// hasDotSegment reports whether a path has a segment "." or "..". No path that is
// served has one.
func hasDotSegment(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// withoutBasePath returns a path without the base path. A path without it is served,
// too: a proxy may have removed it, and probes do not use it.
func (a *api) withoutBasePath(path string) string {
	if rest, below := strings.CutPrefix(path, a.BasePath); below && (rest == "" || rest[0] == '/') {
		return rest
	}
	return path
}

// writeNoRoute writes as JSON what the mux would write as text: 404, or 405 with the
// methods that are allowed.
func writeNoRoute(w http.ResponseWriter, r *http.Request, mux http.Handler) {
	probe := &statusRecorder{header: http.Header{}}
	mux.ServeHTTP(probe, r)
	if probe.code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		writeError(w, probe.code, "method not allowed: want "+probe.header.Get("Allow"))
		return
	}
	writeError(w, http.StatusNotFound, "no such path")
}

// statusRecorder keeps the status and headers of a response and discards the body.
type statusRecorder struct {
	header http.Header
	code   int
}

func (p *statusRecorder) Header() http.Header         { return p.header }
func (p *statusRecorder) WriteHeader(code int)        { p.code = code }
func (p *statusRecorder) Write(b []byte) (int, error) { return len(b), nil }

// cleanPath removes doubled and trailing slashes.
func cleanPath(path string) string {
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
