// Package edgekvtest is a strict fake of Alibaba Cloud's EdgeKV API in
// both of its dialects, DCDN (2018-01-15) and ESA (2024-09-10), for which
// there is no official emulator. It shares no code with the client: it verifies
// signatures by itself, takes each action with its documented method and
// parameter placement only, holds the documented limits and answers the
// documented errors. What the documents leave open it refuses, so that the
// client does not come to rely on it: parameters that it does not know,
// empty values, namespaces written in another case.
package edgekvtest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// Options of a server.
type Options struct {
	Product                      string // "dcdn" or "esa"; default "esa"
	AccessKeyID, AccessKeySecret string // the one account that it has
	// SecurityToken makes the keys temporary ones: every request must carry it.
	SecurityToken string
	// Lookup finds further keys by their id: temporary ones, which a call with
	// InvalidSecurityToken.Expired is refused for after their end.
	Lookup     func(id string) (secret, token string, ends time.Time, ok bool)
	Namespaces []string // exist from the start
	// Stale makes a get return what was there before the latest writes, until
	// Flush is called.
	Stale bool
	// CallsPerSecond refuses calls above this number within a second with
	// Throttling.User. 0: no limit; the documented one is 50.
	CallsPerSecond int
	// Now is the server's clock. Default: time.Now.
	Now func() time.Time
}

// Fault is what the server does with a call instead of answering it. The call
// is verified first: its signature counts, its nonce is used up.
type Fault struct {
	// Status and Code are the answer, in the service's JSON; without a Code it
	// is a gateway's HTML page.
	Status int
	Code   string
	// Reset breaks the connection instead of answering.
	Reset bool
	// Applied carries the call out before.
	Applied bool
	// Late breaks the connection, and carries the call out when Land is called.
	Late bool
	// RetryAfter is a header of the answer.
	RetryAfter string
	// Keys makes a batch answer, and store all keys but these.
	Keys []string
}

// Server is the service. It is an http.Handler, safe for concurrent use.
type Server struct {
	options Options
	product product

	mu         sync.Mutex
	namespaces map[string]*namespace
	nonces     map[string]bool
	calls      map[string]int
	recent     []time.Time
	faults     []Fault
	requests   int
	late       []func()
	failKeys   []string // of the batch that is being carried out
}

// New returns a server with the options.
func New(o Options) *Server {
	if o.Product == "" {
		o.Product = "esa"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		options: o, product: products()[o.Product],
		namespaces: map[string]*namespace{}, nonces: map[string]bool{}, calls: map[string]int{},
	}
	for _, name := range o.Namespaces {
		s.namespaces[name] = newNamespace()
	}
	return s
}

// Fail makes the next n calls go wrong. Calls of Fail queue up.
func (s *Server) Fail(n int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults = append(s.faults, f)
	}
}

// Land carries out what was late, in the order in which it came.
func (s *Server) Land() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, run := range s.late {
		run()
	}
	s.late = nil
}

// Flush shows all writes so far to every get, for a server with Stale.
func (s *Server) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, space := range s.namespaces {
		space.settle()
	}
}

// Value returns what is stored under a key, whatever a get may still see.
func (s *Server) Value(namespace, key string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	space, ok := s.namespaces[namespace]
	if !ok {
		return "", false
	}
	value, ok := space.stored[key]
	return value, ok
}

// Calls returns how many requests named an action, refused ones included.
func (s *Server) Calls(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[action]
}

// Actions returns the names of all actions that were called, sorted.
func (s *Server) Actions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.calls))
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 32<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	name := r.Header.Get("x-acs-action")
	s.calls[name]++

	does, refused := s.admit(r, name, body)
	if refused != nil {
		s.answer(w, refused.status, refused.members())
		return
	}
	if len(s.faults) > 0 {
		fault := s.faults[0]
		s.faults = s.faults[1:]
		if s.failKeys = fault.Keys; len(fault.Keys) > 0 {
			s.run(w, does, r, body)
			s.failKeys = nil
			return
		}
		if fault.Late {
			s.late = append(s.late, func() { s.run(httptest.NewRecorder(), does, r, body) })
			fault.Reset = true
		}
		if fault.Applied {
			s.run(httptest.NewRecorder(), does, r, body)
		}
		s.goWrong(w, fault)
		return
	}
	s.run(w, does, r, body)
}

func (s *Server) run(w http.ResponseWriter, does action, r *http.Request, body []byte) {
	parameters, refused := does.parameters(r, body)
	var result map[string]any
	if refused == nil {
		result, refused = does.run(s, parameters)
	}
	if refused != nil {
		s.answer(w, refused.status, refused.members())
		return
	}
	s.answer(w, http.StatusOK, result)
}

func (s *Server) goWrong(w http.ResponseWriter, f Fault) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	switch {
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Code == "":
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		_, _ = fmt.Fprintf(w, "<html><head><title>%d</title></head><body>%s</body></html>", f.Status,
			http.StatusText(f.Status))
	default:
		s.answer(w, f.Status, refuse(f.Status, f.Code, "The call was refused on purpose.").members())
	}
}

// answer writes the service's JSON: the members of a result or of an error,
// and the request's id.
func (s *Server) answer(w http.ResponseWriter, status int, members map[string]any) {
	members["RequestId"] = fmt.Sprintf("EEEBE525-F576-1196-8DAF-%012d", s.requests)
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(members)
}

// refusal is an error of the service.
type refusal struct {
	status        int
	code, message string
}

func refuse(status int, code, message string) *refusal { return &refusal{status, code, message} }

func (r *refusal) members() map[string]any {
	return map[string]any{
		"HostId": "edgekv.test", "Code": r.code, "Message": r.message,
		"Recommend": "see the error table of the action",
	}
}
