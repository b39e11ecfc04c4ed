package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS selects which origins may call the frontend API from a browser. The zero value
// allows all of them: a frontend token is not a secret. Responses of the client API
// have no CORS headers: its tokens belong on servers. Errors of every path below /api
// have them, and every preflight request there succeeds, so that a page with a wrong
// path sees the status.
type CORS struct {
	Origins        []string // nil or "*": any
	AllowedHeaders []string // nil: any
	ExposedHeaders []string // nil: any
	Methods        []string // nil: all that are served
	MaxAge         time.Duration
}

// cors holds the header values of CORS.
type cors struct {
	any                               bool
	origins                           []string
	exposed, methods, allowed, maxAge string
}

func newCORS(c *CORS) *cors {
	return &cors{
		any:     len(c.Origins) == 0 || slices.Contains(c.Origins, "*"),
		origins: c.Origins,
		exposed: orElse(c.ExposedHeaders, "*, ETag"),
		methods: orElse(c.Methods, "GET, POST, OPTIONS"),
		allowed: orElse(c.AllowedHeaders,
			"*, Authorization, Content-Type, If-None-Match, unleash-appname, unleash-connection-id, unleash-sdk"),
		maxAge: strconv.Itoa(int(c.MaxAge / time.Second)),
	}
}

// allow sets the headers that let a page read a response.
func (c *cors) allow(h http.Header, r *http.Request) {
	if h.Get("Access-Control-Expose-Headers") != "" {
		return // set before
	}
	if origin := r.Header.Get("Origin"); c.any {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Add("Vary", "Origin")
		if slices.Contains(c.origins, origin) {
			h.Set("Access-Control-Allow-Origin", origin)
		}
	}
	h.Set("Access-Control-Expose-Headers", c.exposed)
}

// wrap lets pages read the responses of a handler.
func (c *cors) wrap(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.allow(w.Header(), r)
		next(w, r)
	}
}

// preflight responds to a preflight request of a browser.
func (c *cors) preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	c.allow(h, r)
	h.Set("Access-Control-Allow-Methods", c.methods)
	h.Set("Access-Control-Allow-Headers", c.allowed)
	h.Set("Access-Control-Max-Age", c.maxAge)
	w.WriteHeader(http.StatusNoContent)
}

func orElse(list []string, otherwise string) string {
	if len(list) == 0 {
		return otherwise
	}
	return strings.Join(list, ", ")
}
