// Package cloudflaretest is a strict stand-in for the part of Cloudflare's
// REST API that reads and writes values of Workers KV, for tests. It is
// written from Cloudflare's documentation and shares no code with the sink: it
// refuses whatever the documentation does not allow, with the documented codes
// in the documented envelope.
package cloudflaretest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Limits of Workers KV.
const (
	MaxKeyBytes      = 512
	MaxValueBytes    = 25 << 20
	MaxMetadataBytes = 1024
)

// Options of a server. The zero value of a field means its default.
type Options struct {
	// Account and Namespace are the ids that exist; Token is the credential.
	Account, Namespace, Token string
	// Now, when set, makes the server refuse a second write of one key within
	// a second of this clock.
	Now func() time.Time
}

// Server holds one namespace of one account.
type Server struct {
	// URL is the base of the API, without "/accounts".
	URL                       string
	Account, Namespace, Token string

	now func() time.Time

	mu      sync.Mutex
	entries map[string]Entry
	written map[string]time.Time
	faults  []Fault
	calls   []string
}

// Entry is what is stored under a key.
type Entry struct {
	Value    []byte
	Metadata string // JSON, "" for none
}

// New starts a server on 127.0.0.1, which ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{
		Account: o.Account, Namespace: o.Namespace, Token: o.Token, now: o.Now,
		entries: map[string]Entry{}, written: map[string]time.Time{},
	}
	for _, d := range []struct {
		field *string
		value string
	}{
		{&s.Account, "0123456789abcdef0123456789abcdef"},
		{&s.Namespace, "fedcba9876543210fedcba9876543210"},
		{&s.Token, "token-that-must-not-leak"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	server := httptest.NewServer(http.HandlerFunc(s.dispatch))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	s.URL = server.URL + "/client/v4"
	return s
}

// Fail lets the next requests meet faults, one each, in this order; a nil
// fault lets its request pass.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Stored returns what is stored under a key.
func (s *Server) Stored(key string) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[key]
	return e, ok
}

// Calls returns the requests so far, each as method, space and path.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.EscapedPath())
	var fault Fault
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()
	if fault != nil {
		fault(w, r, s.serve)
		return
	}
	s.serve(w, r)
}

// serve checks credential and path.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	switch r.Header.Get("Authorization") {
	case "Bearer " + s.Token:
	case "":
		refuse(w, http.StatusBadRequest, 9106, "Authentication failed (missing or invalid authentication headers)")
		return
	default:
		refuse(w, http.StatusUnauthorized, 10000, "Authentication error")
		return
	}
	// client/v4/accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if len(parts) != 10 || strings.Join(parts[:3], "/") != "client/v4/accounts" ||
		strings.Join(parts[4:7], "/") != "storage/kv/namespaces" || parts[8] != "values" {
		refuse(w, http.StatusNotFound, 10025, "endpoint does not exist")
		return
	}
	switch account, namespace := parts[3], parts[7]; {
	case account != s.Account:
		refuse(w, http.StatusForbidden, 10000, "Authentication error")
		return
	case len(namespace) != 32:
		refuse(w, http.StatusBadRequest, 10011, "malformed namespace id")
		return
	case namespace != s.Namespace:
		refuse(w, http.StatusNotFound, 10013, "namespace not found")
		return
	}
	s.value(w, r, parts[9])
}

// accept writes the envelope of a success without a result.
func accept(w http.ResponseWriter) {
	envelope(w, http.StatusOK, map[string]any{"success": true, "errors": []any{}, "messages": []any{}, "result": nil})
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	envelope(w, status, map[string]any{
		"success": false, "messages": []any{}, "result": nil,
		"errors": []any{map[string]any{"code": code, "message": message}},
	})
}

func envelope(w http.ResponseWriter, status int, body map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // of a literal in this package
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
