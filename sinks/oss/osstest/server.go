// Package osstest is a strict fake of one bucket of Alibaba Cloud OSS,
// for which there is no official emulator. It shares no code with the client:
// it verifies signatures of version 4 by itself, holds the documented rules for
// names, headers and sizes, and answers the documented errors. What the
// documents leave open it refuses, so that the client does not come to rely on
// it: headers and parameters that it does not know, payload hashes.
package osstest

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// MaxObjectBytes is as much as PutObject takes.
const MaxObjectBytes = 5 << 30

// Options of a server.
type Options struct {
	Bucket, Region               string // the one bucket, and where it is
	AccessKeyID, AccessKeySecret string // the one account that it has
	// SecurityToken makes the keys temporary ones: every request must carry it.
	SecurityToken string
	// Lookup finds further keys by their id: temporary ones, which a request
	// with SecurityTokenExpired is refused for after their end.
	Lookup func(id string) (secret, token string, ends time.Time, ok bool)
	// CNAME is a custom domain that is bound to the bucket: requests to it name
	// no bucket. Other domains are bound to none then.
	CNAME string
	// NoPublicEndpoint refuses objects at the public endpoint of the region, as
	// for accounts of the Chinese mainland made since 2025-03-20.
	NoPublicEndpoint bool
	// Versioning makes the bucket keep versions, and so ignore
	// x-oss-forbid-overwrite.
	Versioning bool
	// Stale makes a read return what was there before the latest writes, as a
	// cache in front of the bucket does, until Flush is called.
	Stale bool
	// Now is the server's clock. Default: time.Now.
	Now func() time.Time
}

// Fault is what the server does with a request instead of answering it. The
// request is verified first.
type Fault struct {
	// Status, Code and Message are the answer, as OSS writes it; without a Code
	// it is a gateway's HTML page.
	Status        int
	Code, Message string
	// Reset breaks the connection instead of answering.
	Reset bool
	// Applied carries the request out before.
	Applied bool
	// Late breaks the connection, and carries the request out when Land is called.
	Late bool
	// RetryAfter is a header of the answer.
	RetryAfter string
	// Damaged carries the request out and answers it, with one byte of the body
	// changed on its way.
	Damaged bool
}

// Object is what is stored under a name.
type Object struct {
	Body   []byte
	Header http.Header // Content-Type, Cache-Control and x-oss-meta-*
	crc    uint64
	md5    [16]byte
	at     time.Time
}

// Server is the service. It is an http.Handler, safe for concurrent use.
type Server struct {
	options Options

	mu              sync.Mutex
	stored, visible map[string]Object
	calls           map[string]int
	faults          []Fault
	requests        int
	late            []func()
}

// New returns a server with the options.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{options: o, stored: map[string]Object{}, calls: map[string]int{}}
	s.visible = s.stored
	if o.Stale {
		s.visible = map[string]Object{}
	}
	return s
}

// Fail makes the next n requests go wrong. Calls of Fail queue up.
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

// Flush shows all writes so far to every read, for a server with Stale.
func (s *Server) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visible = map[string]Object{}
	for name, o := range s.stored {
		s.visible[name] = o
	}
}

// Stored returns what is stored under a name, whatever a read may still see.
func (s *Server) Stored(name string) (Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.stored[name]
	return o, ok
}

// Calls returns how many requests had a method, refused ones included.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Actions returns what all requests so far have needed a permission for, by the
// names of RAM, sorted.
func (s *Server) Actions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for method := range s.calls {
		name, ok := map[string]string{
			http.MethodPut: "oss:PutObject", http.MethodGet: "oss:GetObject", http.MethodDelete: "oss:DeleteObject",
		}[method]
		if !ok {
			name = "unknown:" + method
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	if r.ContentLength <= MaxObjectBytes {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.calls[r.Method]++
	w.Header().Set("Server", "AliyunOSS")
	w.Header().Set("x-oss-request-id", fmt.Sprintf("5FF16B65F05BC9%010X", s.requests))

	name, refused := s.admit(r)
	if refused != nil {
		s.refuse(w, r, refused)
		return
	}
	if len(s.faults) > 0 {
		fault := s.faults[0]
		s.faults = s.faults[1:]
		s.goWrong(w, r, name, body, fault)
		return
	}
	s.run(w, r, name, body)
}

func (s *Server) goWrong(w http.ResponseWriter, r *http.Request, name string, body []byte, f Fault) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Late {
		s.late = append(s.late, func() { s.run(httptest.NewRecorder(), r, name, body) })
		f.Reset = true
	}
	if f.Applied {
		s.run(httptest.NewRecorder(), r, name, body)
	}
	switch {
	case f.Damaged && r.Method == http.MethodGet:
		kept := httptest.NewRecorder()
		s.run(kept, r, name, body)
		for header, values := range kept.Header() {
			w.Header()[header] = values
		}
		w.WriteHeader(kept.Code)
		_, _ = w.Write(damage(kept.Body.Bytes()))
	case f.Damaged:
		s.run(w, r, name, damage(body))
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Code == "":
		w.Header().Del("x-oss-request-id")
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		_, _ = fmt.Fprintf(w, "<html><head><title>%d</title></head><body>%s</body></html>", f.Status,
			http.StatusText(f.Status))
	default:
		message := f.Message
		if message == "" {
			message = "The request was refused on purpose."
		}
		s.refuse(w, r, deny(f.Status, f.Code, message))
	}
}

func damage(body []byte) []byte {
	changed := append([]byte(nil), body...)
	if len(changed) > 0 {
		changed[len(changed)/2] ^= 1
	}
	return changed
}

// refusal is an error of the service. more are the elements that only some
// errors have.
type refusal struct {
	status        int
	code, message string
	more          [][2]string
}

func deny(status int, code, message string, more ...[2]string) *refusal {
	return &refusal{status, code, message, more}
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, refused *refusal) {
	var text strings.Builder
	element := func(name, value string) {
		text.WriteString("  <" + name + ">")
		_ = xml.EscapeText(&text, []byte(value)) // to a builder: it does not fail
		text.WriteString("</" + name + ">\n")
	}
	text.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n")
	element("Code", refused.code)
	element("Message", refused.message)
	element("RequestId", w.Header().Get("x-oss-request-id"))
	element("HostId", r.Host)
	for _, more := range refused.more {
		element(more[0], more[1])
	}
	text.WriteString("</Error>\n")
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(refused.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, text.String())
	}
}
