package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS says which pages may ask the frontend API from a browser. The zero value
// lets all of them: a frontend token is not a secret. Answers of the client API have
// no such headers: its tokens belong on servers. Errors of every path below /api
// have them, and every preflight request there is answered: a page that asks at a
// wrong path has to see the status.
type CORS struct {
	Origins        []string // nil or "*": any
	AllowedHeaders []string // nil: any
	ExposedHeaders []string // nil: any
	Methods        []string // nil: those that there are
	MaxAge         time.Duration
}

// cors is CORS as headers.
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

// allow sets the headers that let a page read an answer.
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

// wrap lets pages read the answers of a handler.
func (c *cors) wrap(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.allow(w.Header(), r)
		next(w, r)
	}
}

// preflight answers the question of a browser whether a page may send a request.
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
