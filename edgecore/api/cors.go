package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS says which pages may ask the frontend API from a browser. The zero value
// lets all of them: a frontend token is no secret. The client API has no such
// headers: its tokens belong on servers.
type CORS struct {
	Origins        []string // nil or "*": any
	AllowedHeaders []string // nil: any
	ExposedHeaders []string // nil: any
	Methods        []string // nil: those that there are
	MaxAge         time.Duration
}

// wrap adds the headers. Without a handler it answers a preflight request.
func (c *CORS) wrap(next http.HandlerFunc) http.Handler {
	any := len(c.Origins) == 0 || slices.Contains(c.Origins, "*")
	exposed := orElse(c.ExposedHeaders, "*, ETag")
	methods := orElse(c.Methods, "GET, POST, OPTIONS")
	allowed := orElse(c.AllowedHeaders, "*, Authorization, Content-Type, If-None-Match, unleash-appname, unleash-connection-id, unleash-sdk")
	age := strconv.Itoa(int(c.MaxAge / time.Second))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if origin := r.Header.Get("Origin"); any {
			h.Set("Access-Control-Allow-Origin", "*")
		} else {
			h.Add("Vary", "Origin")
			if slices.Contains(c.Origins, origin) {
				h.Set("Access-Control-Allow-Origin", origin)
			}
		}
		h.Set("Access-Control-Expose-Headers", exposed)
		if next != nil {
			next(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", allowed)
		h.Set("Access-Control-Max-Age", age)
		w.WriteHeader(http.StatusNoContent)
	})
}

func orElse(list []string, otherwise string) string {
	if len(list) == 0 {
		return otherwise
	}
	return strings.Join(list, ", ")
}
