package sinktest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
)

// Transport returns a transport that calls a handler as if over a network, so
// that pauses between attempts take no real time under synctest. A handler that
// panics, as with http.ErrAbortHandler, breaks the connection; one that waits
// for the context of its request is slow, and its answer then comes too late.
func Transport(handler http.Handler) http.RoundTripper { return inMemory{handler} }

type inMemory struct{ handler http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (response *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil {
			response, err = nil, io.ErrUnexpectedEOF
		}
	}()
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	incoming := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), r.Body)
	incoming.Host, incoming.Header, incoming.ContentLength = r.URL.Host, r.Header.Clone(), r.ContentLength
	recorder := httptest.NewRecorder()
	m.handler.ServeHTTP(recorder, incoming)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}
