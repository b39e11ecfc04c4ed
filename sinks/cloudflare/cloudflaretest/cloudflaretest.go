// Package cloudflaretest is a strict fake of the part of Cloudflare's
// REST API that reads and writes values of Workers KV, for tests. It is
// written from Cloudflare's documentation and shares no code with the sink: it
// refuses whatever the documentation does not allow, with the documented codes
// in the documented envelope.
package cloudflaretest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
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
	// Title is the title of the namespace.
	Title string
	// HideNamespaces refuses to list them.
	HideNamespaces bool
	// Now, when set, makes the server refuse a second write of one key within
	// a second of this clock.
	Now func() time.Time
	// Calls is how many are allowed in five minutes. Default 1,200.
	Calls int
}

// Server holds one namespace of one account.
type Server struct {
	// URL is the base of the API, without "/accounts".
	URL                       string
	Account, Namespace, Token string

	options Options
	now     func() time.Time

	mu      sync.Mutex
	entries map[string]Entry
	earlier map[string]Entry // what reads show, if not nil
	written map[string]time.Time
	faults  []Fault
	calls   []string
	since   time.Time // the beginning of the span of calls
	made    int       // calls since then
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
		Account: o.Account, Namespace: o.Namespace, Token: o.Token, options: o, now: o.Now,
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
	if s.options.Calls == 0 {
		s.options.Calls = 1200
	}
	server := httptest.NewServer(s)
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

// Lag makes reads show what is stored now, whatever is written later, until it
// is called with false.
func (s *Server) Lag(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.earlier = nil
	if on {
		s.earlier = maps.Clone(s.entries)
	}
}

// shown returns what a read shows.
func (s *Server) shown(key string) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.entries
	if s.earlier != nil {
		entries = s.earlier
	}
	e, ok := entries[key]
	return e, ok
}

// ServeHTTP serves the API, for tests without a network.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.EscapedPath())
	var fault Fault
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
	}
	left, rest := s.count()
	s.mu.Unlock()
	w.Header().Set("Ratelimit", fmt.Sprintf(`"default";r=%d;t=%d`, max(left, 0), rest))
	w.Header().Set("Ratelimit-Policy", fmt.Sprintf(`"default";q=%d;w=300`, s.options.Calls))
	if left < 0 {
		w.Header().Set("Retry-After", strconv.Itoa(rest))
		refuse(w, http.StatusTooManyRequests, 10022, "too many requests")
		return
	}
	if fault != nil {
		fault(w, r, s.serve)
		return
	}
	s.serve(w, r)
}

// count counts a call. It returns how many are left, below 0 for one too many,
// and the seconds until there are new ones. The caller holds mu.
func (s *Server) count() (left, rest int) {
	const span = 5 * time.Minute
	now := time.Now()
	if now.Sub(s.since) >= span {
		s.since, s.made = now, 0
	}
	s.made++
	left = s.options.Calls - s.made
	if left < 0 {
		s.since = now // blocked for all of the next span
	}
	return left, int(s.since.Add(span).Sub(now).Seconds())
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
	if len(parts) < 7 || strings.Join(parts[:3], "/") != "client/v4/accounts" ||
		strings.Join(parts[4:7], "/") != "storage/kv/namespaces" {
		refuse(w, http.StatusNotFound, 10025, "endpoint does not exist")
		return
	}
	if parts[3] != s.Account {
		refuse(w, http.StatusForbidden, 10000, "Authentication error")
		return
	}
	if len(parts) == 7 && r.Method == http.MethodGet {
		s.list(w, r)
		return
	}
	if len(parts) < 9 {
		refuse(w, http.StatusNotFound, 10025, "endpoint does not exist")
		return
	}
	switch namespace := parts[7]; {
	case len(namespace) != 32:
		refuse(w, http.StatusBadRequest, 10011, "malformed namespace id")
		return
	case namespace != s.Namespace:
		refuse(w, http.StatusNotFound, 10013, "namespace not found")
		return
	}
	switch call := r.Method + " " + strings.Join(parts[8:], "/"); {
	case parts[8] == "values" && len(parts) == 10:
		s.value(w, r, parts[9])
	case call == "PUT bulk":
		s.bulkPut(w, r)
	case call == "POST bulk/get":
		s.bulkGet(w, r)
	default:
		refuse(w, http.StatusNotFound, 10025, "endpoint does not exist")
	}
}

// list serves the namespaces of the account: the one of the server and one
// more, on one page.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	if s.options.HideNamespaces {
		refuse(w, http.StatusForbidden, 10000, "Authentication error")
		return
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("per_page")); err != nil || n < 2 || n > 1000 {
		refuse(w, http.StatusBadRequest, 10008, "malformed per_page")
		return
	}
	accept(w, []any{
		map[string]any{"id": strings.Repeat("0", 32), "title": "others", "supports_url_encoding": true},
		map[string]any{"id": s.Namespace, "title": s.options.Title, "supports_url_encoding": true},
	})
}

// accept writes the envelope of a success.
func accept(w http.ResponseWriter, result any) {
	envelope(w, http.StatusOK, map[string]any{
		"success": true, "errors": []any{}, "messages": []any{}, "result": result,
	})
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
