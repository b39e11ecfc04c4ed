package dev

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// store is the key-value store of the worker, by HTTP on this machine. GET, PUT and
// DELETE /KEY are the calls that workerd makes for a binding of Workers KV; with
// ?namespace= they are those of the shim for EdgeKV. The snapshot is in every
// namespace under its key, and the worker does not overwrite it.
type store struct {
	listener net.Listener

	mu        sync.Mutex
	published map[string][]byte // by key
	written   map[string][]byte // by namespace and key
}

const (
	maxValue   = 25 << 20 // of Workers KV
	maxWritten = 10_000   // keys
)

func openStore() (*store, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &store{listener: listener, published: map[string][]byte{}, written: map[string][]byte{}}, nil
}

func (s *store) address() string { return s.listener.Addr().String() }

// publish replaces the snapshot under a key.
func (s *store) publish(key string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published[key] = body
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/"))
	if err != nil || key == "" {
		http.Error(w, "want /KEY", http.StatusBadRequest)
		return
	}
	place := r.URL.Query().Get("namespace") + "/" + key
	switch r.Method {
	case http.MethodGet:
		body, ok := s.get(key, place)
		if !ok {
			http.Error(w, "no such key", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(body) // to a worker that may have ended
	case http.MethodPut:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxValue))
		if err != nil {
			http.Error(w, "the value is too large: want at most 25 MiB", http.StatusRequestEntityTooLarge)
			return
		}
		if !s.put(key, place, body) {
			http.Error(w, "flagcast dev stores at most 10,000 keys, and does not overwrite the snapshot",
				http.StatusForbidden)
		}
	case http.MethodDelete:
		s.delete(place)
	default:
		http.Error(w, "flagcast dev has GET, PUT and DELETE of one key", http.StatusNotImplemented)
	}
}

func (s *store) get(key, place string) (body []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if body, ok = s.published[key]; !ok {
		body, ok = s.written[place]
	}
	return body, ok
}

func (s *store) put(key, place string, body []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.published[key] != nil || s.written[place] == nil && len(s.written) >= maxWritten {
		return false
	}
	s.written[place] = body
	return true
}

func (s *store) delete(place string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.written, place)
}
