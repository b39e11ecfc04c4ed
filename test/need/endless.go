package need

import (
	"io"
	"net/http"
	"sync/atomic"
)

// Endless is a service whose answers do not end: Text again and again behind
// Start. It is a transport and a handler.
type Endless struct {
	Status      int // 0: 200
	Header      http.Header
	Start, Text string
	Length      int64        // the Content-Length that it claims; 0: none
	Read        atomic.Int64 // bytes that were read of all answers
}

// RoundTrip implements http.RoundTripper.
func (e *Endless) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	response := &http.Response{
		StatusCode: max(e.Status, http.StatusOK), Header: http.Header{}, ContentLength: -1, Request: r,
		Body: io.NopCloser(&repeating{e: e, left: e.Start}),
	}
	for name, values := range e.Header {
		response.Header[name] = values
	}
	if e.Length > 0 {
		response.ContentLength = e.Length
	}
	return response, nil
}

// ServeHTTP implements http.Handler. It ends when the client has gone.
func (e *Endless) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for name, values := range e.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(max(e.Status, http.StatusOK))
	_, _ = io.Copy(w, &repeating{e: e, left: e.Start})
}

type repeating struct {
	e    *Endless
	left string
}

func (r *repeating) Read(b []byte) (n int, err error) {
	for n < len(b) {
		if r.left == "" {
			r.left = r.e.Text
		}
		m := copy(b[n:], r.left)
		r.left, n = r.left[m:], n+m
	}
	r.e.Read.Add(int64(n))
	return n, nil
}
