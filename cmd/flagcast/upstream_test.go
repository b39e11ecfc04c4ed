package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

const backendToken = "*:development." + secretMark + "-backend"

// fault is one way in which an upstream answers. Scripts find it at the URL in
// $UPSTREAM_NAME.
type fault struct {
	name   string
	answer http.HandlerFunc
}

const (
	goodFlag  = `{"name":"good","enabled":true,"project":"default","strategies":[{"name":"default","parameters":{}}]}`
	otherFlag = `{"name":"other","enabled":true,"project":"shop","strategies":[]}`
	badFlag   = `{"name":"bad","enabled":"yes","project":"default","strategies":[]}`
)

func upstreamFaults() []fault {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	good := `{"version":2,"features":[` + goodFlag + `,` + otherFlag + `],"meta":{"revisionId":7}}`
	return []fault{
		{"good", status(http.StatusOK, good)},
		{
			"401",
			status(http.StatusUnauthorized,
				`{"name":"AuthenticationRequired","message":"You must log in to use Unleash."}`),
		},
		{
			"403",
			status(http.StatusForbidden,
				`{"name":"NoAccessError","message":"You don't have the required permissions."}`),
		},
		{"404", status(http.StatusNotFound, "Not Found")},
		{"503", status(http.StatusServiceUnavailable, "")},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }},
		{"html", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte("<!doctype html>\n<title>Sign in</title>\n"))
		}},
		// A proxy that has cut the text, and one whose connection has broken.
		{"half", status(http.StatusOK, good[:len(good)/2])},
		{"broken", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(good[:100]))
		}},
		{"malformed", status(http.StatusOK, `{"version":2,"features":[`+goodFlag+`,`+badFlag+`,`+otherFlag+`]}`)},
		{"silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	}
}

// newUpstream serves every fault under its name until the test ends.
func newUpstream(t *testing.T) (url string) {
	t.Helper()
	mux := http.NewServeMux()
	for _, f := range upstreamFaults() {
		mux.HandleFunc("GET /"+f.name+"/api/client/features", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != backendToken && r.Header.Get("X-Api-Key") != backendToken {
				t.Errorf("upstream %s is asked with another token than the configured one", f.name)
			}
			f.answer(w, r)
		})
	}
	// For a token that was replaced it answers 401.
	mux.HandleFunc("GET /rotated/api/client/features", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != backendToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"version":2,"features":[` + goodFlag + `,` + otherFlag + `],"meta":{"revisionId":7}}`))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}
