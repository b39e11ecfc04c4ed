package api

import (
	_ "embed"
	"net/http"
)

// openAPI describes every path, written by hand; a test compares it with the
// routes, and answers with its schemas.
//
//go:embed openapi.json
var openAPI []byte

func (a *api) documentRoutes(mux router) {
	mux.HandleFunc("GET /docs/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(openAPI)
	})
}
